"""EKS upgrade and rollback insights, computed from the cluster's node groups and add-ons, and from what its API server
was asked for since it started (EKS: in 30 days).

Source: EKS user guide, "Prepare for Kubernetes version upgrades and troubleshoot misconfigurations with cluster
insights"; API, Insight.
"""

import hashlib
from typing import Any

from ministack.services import eks

from ..supervisor_client import SupervisorError, supervisor
from .nodegroups import MAXIMUM_SKEW
from .records import EksRefusal, Record, Response, answer, cluster_of, minor, nodegroups_of, now
from .versions import addon_versions

_SEVERITY = ("PASSING", "WARNING", "ERROR", "UNKNOWN")


def require_ready(cluster: Record, category: str) -> None:
    """Raises EksRefusal where an insight of the category is an ERROR (API reference, UpdateClusterVersion)."""
    if any(i["category"] == category and i["insightStatus"]["status"] == "ERROR" for i in _insights(cluster)):
        raise EksRefusal(
            "InvalidStateException",
            "Amazon EKS detected upgrade readiness issues. Call the ListInsights API to view detected upgrade blocking "
            "issues. Pass the force flag when updating to override upgrade readiness errors.",
        )


def list_insights(name: str, body: Record) -> Response:
    """ListInsights, filtered by categories, Kubernetes versions and statuses."""
    wanted = body.get("filter") or {}
    chosen = [
        insight
        for insight in _insights(cluster_of(name))
        if (not wanted.get("categories") or insight["category"] in wanted["categories"])
        and (not wanted.get("kubernetesVersions") or insight["kubernetesVersion"] in wanted["kubernetesVersions"])
        and (not wanted.get("statuses") or insight["insightStatus"]["status"] in wanted["statuses"])
    ]
    details = ("recommendation", "additionalInfo", "resources", "categorySpecificSummary")
    return answer({"insights": [{k: v for k, v in insight.items() if k not in details} for insight in chosen]})


def describe_insight(name: str, identifier: str) -> Response:
    """DescribeInsight. Raises EksRefusal when there is no such insight."""
    for insight in _insights(cluster_of(name)):
        if insight["id"] == identifier:
            return answer({"insight": insight})
    raise EksRefusal("ResourceNotFoundException", f"No insight found for ID: {identifier}", 404)


def start_refresh(name: str) -> Response:
    """StartInsightsRefresh."""
    cluster_of(name)["_insights_refreshed"] = now()
    return answer({"message": "Insights refresh is in progress", "status": "IN_PROGRESS"})


def describe_refresh(name: str) -> Response:
    """DescribeInsightsRefresh. Raises EksRefusal when none was started."""
    refreshed = cluster_of(name).get("_insights_refreshed")
    if refreshed is None:
        raise EksRefusal("ResourceNotFoundException", f"No insights refresh found for cluster: {name}", 404)
    return answer(
        {
            "message": "Insights refresh completed successfully",
            "status": "COMPLETED",
            "startedAt": refreshed,
            "endedAt": refreshed,
        }
    )


def _insights(cluster: Record) -> list[Record]:
    upgrade = f"1.{minor(cluster['version']) + 1}"
    found = [
        _kubelet_skew(cluster, upgrade),
        _kube_proxy_skew(cluster, upgrade),
        _addon_compatibility(cluster, upgrade),
        _removed_apis(cluster, upgrade),
    ]
    previous = (cluster.get("_last_upgrade") or {}).get("from")
    if previous:
        found.append(_rollback(cluster, previous))
    return found


def _insight(
    cluster: Record,
    category: str,
    title: str,
    version: str,
    resources: dict[str, str],
    reason: str,
    *,
    status: str = "",
    details: dict[str, Any] | None = None,
) -> Record:
    status = status or max(resources.values(), key=_SEVERITY.index, default="PASSING")
    identifier = hashlib.sha256(f"{cluster['arn']}{category}{title}".encode()).hexdigest()
    refreshed = cluster.get("_insights_refreshed") or cluster["createdAt"]
    return {
        "id": f"{identifier[:8]}-{identifier[8:12]}-{identifier[12:16]}-{identifier[16:20]}-{identifier[20:32]}",
        "name": title,
        "category": category,
        "kubernetesVersion": version,
        "lastRefreshTime": refreshed,
        "lastTransitionTime": refreshed,
        "description": f"{title}.",
        "insightStatus": {"status": status, "reason": reason},
        "recommendation": "" if status == "PASSING" else f"{reason} Update what is listed before the cluster.",
        "additionalInfo": {},
        "resources": [
            {"insightStatus": {"status": found, "reason": reason}, "arn": arn} for arn, found in resources.items()
        ],
        "categorySpecificSummary": {"deprecationDetails": [], "addonCompatibilityDetails": []} | (details or {}),
    }


