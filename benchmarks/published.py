"""Published durations of EKS stacks, in minutes, and the longest path through them. Nothing here is measured.

Source: AWS documentation and eksctl's and Karpenter's guides, collected as "Stacks, what each waits for, and typical
minutes". The embedded AWS takes these minutes divided by SCALE.
"""

from __future__ import annotations

from functools import cache

from eks_assets.units import load_registry

SCALE = 20.0
MINUTES = {
    "network": 4.0,
    "efs": 3.0,
    "karpenter_stack": 2.0,
    "cluster": 10.0,
    "access_entries": 1.0,
    "daemon_addons": 1.0,
    "identity": 1.0,
    "node_groups": 3.0,
    "pod_addons": 2.0,
}
# The resource of each stack that takes the time, as the embedded AWS names it: `type/logical id`.
SLOW_RESOURCE = {
    "network": "AWS::EC2::NatGateway",
    "efs": "AWS::EFS::MountTarget",
    "karpenter_stack": "AWS::Events::Rule",
    "cluster": "AWS::EKS::Cluster",
    "access_entries": "AWS::EKS::AccessEntry",
    "daemon_addons": "AWS::EKS::Addon",
    "identity": "AWS::EKS::PodIdentityAssociation",
    "node_groups": "AWS::EKS::Nodegroup",
    "pod_addons": "AWS::EKS::Addon/Coredns",
}


def delays() -> dict[str, float]:
    """Seconds that the embedded AWS takes at least, by resource."""
    return {SLOW_RESOURCE[unit]: minutes * 60 / SCALE for unit, minutes in MINUTES.items()}


def published_units() -> tuple[str, ...]:
    """The units of the table and what they need, in order."""
    units = load_registry()
    found = set(MINUTES)
    for unit in reversed(units.units):
        if unit.name in found:
            found.update(units.needs[unit.name])
    return tuple(unit.name for unit in units.units if unit.name in found)


def critical_path_seconds() -> float:
    """The longest path through the published table, in scaled seconds, over the true dependencies."""
    units = load_registry()

    @cache
    def ends(name: str) -> float:
        return MINUTES.get(name, 0.0) + max((ends(need) for need in units.needs[name]), default=0.0)

    return max(ends(unit.name) for unit in units.units) * 60 / SCALE
