"""Versions that have to fit the next one: kubelets, kube-proxy, add-ons, Karpenter, charts; and EKS's insights."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.model.errors import AccessDenied, NotShown, Transient
from resources.upgrade.live import ChartRendering, Insights, Step
from tests.helpers.published import configured
from tests.upgrade.plain_live import NOW, PlainLive, look, obj


def node(name: str, kubelet: str) -> dict[str, Any]:
    return obj("v1", "Node", name, status={"nodeInfo": {"kubeletVersion": kubelet}})


def test_kubelets_may_be_three_minors_older_and_no_more(sandbox_env: Environment) -> None:
    """EKS refuses the fourth; with the third there is no step more."""
    nodes = [node("a", "v1.31.9-eks-1"), node("b", "v1.32.0"), node("c", "v1.33.0"), node("d", "v1.34.2")]
    group = {"nodegroupName": "old", "version": "1.31"}
    blocker, warning = look(PlainLive(sandbox_env, {"v1/Node": nodes}, groups=[group]), "kubelet versions")
    assert (blocker.severity, warning.severity) == ("blocker", "warning")
    assert blocker.evidence == ("a: v1.31.9-eks-1", "node group old: 1.31")
    assert warning.evidence == ("b: v1.32.0",)
    assert blocker.way_out


def test_kube_proxy_counts_as_an_addon_or_as_a_daemon_set(sandbox_env: Environment) -> None:
    template = {"spec": {"containers": [{"image": "registry.example/eks/kube-proxy:v1.31.2-minimal-eksbuild.1"}]}}
    daemon = obj("apps/v1", "DaemonSet", "kube-proxy", "kube-system", spec={"template": template})
    live = PlainLive(sandbox_env, {"apps/v1/DaemonSet": [daemon]})
    (own,) = look(live, "kube proxy version")
    assert own.evidence == ("DaemonSet kube-system/kube-proxy: v1.31.2-minimal-eksbuild.1",)
    live.installed = [{"addonName": "kube-proxy", "addonVersion": "v1.34.0-eksbuild.2"}]
    assert look(live, "kube proxy version") == ()


def addon(version: str) -> list[dict[str, Any]]:
    return [{"addonName": "coredns", "addonVersion": version}]


@pytest.mark.parametrize(
    ("before", "after", "severity", "words"),
    [
        (["v1", "v2"], ["v2", "v1"], None, ""),
        (["v1", "v2"], ["v3", "v2"], "warning", "set version: v2 of coredns"),
        (["v1"], ["v2"], "warning", "the deploy after the upgrade brings v2"),
        (["v1"], [], "blocker", "take it out of addons"),
    ],
)
def test_addon_should_have_a_version_that_fits_both(
    sandbox_env: Environment, before: list[str], after: list[str], severity: str | None, words: str
) -> None:
    offered = {("coredns", "1.34"): before, ("coredns", "1.35"): after}
    findings = look(PlainLive(sandbox_env, installed=addon("v1"), offered=offered), "addon versions")
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    assert all(words in finding.way_out for finding in findings)


def test_pinned_addon_version_that_the_next_version_lacks_is_a_blocker(sandbox_env: Environment) -> None:
    """EKS takes a version with and without its v."""
    env = configured(sandbox_env, addons=[{"name": "coredns", "version": "1.0.0"}])
    offered = {("coredns", "1.34"): ["v1.0.0", "v1.1.0"], ("coredns", "1.35"): ["v1.2.0", "v1.1.0"]}
    live = PlainLive(env, installed=addon("v1.0.0"), offered=offered)
    (finding,) = look(live, "addon versions")
    assert finding.severity == "blocker"
    assert "set version: v1.1.0 of coredns" in finding.way_out
    live.offered["coredns", "1.35"] = ["v1.0.0"]
    assert look(live, "addon versions") == ()


def test_karpenter_has_to_know_the_next_version(sandbox_env: Environment) -> None:
    """1.9 is the first that knows 1.35; of 1.37 this program knows nothing."""
    old = sandbox_env.model_copy(update={"karpenter_version": "1.8.2"})
    (blocker,) = look(PlainLive(old), "karpenter version")
    assert 'karpenter_version: "1.9.0"' in blocker.way_out
    assert look(PlainLive(sandbox_env), "karpenter version") == ()
    (warning,) = look(PlainLive(sandbox_env), "karpenter version", Step("1.36", "1.37"))
    assert (blocker.severity, warning.severity) == ("blocker", "warning")


def test_chart_that_helm_does_not_render_for_the_version_is_a_blocker_with_helms_words(
    sandbox_env: Environment,
) -> None:
    refusal = "Error: chart requires kubeVersion: <1.35.0 which is incompatible with Kubernetes v1.35.0"
    charts = [ChartRendering("loki", "loki 6.0.0", refusal=refusal), ChartRendering("karpenter", "karpenter 1.14.1")]
    (finding,) = look(PlainLive(sandbox_env, rendered=charts), "chart ranges")
    assert (finding.severity, finding.object, finding.evidence) == ("blocker", "loki", (refusal,))
    assert "addons.loki.version" in finding.way_out


def insight(status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "1-2",
        "name": "Deprecated APIs removed in Kubernetes v1.35",
        "kubernetesVersion": "1.35",
        "lastRefreshTime": NOW,
        "insightStatus": {"status": status, "reason": "somebody asks for one"},
        "recommendation": "Move to the new version.",
        **more,
    }


@pytest.mark.parametrize(
    ("status", "severity"),
    [("PASSING", None), ("WARNING", "warning"), ("ERROR", "blocker"), ("UNKNOWN", "unknown"), ("BETTER", "unknown")],
)
def test_status_of_an_insight_decides(sandbox_env: Environment, status: str, severity: str | None) -> None:
    """One that AWS adds later is none that may be taken for good."""
    findings = look(PlainLive(sandbox_env, found=Insights([insight(status)], NOW)), "upgrade insights")
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    assert all(finding.way_out == "Move to the new version." for finding in findings)


def test_insight_shows_who_asked_and_when_last(sandbox_env: Environment) -> None:
    """It outlives what it was found of by up to 30 days."""
    client = {"userAgent": "old-operator", "numberOfRequestsLast30Days": 4, "lastRequestTime": NOW}
    detail = {"usage": "/apis/a/v1beta1/b", "replacedWith": "/apis/a/v1/b", "stopServingVersion": "1.35"}
    summary = {"deprecationDetails": [{**detail, "clientStats": [client]}]}
    found = Insights([insight("ERROR", categorySpecificSummary=summary)], NOW)
    (finding,) = look(PlainLive(sandbox_env, found=found), "upgrade insights")
    assert finding.evidence == (
        "/apis/a/v1beta1/b is served until 1.35; its successor: /apis/a/v1/b",
        f"old-operator asked 4 times in 30 days, last at {NOW}",
    )


def test_insight_from_before_the_last_change_says_nothing(sandbox_env: Environment) -> None:
    found = Insights([insight("PASSING")], NOW + dt.timedelta(minutes=1), False, "not brought up to date: denied")
    (finding,) = look(PlainLive(sandbox_env, found=found), "upgrade insights")
    assert finding.severity == "unknown"
    assert "not brought up to date: denied" in finding.evidence
    assert "start-insights-refresh" in finding.way_out


def test_no_insight_is_unknown_for_the_next_version_and_a_note_for_those_after(sandbox_env: Environment) -> None:
    """EKS looks at the next minor version alone."""
    later = Step("1.35", "1.36", is_first=False)
    (now,), (then,) = (look(PlainLive(sandbox_env), "upgrade insights", step) for step in (Step("1.34", "1.35"), later))
    assert (now.severity, then.severity) == ("unknown", "note")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AccessDenied("AWS says AccessDeniedException"), "eks-assets bootstrap sandbox --apply"),
        (NotShown("not for the planner", next_step="name other credentials"), "name other credentials"),
        (Transient("AWS does not answer"), "eks-assets doctor sandbox"),
    ],
)
def test_what_cannot_be_read_is_unknown_with_a_way_out(sandbox_env: Environment, error: Any, words: str) -> None:
    (finding,) = look(PlainLive(sandbox_env, faults={"insights": error}), "upgrade insights")
    assert finding.severity == "unknown"
    assert error.message in finding.message
    assert words in finding.way_out