def _skew_status(target: str, version: str) -> str:
    behind = minor(target) - minor(version)
    if behind > MAXIMUM_SKEW:
        return "ERROR"
    return "WARNING" if behind == MAXIMUM_SKEW else "PASSING"


def _kubelet_skew(cluster: Record, target: str) -> Record:
    statuses = {
        group["nodegroupArn"]: _skew_status(target, group["version"]) for group in nodegroups_of(cluster["name"])
    }
    worst = {arn: status for arn, status in statuses.items() if status != "PASSING"}
    reason = (
        "Node kubelet versions match or are within the supported skew."
        if not worst
        else (f"Some kubelets would be {MAXIMUM_SKEW} or more minors older than Kubernetes {target}.")
    )
    return _insight(cluster, "UPGRADE_READINESS", "Kubelet version skew", target, worst, reason)


def _kube_proxy_skew(cluster: Record, target: str) -> Record:
    addon = eks._addons.get(f"{cluster['name']}/kube-proxy")
    status = _skew_status(target, addon["addonVersion"].lstrip("v")) if addon else "PASSING"
    worst = {addon["addonArn"]: status} if status != "PASSING" else {}
    reason = (
        "kube-proxy versions match the cluster control plane version."
        if not worst
        else (f"kube-proxy {addon['addonVersion']} would be too old for Kubernetes {target}.")
    )
    return _insight(cluster, "UPGRADE_READINESS", "kube-proxy version skew", target, worst, reason)


def _addon_compatibility(cluster: Record, target: str) -> Record:
    """An add-on that is unhealthy is an error; one whose version EKS does not offer for the next version a warning."""
    statuses, details = {}, []
    for key, addon in list(eks._addons.items()):
        if not key.startswith(f"{cluster['name']}/"):
            continue
        fitting = addon_versions(addon["addonName"], target)
        if addon["status"] not in ("ACTIVE", "CREATING", "UPDATING"):
            statuses[addon["addonArn"]] = "ERROR"
        elif addon["addonVersion"] not in fitting:
            statuses[addon["addonArn"]] = "WARNING"
            details.append({"name": addon["addonName"], "compatibleVersions": list(fitting)})
    reason = "All installed EKS add-on versions are compatible."
    if statuses:
        reason = f"Some add-ons are unhealthy, or of a version that is not compatible with Kubernetes {target}."
    title = "EKS add-on version compatibility"
    return _insight(
        cluster,
        "UPGRADE_READINESS",
        title,
        target,
        statuses,
        reason,
        details={"addonCompatibilityDetails": details},
    )


def _removed_apis(cluster: Record, target: str) -> Record:
    """From what the API server says that it was asked for."""
    title, status = f"Deprecated APIs removed in Kubernetes v{target}", "PASSING"
    reason, details = "No deprecated API usage detected within the last 30 days.", []
    client = supervisor()
    try:
        asked = client.get(f"/clusters/{cluster['name']}/deprecated-apis").get("apis", []) if client is not None else []
    except SupervisorError as failure:
        asked, status, reason = [], "UNKNOWN", f"The API server could not be asked: {failure}"
    for api in asked:
        if api["removed_release"] == target:
            status, reason = "ERROR", "Deprecated API usage detected within last 30 days."
            details.append(
                {
                    "usage": f"/apis/{api['group']}/{api['version']}/{api['resource']}",
                    "replacedWith": "",
                    "stopServingVersion": target,
                    "startServingReplacementVersion": "",
                    "clientStats": [],
                }
            )
    return _insight(
        cluster, "UPGRADE_READINESS", title, target, {}, reason, status=status, details={"deprecationDetails": details}
    )


def _rollback(cluster: Record, previous: str) -> Record:
    newer = {
        group["nodegroupArn"]: "ERROR"
        for group in nodegroups_of(cluster["name"])
        if minor(group["version"]) > minor(previous)
    }
    reason = (
        "No kubelet is newer than the version to return to."
        if not newer
        else (f"Some kubelets are newer than Kubernetes {previous}.")
    )
    return _insight(cluster, "ROLLBACK_READINESS", "Kubelet version skew", previous, newer, reason)
