"""EKS's own upgrade insights. Source: EKS user guide, "Prepare for Kubernetes version upgrades and troubleshoot
misconfigurations with cluster insights"; API, ListInsights, DescribeInsight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resources.upgrade.findings import Severity
from resources.upgrade.live import Finding, Insights, Live, Step
from resources.upgrade.registry import upgrade_check

_SEVERITY: dict[str, Severity] = {"ERROR": "blocker", "WARNING": "warning", "UNKNOWN": "unknown"}
_MOST = 5  # clients and resources that are named


@upgrade_check
def check_upgrade_insights(live: Live, step: Step) -> Iterator[Finding]:
    """Those of the version; of one further up the chain EKS may have none yet."""
    answer = live.insights()
    mine = [i for i in answer.insights if i.get("kubernetesVersion") in (step.after, None, "")]
    if not mine:
        yield _none(live, step)
    for insight in mine:
        yield from _stale(insight, answer, live)
        status = str(insight["insightStatus"]["status"])
        if status != "PASSING":
            yield _finding(insight, status, live)


def _none(live: Live, step: Step) -> Finding:
    cluster = f"cluster {live.env.cluster_name}"
    if not step.is_first:
        message = f"EKS has no insights on {step.after} yet; it has once the cluster runs {step.before}"
        return Finding("note", cluster, message)
    message = f"EKS has no insights on Kubernetes {step.after}: it has not looked yet, or nobody may ask it to"
    return Finding(
        "unknown", cluster, message, f"aws eks start-insights-refresh --cluster-name {live.env.cluster_name}"
    )


def _stale(insight: Mapping[str, Any], answer: Insights, live: Live) -> Iterator[Finding]:
    looked = insight.get("lastRefreshTime")
    if looked is not None and looked >= answer.last_change:
        return
    evidence = (f"looked at {looked}, last change {answer.last_change}", *([answer.reason] if answer.reason else []))
    message = f"{insight['name']}: EKS has looked last before the last change of the cluster, so it says nothing"
    way_out = f"aws eks start-insights-refresh --cluster-name {live.env.cluster_name}, then ask again"
    yield Finding("unknown", f"insight {insight['id']}", message, way_out, evidence)


def _finding(insight: Mapping[str, Any], status: str, live: Live) -> Finding:
    reason = insight["insightStatus"].get("reason") or insight.get("description") or "no reason given"
    # A status that AWS adds later is none that we may take for good.
    severity = _SEVERITY.get(status, "unknown")
    command = f"aws eks describe-insight --cluster-name {live.env.cluster_name} --id {insight['id']}"
    way_out = str(insight.get("recommendation") or "") or f"{command} says more"
    return Finding(
        severity, f"insight {insight['id']}", f"{insight['name']}: {status}: {reason}", way_out, tuple(_seen(insight))
    )


def _seen(insight: Mapping[str, Any]) -> Iterator[str]:
    """What EKS saw. It looks back 30 days, so that a finding outlives what it was found of: the last time counts."""
    for resource in (insight.get("resources") or ())[:_MOST]:
        name = resource.get("kubernetesResourceUri") or resource.get("arn") or "a resource"
        yield f"{name}: {(resource.get('insightStatus') or {}).get('status', 'no status')}"
    summary = insight.get("categorySpecificSummary") or {}
    for detail in summary.get("deprecationDetails") or ():
        use = f"{detail.get('usage')} is served until {detail.get('stopServingVersion')}"
        yield f"{use}; its successor: {detail.get('replacedWith') or 'none'}"
        for client in (detail.get("clientStats") or ())[:_MOST]:
            asked = client.get("numberOfRequestsLast30Days")
            yield f"{client.get('userAgent')} asked {asked} times in 30 days, last at {client.get('lastRequestTime')}"
    for detail in summary.get("addonCompatibilityDetails") or ():
        fitting = ", ".join(detail.get("compatibleVersions") or ()) or "none"
        yield f"add-on {detail.get('name')}: compatible versions {fitting}"
