"""UpdateClusterVersion (one minor up, or one down as a rollback) and UpdateClusterConfig."""

from typing import Any

from ..supervisor_client import SupervisorError
from . import updates
from .clusters import attach_control_plane
from .insights import require_ready
from .nodegroups import MAXIMUM_SKEW
from .records import EksRefusal, Record, Response, cluster_of, minor, nodegroups_of, now, require_subnets, start
from .versions import require_supported

# Seconds after an upgrade during which the control plane can go back one minor.
ROLLBACK_WINDOW = 7 * 24 * 3600

_CONFIG_UPDATES = {
    "logging": ("LoggingUpdate", "ClusterLogging"),
    "accessConfig": ("AccessConfigUpdate", "AuthenticationMode"),
    "upgradePolicy": ("UpgradePolicyUpdate", "UpgradePolicy"),
    "zonalShiftConfig": ("ZonalShiftConfigUpdate", "ZonalShiftConfig"),
    "deletionProtection": ("DeletionProtectionUpdate", "DeletionProtection"),
    "remoteNetworkConfig": ("RemoteNetworkConfigUpdate", "RemoteNetworkConfig"),
    "computeConfig": ("AutoModeUpdate", "ComputeConfig"),
    "storageConfig": ("AutoModeUpdate", "StorageConfig"),
    "kubernetesNetworkConfig": ("AutoModeUpdate", "KubernetesNetworkConfig"),
    "controlPlaneScalingConfig": ("ControlPlaneScalingConfigUpdate", "UpdatedTier"),
}


def update_version(name: str, body: Record) -> Response:
    """UpdateClusterVersion. Raises EksRefusal for anything but the next minor, or the previous one as a rollback, and,
    without `force`, where an insight is against it."""
    cluster = _updatable(name)
    current, wanted = cluster["version"], str(body.get("version") or "")
    require_supported(wanted)
    step = minor(wanted) - minor(current)
    if step == 0:
        message = f"Cluster is already at the desired configuration with version {wanted}"
        raise EksRefusal("InvalidParameterException", message)
    if step not in (1, -1):
        message = f"Unsupported Kubernetes minor version update from {current} to {wanted}"
        raise EksRefusal("InvalidParameterException", message)
    if step == 1:
        _require_recent_nodes(name, wanted)
    else:
        _require_rollback(cluster, wanted)
    if not body.get("force"):
        require_ready(cluster, "UPGRADE_READINESS" if step == 1 else "ROLLBACK_READINESS")
    kind = "VersionUpdate" if step == 1 else "VersionRollback"
    update = updates.begin(cluster, kind, {"Version": wanted, "PlatformVersion": "eks.4"})
    cluster["status"] = "UPDATING"
    response = updates.updated(update)
    start(_change_version, cluster, update, wanted)
    return response if update["status"] == "InProgress" else updates.updated(update)


def _updatable(name: str) -> Record:
    cluster = cluster_of(name)
    if cluster["status"] != "ACTIVE":
        message = f"Cannot update cluster {name}: it is in status {cluster['status']}"
        raise EksRefusal("ResourceInUseException", message, 409)
    return cluster


def _require_recent_nodes(name: str, wanted: str) -> None:
    old = [group for group in nodegroups_of(name) if minor(wanted) - minor(group["version"]) > MAXIMUM_SKEW]
    if old:
        raise EksRefusal(
            "InvalidRequestException",
            f"Nodegroups {', '.join(group['nodegroupName'] for group in old)} must be updated before the cluster can "
            f"be updated to version {wanted}: a kubelet may be at most {MAXIMUM_SKEW} minors older.",
        )


def _require_rollback(cluster: Record, wanted: str) -> None:
    upgrade = cluster.get("_last_upgrade") or {}
    if upgrade.get("from") != wanted or now() - float(upgrade.get("at", 0)) > ROLLBACK_WINDOW:
        raise EksRefusal(
            "InvalidParameterException",
            f"Cannot roll back from {cluster['version']} to {wanted}: a cluster can only return to the version it was "
            "upgraded from, within 7 days.",
        )
    newer = [group for group in nodegroups_of(cluster["name"]) if minor(group["version"]) > minor(wanted)]
    if newer:
        raise EksRefusal(
            "InvalidRequestException",
            f"Nodegroups {', '.join(group['nodegroupName'] for group in newer)} are newer than {wanted}: roll them "
            "back first.",
        )


def _change_version(cluster: Record, update: Record, wanted: str) -> None:
    previous = cluster["version"]
    try:
        attach_control_plane({**cluster, "version": wanted})
        if update["status"] == "Cancelled":
            attach_control_plane(cluster)
        else:
            cluster["version"] = wanted
            upgraded = minor(wanted) > minor(previous)
            cluster["_last_upgrade"] = {"from": previous, "at": now()} if upgraded else {}
            updates.succeed(update)
    except SupervisorError as failure:
        updates.fail(update, str(failure))
    cluster["status"] = "ACTIVE"


def update_config(name: str, body: Record) -> Response:
    """UpdateClusterConfig. Raises EksRefusal when the request changes nothing or more than one kind of thing."""
    cluster = _updatable(name)
    changes = {member: body[member] for member in _CONFIG_UPDATES if body.get(member) is not None}
    vpc = body.get("resourcesVpcConfig") or {}
    kinds = {_CONFIG_UPDATES[member][0] for member in changes} | ({"EndpointAccessUpdate"} if vpc else set())
    if len(kinds) != 1:
        raise EksRefusal("InvalidParameterException", "Exactly one type of update can be allowed.")
    params: dict[str, Any] = {_CONFIG_UPDATES[member][1]: value for member, value in changes.items()}
    if not apply_config(cluster, changes, vpc):
        raise EksRefusal(
            "InvalidParameterException", "No changes needed for the desired configuration: it is already in place."
        )
    if vpc:
        params = {f"{key[0].upper()}{key[1:]}": value for key, value in vpc.items()}
    update = updates.begin(cluster, kinds.pop(), params)
    updates.succeed(update)
    return updates.updated(update)


def require_same_zones(before: list[str], after: list[str]) -> None:
    """Raises EksRefusal for subnets in other zones than those of the cluster's creation (EKS user guide, "Amazon EKS
    networking requirements": the exact set)."""
    old, new = ({subnet["AvailabilityZone"] for subnet in require_subnets(list(ids))} for ids in (before, after))
    if old != new:
        raise EksRefusal(
            "InvalidParameterException",
            f"Provided subnets belong to the AZs '{','.join(sorted(new))}'. But they should belong to the exact set of "
            f"AZs '{','.join(sorted(old))}' in which subnets were provided during cluster creation.",
        )


def apply_config(cluster: Record, changes: Record, vpc: Record) -> bool:
    """Put changed members on the record; False when it already had all of them."""
    changed = False
    for member, value in changes.items():
        old = cluster.get(member)
        new = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        changed = changed or new != old
        cluster[member] = new
    current = cluster["resourcesVpcConfig"]
    if vpc.get("subnetIds"):
        require_same_zones(current["subnetIds"], vpc["subnetIds"])
    changed = changed or any(current.get(key) != value for key, value in vpc.items())
    current.update(vpc)
    return changed
