"""Changes of an EKS cluster that are refused while planning, before anything starts: pure.

Source: CloudFormation, AWS::EKS::Cluster ("Update requires: Replacement"); EKS user guide, "Update existing cluster to
new Kubernetes version" (one minor at a time).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resources.model.errors import Refused

CLUSTER = "AWS::EKS::Cluster"
# Literal properties whose change makes CloudFormation delete the cluster and create another.
_FIXED = (
    ("Name",),
    ("BootstrapSelfManagedAddons",),
    ("OutpostConfig",),
    ("KubernetesNetworkConfig", "IpFamily"),
    ("KubernetesNetworkConfig", "ServiceIpv4Cidr"),
    ("AccessConfig", "BootstrapClusterCreatorAdminPermissions"),
)


def refuse_cluster_changes(
    stack: str, before: Mapping[str, Any], after: Mapping[str, Any], *, may_lower: bool = False
) -> None:
    """Raises Refused where a template change would replace a cluster, remove it, or move its Kubernetes version
    otherwise than one minor up (`may_lower`: or down). `before` and `after` are whole templates."""
    wanted = after.get("Resources", {})
    for logical_id, resource in before.get("Resources", {}).items():
        if resource.get("Type") != CLUSTER:
            continue
        if wanted.get(logical_id, {}).get("Type") != CLUSTER:
            raise Refused(f"stack {stack}: the change would delete the EKS cluster {logical_id}")
        old, new = resource.get("Properties", {}), wanted[logical_id].get("Properties", {})
        if fixed := list(_changed(old, new)):
            raise Refused(
                f"stack {stack}: the change would replace the EKS cluster {old.get('Name', logical_id)}, "
                f"with everything in it: {', '.join(fixed)}",
                next_step="undo that change; what it sets is fixed for the life of a cluster. "
                "Another value takes another environment with a cluster of its own",
            )
        name, (then, now) = str(old.get("Name", logical_id)), (old.get("Version"), new.get("Version"))
        is_one_down = None not in (minor_of(then), minor_of(now)) and (minor_of(then) or 0) - 1 == minor_of(now)
        if not (may_lower and is_one_down):
            _refuse_version(name, then, now)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for path in _FIXED:
        before, after = _at(old, path), _at(new, path)
        if before != after:
            yield f"{'.'.join(path)} from {_words(before)} to {_words(after)}"
    if bool(old.get("EncryptionConfig")) != bool(new.get("EncryptionConfig")):
        yield f"EncryptionConfig {'added' if new.get('EncryptionConfig') else 'removed'}"


def _at(properties: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = properties
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _words(value: Any) -> str:
    return "EKS's own choice" if value is None else str(value)


def _refuse_version(cluster: str, old: Any, new: Any) -> None:
    before, after = minor_of(old), minor_of(new)
    if before is None or after is None or after in (before, before + 1):
        return
    if after < before:
        raise Refused(
            f"the EKS cluster {cluster} runs Kubernetes {old}; {new} is lower, and add-ons, nodes and what is stored "
            "do not go back with it",
            next_step=f'set kubernetes_version: "{old}" again',
        )
    raise Refused(
        f"the EKS cluster {cluster} runs Kubernetes {old}; EKS upgrades one minor at a time, not to {new} at once",
        next_step=f"eks-assets upgrade ENV --to {new} goes there, one minor after the other",
    )


def minor_of(version: Any) -> int | None:
    """The minor of a Kubernetes version such as 1.34; None for anything else."""
    major, _, minor = str(version).partition(".")
    return int(minor) if major == "1" and minor.isdigit() else None
