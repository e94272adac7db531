"""What the account has to have for it: free addresses, images of nodes that are still made, support.

Source: EKS user guide, "Update existing cluster to new Kubernetes version" (up to five addresses), "Amazon Linux 2
end-of-support", "Understand the Kubernetes version lifecycle on EKS"; Kubernetes 1.35, kubelet `failCgroupV1`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from resources.prices import AS_OF, extended_support_cost
from resources.upgrade.live import Finding, Live, Step
from resources.upgrade.registry import first_step_check, upgrade_check

_ADDRESSES = 5  # that EKS takes for new control plane interfaces
_LAST_OF_AL2 = 32  # the last minor with an image of Amazon Linux 2
_LAST_WITH_CGROUP_V1 = 34
_SOON = dt.timedelta(days=60)
_AL2 = "Amazon Linux 2"


@first_step_check
def check_free_addresses(live: Live, _: Step) -> Iterator[Finding]:
    """EKS puts new interfaces into the subnets that the cluster names, and refuses where too few addresses are free."""
    free = {str(s["SubnetId"]): (int(s["AvailableIpAddressCount"]), s.get("AvailabilityZone")) for s in live.subnets()}
    evidence = tuple(f"{name} ({zone}): {count} free" for name, (count, zone) in sorted(free.items()))
    enough = {zone for count, zone in free.values() if count >= _ADDRESSES}
    way_out = (
        "free some (aws ec2 describe-network-interfaces shows whose they are), or name further subnets: vpc.subnets"
    )
    if len(enough) < min(2, len({zone for _, zone in free.values()})):
        message = (
            f"EKS needs up to {_ADDRESSES} free addresses in subnets of two zones, and finds them in {len(enough)}"
        )
        yield Finding("blocker", "subnets of the control plane", message, way_out, evidence)
    elif any(count < _ADDRESSES for count, _ in free.values()):
        message = f"some subnets have fewer than {_ADDRESSES} free addresses"
        yield Finding("warning", "subnets of the control plane", message, way_out, evidence)


@upgrade_check
def check_node_images(live: Live, step: Step) -> Iterator[Finding]:
    """Nodes of Amazon Linux 2, of which EKS makes no more images, and which only has cgroup v1."""
    names = [
        f"node {node['metadata']['name']}: {info['osImage']}"
        for node in live.objects("v1", "Node")
        if _is_al2(info := (node.get("status") or {}).get("nodeInfo") or {})
    ]
    groups = [g for g in live.node_groups() if str(g.get("amiType", "")).startswith("AL2_")]
    names += [f"node group {group['nodegroupName']}: {group['amiType']}" for group in groups]
    if names and step.minor > _LAST_OF_AL2:
        cgroup = " and its kubelet does not start on cgroup v1" if step.minor > _LAST_WITH_CGROUP_V1 else ""
        message = f"there is no image of Amazon Linux 2 for Kubernetes {step.after}{cgroup}"
        way_out = "amiFamily: AmazonLinux2023 in the ClusterConfig, and deploy; of EC2NodeClasses: alias al2023@latest"
        yield Finding("blocker", "nodes of Amazon Linux 2", message, way_out, tuple(sorted(names)))
    own = [f"node group {g['nodegroupName']}" for g in live.node_groups() if g.get("amiType") == "CUSTOM"]
    if own and step.is_first:
        message = f"whether their own image has kubelet {step.after} and cgroup v2, nobody but its maker knows"
        way_out = "build one for the new version, and name it in their launch template"
        yield Finding("warning", "images of one's own", message, way_out, tuple(sorted(own)))


def _is_al2(info: Mapping[str, Any]) -> bool:
    image = str(info.get("osImage", ""))
    return image == _AL2 or image.startswith(f"{_AL2} ") or ".amzn2." in str(info.get("kernelVersion", ""))


@upgrade_check
def check_support(live: Live, step: Step) -> Iterator[Finding]:
    """Until when both versions are supported, and what they cost then."""
    versions, today = live.cluster_versions(), dt.datetime.now(dt.UTC).date()
    for version in (step.before, step.after) if step.is_first else (step.after,):
        if version not in versions:
            message = f"EKS does not offer Kubernetes {version} in {live.env.region}"
            if version == step.after:
                yield Finding("blocker", f"Kubernetes {version}", message, f"one of {', '.join(sorted(versions))}")
            continue
        yield _support(version, versions[version], today, is_target=version == step.after)


def _support(version: str, known: Mapping[str, Any], today: dt.date, *, is_target: bool) -> Finding:
    standard, extended = _day(known.get("endOfStandardSupportDate")), _day(known.get("endOfExtendedSupportDate"))
    evidence = (
        f"asked of EKS: standard support until {standard or 'an unknown day'}, extended until "
        f"{extended or 'an unknown day'}",
    )
    what, cost = f"Kubernetes {version}", extended_support_cost()
    price = f"extended support costs {cost:.0f} US dollars a month more for a cluster (list price of {AS_OF})"
    if standard is None:
        return Finding("note", what, "EKS names no end of its support yet", evidence=evidence)
    left = (standard - today).days
    if left < 0:
        ended = f"its standard support ended {-left} days ago; {price}"
        if is_target:
            return Finding("warning", what, ended, "go on to a newer version", evidence)
        return Finding("note", what, ended, evidence=evidence)
    words = f"its standard support ends in {left} days; {price}"
    if is_target and standard < today + _SOON:
        return Finding("warning", what, words, "go on to a newer version soon", evidence)
    return Finding("note", what, words, evidence=evidence)


def _day(value: Any) -> dt.date | None:
    return value.date() if isinstance(value, dt.datetime) else None
