"""CloudFormation types of EKS. They call the same operations as the API and wait for what these start."""

import time
from collections.abc import Callable
from typing import Any

from ministack.core.iam_evaluator import caller_arn
from ministack.services import eks

from ...eks import cluster_updates, fargate, nodegroups
from ...eks.records import EksRefusal, Record, Response, body_of, cluster_of
from ..resource_handlers import (
    Created,
    Properties,
    ResourceFailure,
    camel,
    changed,
    physical_name,
    refuse,
    register,
    succeed,
    tag_map,
)
from ..service_role import service_role_of

WAIT_SECONDS = 2400.0
_POLL_INTERVAL = 0.05
_BUSY = ("CREATING", "UPDATING", "DELETING")
_CLUSTER_MEMBERS = (
    "ResourcesVpcConfig",
    "KubernetesNetworkConfig",
    "EncryptionConfig",
    "AccessConfig",
    "UpgradePolicy",
    "ZonalShiftConfig",
    "ComputeConfig",
    "StorageConfig",
    "RemoteNetworkConfig",
    "ControlPlaneScalingConfig",
    "OutpostConfig",
    "DeletionProtection",
    "BootstrapSelfManagedAddons",
)
_LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")


def wait_created(find: Callable[[], Record | None], what: str, physical_id: str) -> None:
    """Wait for a new resource; a failure carries its physical id. Raises ResourceFailure."""
    try:
        wait(find, what)
    except ResourceFailure as failure:
        failure.physical_id = physical_id
        raise


def settle(find: Callable[[], Record | None], what: str) -> Record | None:
    """The record once it is no longer busy, None when it is gone. Raises ResourceFailure on time-out."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (record := find()) is not None and record["status"] in _BUSY:
        if time.monotonic() > deadline:
            raise ResourceFailure(f"Exceeded attempts to wait: {what} is still {record['status']}")
        time.sleep(_POLL_INTERVAL)
    return record


def wait(find: Callable[[], Record | None], what: str) -> Record | None:
    """The record once it is no longer busy, None when it is gone. Raises ResourceFailure on failure or time-out."""
    record = settle(find, what)
    if record is not None and record["status"] not in ("ACTIVE", "DEGRADED"):
        issues = (record.get("health") or {}).get("issues") or [{}]
        raise ResourceFailure(f"{what} is {record['status']}: {issues[0].get('message', 'no reason given')}")
    return record


def call(operation: Callable[..., Response], *arguments: Any) -> Record:
    """An EKS operation's answer. Raises ResourceFailure when it is refused."""
    try:
        response = operation(*arguments)
    except EksRefusal as refusal:
        response = refusal.response
    succeed(response, "Eks")
    return body_of(response)


def delete(operation: Callable[..., Response], *arguments: Any) -> None:
    """Call a delete operation; what does not exist counts as deleted."""
    try:
        response = operation(*arguments)
    except EksRefusal as refusal:
        response = refusal.response
    if response[0] != 404:
        succeed(response, "Eks")


def retag(record: Record, arn: str, old: Properties, new: Properties) -> None:
    """Put a changed Tags property on the record and in the tag store, leaving tags from elsewhere."""
    before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
    for store in (record.setdefault("tags", {}), eks._tags.setdefault(arn, {})):
        for key in before.keys() - after.keys():
            store.pop(key, None)
        store.update(after)


# --- AWS::EKS::Cluster


def _logging(props: Properties) -> Record:
    declared = ((props.get("Logging") or {}).get("ClusterLogging") or {}).get("EnabledTypes") or []
    enabled = [entry["Type"] for entry in declared]
    disabled = [kind for kind in _LOG_TYPES if kind not in enabled]
    setups = [{"types": kinds, "enabled": on} for kinds, on in ((enabled, True), (disabled, False)) if kinds]
    return {"clusterLogging": setups}


def _cluster_body(props: Properties) -> Record:
    body: Record = camel({member: props[member] for member in _CLUSTER_MEMBERS if member in props})
    if "Logging" in props:
        body["logging"] = _logging(props)
    return body


def _create_cluster(logical_id: str, props: Properties, stack: str) -> Created:
    name = props.get("Name") or physical_name(stack, logical_id, 100)
    body = {**_cluster_body(props), "name": name, "roleArn": props.get("RoleArn"), "tags": tag_map(props.get("Tags"))}
    if props.get("Version"):
        body["version"] = str(props["Version"])
    call(eks._create_cluster, body, _creator(stack))
    wait_created(lambda: eks._clusters.get(name), f"Cluster {name}", name)
    return name, _cluster_attributes(cluster_of(name))


