"""EKS managed node groups: create, delete, update of configuration and version."""

import re

from ministack.services import ec2, eks

from ..supervisor_client import SupervisorError
from . import nodes, updates
from .records import (
    EksRefusal,
    Record,
    Response,
    answer,
    cluster_of,
    minor,
    nodegroup_of,
    now,
    public,
    require_role,
    require_subnets,
    start,
)

_create_record = eks._create_nodegroup
_delete_record = eks._delete_nodegroup
_OPTIONAL_MEMBERS = ("launchTemplate", "updateConfig", "remoteAccess", "nodeRepairConfig", "warmPoolConfig")
_TAINT_EFFECTS = ("NO_SCHEDULE", "PREFER_NO_SCHEDULE", "NO_EXECUTE")
# How many minors a kubelet may be older than its API server.
MAXIMUM_SKEW = 3

# Bottlerocket counts its own releases, the same for every version of Kubernetes.
BOTTLEROCKET_RELEASE = "1.52.0-3f2a9c1d"
_BOTTLEROCKET = "BOTTLEROCKET_"
_BOTTLEROCKET_FORM = re.compile(r"\d+\.\d+\.\d+-[0-9a-f]{8}")


def release_version(version: str, ami_type: str = "") -> str:
    """The newest release of the image of a type for a Kubernetes version."""
    return BOTTLEROCKET_RELEASE if ami_type.startswith(_BOTTLEROCKET) else f"{version}.2-20261108"


def create_nodegroup(cluster_name: str, body: Record) -> Response:
    """CreateNodegroup: CREATING until its nodes exist, then ACTIVE or CREATE_FAILED."""
    try:
        cluster = cluster_of(cluster_name)
        version = _validate(cluster, body)
    except EksRefusal as refusal:
        return refusal.response
    template = body.get("launchTemplate")
    filled = {
        "amiType": "AL2023_x86_64_STANDARD",
        "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 2},
        "instanceTypes": [] if template else ["t3.medium"],
        "capacityType": "ON_DEMAND",
        **{member: value for member, value in body.items() if value not in (None, "")},
        "version": version,
        "releaseVersion": body.get("releaseVersion") or release_version(version, str(body.get("amiType") or "")),
    }
    response: Response = _create_record(cluster_name, filled)
    if response[0] >= 400:
        return response
    group = nodegroup_of(cluster_name, filled["nodegroupName"])
    group.update({member: body[member] for member in _OPTIONAL_MEMBERS if body.get(member)})
    group.setdefault("updateConfig", {"maxUnavailable": 1})
    if template:
        del group["diskSize"]
    group["status"] = "CREATING"
    response = answer({"nodegroup": public(group)})
    start(_provision, cluster, group)
    return response


def _validate(cluster: Record, body: Record) -> str:
    if not re.fullmatch(r"[0-9A-Za-z][A-Za-z0-9_-]{0,62}", str(body.get("nodegroupName") or "")):
        raise EksRefusal("InvalidParameterException", f"Nodegroup name {body.get('nodegroupName')!r} is not valid.")
    if cluster["status"] not in ("ACTIVE", "UPDATING"):
        raise EksRefusal("InvalidRequestException", f"Cluster '{cluster['name']}' is not in ACTIVE status")
    require_subnets(list(body.get("subnets") or []))
    if not body.get("subnets"):
        raise EksRefusal("InvalidParameterException", "Subnets are required.")
    require_role(str(body.get("nodeRole") or ""), "Node role")
    version = str(body.get("version") or cluster["version"])
    require_skew(cluster["version"], version)
    _require_key_pair(body.get("launchTemplate") or {})
    _require_release(version, str(body.get("amiType") or ""), body)
    _require_scaling(body.get("scalingConfig") or {"minSize": 1, "maxSize": 2, "desiredSize": 2})
    _require_taints(body.get("taints") or [])
    return version


def require_skew(cluster_version: str, node_version: str) -> None:
    """Raises EksRefusal when nodes of this version cannot join a cluster of that one."""
    behind = minor(cluster_version) - minor(node_version)
    if not 0 <= behind <= MAXIMUM_SKEW:
        raise EksRefusal(
            "InvalidParameterException",
            f"Requested Nodegroup release version {node_version} is invalid. Allowed are versions up to the "
            f"cluster's {cluster_version} and at most {MAXIMUM_SKEW} minors older.",
        )


def _require_release(version: str, ami_type: str, body: Record) -> None:
    release = str(body.get("releaseVersion") or "")
    counts_its_own = ami_type.startswith(_BOTTLEROCKET)
    fits = _BOTTLEROCKET_FORM.fullmatch(release) if counts_its_own else release.startswith(f"{version}.")
    if release and not fits:
        raise EksRefusal(
            "InvalidParameterException",
            f"Requested Nodegroup release version {release} is invalid for kubernetes version {version}.",
        )


def _require_key_pair(reference: Record) -> None:
    """EKS tries whether the launch template can start an instance, in EC2's words where not."""
    template = ec2._launch_templates.get(str(reference.get("id") or ""))
    wanted = str(reference.get("version") or "")
    for version in template["Versions"] if template else ():
        key = (version.get("LaunchTemplateData") or {}).get("KeyName")
        if key and str(version["VersionNumber"]) == wanted and key not in ec2._key_pairs:
            raise EksRefusal("InvalidRequestException", f"The key pair '{key}' does not exist")


def _require_scaling(scaling: Record) -> None:
    smallest, largest, desired = (int(scaling.get(key, 1)) for key in ("minSize", "maxSize", "desiredSize"))
    if not 0 <= smallest <= desired <= largest or largest < 1:
        raise EksRefusal(
            "InvalidParameterException",
            f"Minimum capacity {smallest}, desired capacity {desired} and maximum capacity {largest} must ascend.",
        )