def _creator(stack: str) -> str:
    """Who EKS sees as the creator: the service role, else the role or user behind the caller."""
    arn = service_role_of(stack) or str(caller_arn())
    return str(eks._role_arn_from_assumed_role(arn) or arn)


def _cluster_attributes(cluster: Record) -> dict[str, str]:
    encryption = (cluster.get("encryptionConfig") or [{}])[0].get("provider") or {}
    return {
        "Arn": cluster["arn"],
        "Id": cluster["name"],
        "Endpoint": cluster["endpoint"],
        "CertificateAuthorityData": cluster["certificateAuthority"]["data"],
        "ClusterSecurityGroupId": cluster["resourcesVpcConfig"]["clusterSecurityGroupId"],
        "OpenIdConnectIssuerUrl": cluster["identity"]["oidc"]["issuer"],
        "EncryptionConfigKeyArn": encryption.get("keyArn", ""),
    }


def _update_cluster(physical_id: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    differences = changed(old, new)
    if "Version" in differences and differences != {"Version"}:
        others = ", ".join(sorted(differences - {"Version"}))
        raise refuse(f"A change of Version cannot be combined with a change of {others}", "Eks")
    cluster = cluster_of(physical_id)
    if "Version" in differences and str(new["Version"]) != cluster["version"]:
        force = {"force": True} if str(new.get("Force")).lower() == "true" else {}
        started = call(cluster_updates.update_version, physical_id, {"version": str(new["Version"]), **force})
        wait(lambda: eks._clusters.get(physical_id), f"Cluster {physical_id}")
        update = cluster["_updates"][started["update"]["id"]]
        if update["status"] != "Successful":
            reason = (update["errors"] or [{}])[0].get("errorMessage", "no reason given")
            raise ResourceFailure(f"The version update of {physical_id} is {update['status']}: {reason}")
    body = _cluster_body({name: new[name] for name in differences if name in new})
    vpc = body.pop("resourcesVpcConfig", {})
    cluster_updates.apply_config(cluster, body, vpc)
    retag(cluster, cluster["arn"], old, new)
    return physical_id, _cluster_attributes(cluster)


def _delete_cluster(physical_id: str, _props: Properties) -> None:
    settle(lambda: eks._clusters.get(physical_id), f"Cluster {physical_id}")
    delete(eks._delete_cluster, physical_id)
    wait(lambda: eks._clusters.get(physical_id), f"Cluster {physical_id}")


# --- AWS::EKS::Nodegroup


def _create_nodegroup(logical_id: str, props: Properties, stack: str) -> Created:
    cluster = str(props["ClusterName"])
    name = str(props.get("NodegroupName") or physical_name(stack, logical_id, 63))
    own = {key: value for key, value in props.items() if key not in ("ClusterName", "Tags", "Labels")}
    body = {
        **camel(own),
        "nodegroupName": name,
        "tags": tag_map(props.get("Tags")),
        "labels": dict(props.get("Labels") or {}),
    }
    for key in ("version", "releaseVersion"):
        if key in body:
            body[key] = str(body[key])
    if "scalingConfig" in body:
        body["scalingConfig"] = {key: int(value) for key, value in body["scalingConfig"].items()}
    call(eks._create_nodegroup, cluster, body)
    wait_created(lambda: eks._nodegroups.get(f"{cluster}/{name}"), f"Nodegroup {name}", f"{cluster}/{name}")
    return f"{cluster}/{name}", _nodegroup_attributes(f"{cluster}/{name}")


def _nodegroup_attributes(physical_id: str) -> dict[str, str]:
    group = eks._nodegroups[physical_id]
    return {
        "Arn": group["nodegroupArn"],
        "ClusterName": group["clusterName"],
        "Id": physical_id,
        "NodegroupName": group["nodegroupName"],
    }


_VERSION_PROPERTIES = {"Version", "ReleaseVersion"}


def _update_nodegroup(physical_id: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    cluster, name = physical_id.split("/", 1)
    differences = changed(old, new)
    if differences & _VERSION_PROPERTIES and differences - _VERSION_PROPERTIES - {"ForceUpdateEnabled"}:
        raise refuse("You cannot specify both a version update and another update of a node group", "Eks")
    rolling = differences & {"Version", "ReleaseVersion", "LaunchTemplate"}
    body = camel({key: new[key] for key in rolling if key in new})
    if body and not _is_there(eks._nodegroups[physical_id], body):
        force = {"force": True} if str(new.get("ForceUpdateEnabled")).lower() == "true" else {}
        update = call(nodegroups.update_version, cluster, name, {**body, **force})["update"]
        wait(lambda: eks._nodegroups.get(physical_id), f"Nodegroup {name}")
        _require_success(cluster, update["id"])
    config = _nodegroup_config(old, new, differences)
    if config:
        call(nodegroups.update_config, cluster, name, config)
        wait(lambda: eks._nodegroups.get(physical_id), f"Nodegroup {name}")
    group = eks._nodegroups[physical_id]
    retag(group, group["nodegroupArn"], old, new)
    return physical_id, _nodegroup_attributes(physical_id)


def _is_there(group: Record, body: Record) -> bool:
    """Whether the group has what is asked for, as after an update that failed."""
    return all(group.get(key) == value for key, value in body.items())


def _require_success(cluster: str, update_id: str) -> None:
    errors = cluster_of(cluster)["_updates"][update_id]["errors"]
    if errors:
        lines = (
            f"{{ErrorCode: {e['errorCode']},ErrorMessage: {e['errorMessage']},"
            f"ResourceIds: [{', '.join(e['resourceIds'])}]}}"
            for e in errors
        )
        raise ResourceFailure(f"Update failed due to [{', '.join(lines)}]")


def _nodegroup_config(old: Properties, new: Properties, differences: set[str]) -> Record:
    config: Record = {}
    if "ScalingConfig" in differences:
        config["scalingConfig"] = {key: int(value) for key, value in camel(new["ScalingConfig"]).items()}
    if "Labels" in differences:
        before, after = dict(old.get("Labels") or {}), dict(new.get("Labels") or {})
        config["labels"] = {"addOrUpdateLabels": after, "removeLabels": sorted(before.keys() - after.keys())}
    if "Taints" in differences:
        before, after = camel(old.get("Taints") or []), camel(new.get("Taints") or [])
        config["taints"] = {"addOrUpdateTaints": after, "removeTaints": [t for t in before if t not in after]}
    for member in ("UpdateConfig", "NodeRepairConfig"):
        if member in differences and member in new:
            config[f"{member[0].lower()}{member[1:]}"] = camel(new[member])
    return config


def _delete_nodegroup(physical_id: str, _props: Properties) -> None:
    cluster, name = physical_id.split("/", 1)
    settle(lambda: eks._nodegroups.get(physical_id), f"Nodegroup {name}")
    delete(eks._delete_nodegroup, cluster, name)
    wait(lambda: eks._nodegroups.get(physical_id), f"Nodegroup {name}")


# --- AWS::EKS::FargateProfile


def _create_fargate_profile(logical_id: str, props: Properties, stack: str) -> Created:
    cluster = str(props["ClusterName"])
    name = str(props.get("FargateProfileName") or physical_name(stack, logical_id, 63))
    own = {key: value for key, value in props.items() if key not in ("ClusterName", "Tags")}
    body = {**camel(own), "fargateProfileName": name, "tags": tag_map(props.get("Tags"))}
    profile = call(fargate.create_profile, cluster, body)["fargateProfile"]
    return f"{cluster}|{name}", {"Arn": profile["fargateProfileArn"]}


def _update_fargate_profile(pid: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    profile = fargate.profile_of(*pid.split("|", 1))
    retag(profile, profile["fargateProfileArn"], old, new)
    return pid, {"Arn": profile["fargateProfileArn"]}


def _delete_fargate_profile(physical_id: str, _props: Properties) -> None:
    delete(fargate.delete_profile, *physical_id.split("|", 1))


def install() -> None:
    """Register the cluster, node group and Fargate profile types."""
    register("AWS::EKS::Cluster", _create_cluster, _update_cluster, _delete_cluster)
    register("AWS::EKS::Nodegroup", _create_nodegroup, _update_nodegroup, _delete_nodegroup, "map")
    register("AWS::EKS::FargateProfile", _create_fargate_profile, _update_fargate_profile, _delete_fargate_profile)