def _require_taints(taints: list[Record]) -> None:
    for taint in taints:
        if taint.get("effect") not in _TAINT_EFFECTS or not taint.get("key"):
            raise EksRefusal("InvalidParameterException", f"The taint {taint} needs a key and a valid effect.")


def _provision(cluster: Record, group: Record) -> None:
    try:
        nodes.reconcile(cluster, group)
    except SupervisorError as failure:
        _record_failure(group, str(failure))
        group["status"] = "CREATE_FAILED"
        return
    group["status"] = "ACTIVE"


def _record_failure(group: Record, message: str) -> None:
    group["health"] = {"issues": [{"code": "NodeCreationFailure", "message": message, "resourceIds": []}]}


def delete_nodegroup(cluster_name: str, name: str) -> Response:
    """DeleteNodegroup: DELETING until its nodes are gone."""
    try:
        cluster, group = cluster_of(cluster_name), nodegroup_of(cluster_name, name)
    except EksRefusal as refusal:
        return refusal.response
    group["status"] = "DELETING"
    response = answer({"nodegroup": public(group)})
    start(_remove, cluster, group)
    return response


def _remove(cluster: Record, group: Record) -> None:
    try:
        nodes.remove(cluster, group)
    except SupervisorError as failure:
        _record_failure(group, str(failure))
        group["status"] = "DELETE_FAILED"
        return
    _delete_record(cluster["name"], group["nodegroupName"])


def update_config(cluster_name: str, name: str, body: Record) -> Response:
    """UpdateNodegroupConfig: scaling, labels, taints and update behaviour."""
    cluster, group = _updatable(cluster_name, name)
    if body.get("scalingConfig"):
        _require_scaling({**group["scalingConfig"], **body["scalingConfig"]})
    labels, taints = body.get("labels") or {}, body.get("taints") or {}
    _require_taints(taints.get("addOrUpdateTaints") or [])
    group["labels"].update(labels.get("addOrUpdateLabels") or {})
    for label in labels.get("removeLabels") or []:
        group["labels"].pop(label, None)
    _change_taints(group, taints)
    group["scalingConfig"].update(body.get("scalingConfig") or {})
    group.update({member: body[member] for member in ("updateConfig", "nodeRepairConfig") if body.get(member)})
    params = {f"{key[0].upper()}{key[1:]}": str(value) for key, value in (body.get("scalingConfig") or {}).items()}
    return _update(cluster, group, "ConfigUpdate", params)


def _change_taints(group: Record, change: Record) -> None:
    def identity(taint: Record) -> tuple[str, str]:
        return taint["key"], taint["effect"]

    added = change.get("addOrUpdateTaints") or []
    gone = {identity(taint) for taint in [*added, *(change.get("removeTaints") or [])]}
    group["taints"] = [taint for taint in group["taints"] if identity(taint) not in gone] + added


def update_version(cluster_name: str, name: str, body: Record) -> Response:
    """UpdateNodegroupVersion: rolls the nodes to a Kubernetes version, image release or launch template version."""
    cluster, group = _updatable(cluster_name, name)
    version = str(body.get("version") or (group["version"] if body.get("launchTemplate") else cluster["version"]))
    require_skew(cluster["version"], version)
    # One back is allowed: before a control plane can go back one minor, its nodes have to.
    if minor(group["version"]) - minor(version) > 1:
        raise EksRefusal("InvalidParameterException", f"Nodegroup cannot go from {group['version']} to {version}.")
    _require_release(version, group["amiType"], body)
    before = {member: group.get(member) for member in ("version", "releaseVersion", "launchTemplate")}
    group["version"] = version
    group["releaseVersion"] = body.get("releaseVersion") or release_version(version, group["amiType"])
    if body.get("launchTemplate"):
        group["launchTemplate"] = {**(group.get("launchTemplate") or {}), **body["launchTemplate"]}
    params = {"Version": version, "ReleaseVersion": group["releaseVersion"]}
    return _update(cluster, group, "VersionUpdate", params, before, force=bool(body.get("force")))


def _updatable(cluster_name: str, name: str) -> tuple[Record, Record]:
    cluster, group = cluster_of(cluster_name), nodegroup_of(cluster_name, name)
    if group["status"] not in ("ACTIVE", "DEGRADED"):
        raise EksRefusal("ResourceInUseException", f"Nodegroup {name} is in status {group['status']}", 409)
    return cluster, group


def _update(
    cluster: Record, group: Record, kind: str, params: Record, before: Record | None = None, *, force: bool = True
) -> Response:
    """`before`: what the group has again where the update of its version fails."""
    update = updates.begin(cluster, kind, params, ("nodegroup", group["nodegroupName"]))
    group["status"] = "UPDATING"
    response = updates.updated(update)
    start(_apply_update, cluster, group, update, before, force)
    return response if update["status"] == "InProgress" else updates.updated(update)


def _apply_update(cluster: Record, group: Record, update: Record, before: Record | None, force: bool) -> None:
    try:
        nodes.reconcile(cluster, group, before is not None, force)
        updates.succeed(update)
        group["status"] = "ACTIVE"
    except SupervisorError as failure:
        if failure.node:
            message = "Reached max retries while trying to evict pods from nodes in node group "
            updates.fail(update, message + group["nodegroupName"], "PodEvictionFailure", (failure.node,))
            group.update(before or {})
            group["status"] = "ACTIVE"
        else:
            _record_failure(group, str(failure))
            updates.fail(update, str(failure))
            group["status"] = "DEGRADED"
    group["modifiedAt"] = now()
