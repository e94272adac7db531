"""EKS clusters: create and delete, with a control plane of the supervisor behind them."""

import base64
import ipaddress
import re
import secrets
import threading
import urllib.parse
import uuid
from typing import Any

from ministack.core.iam_evaluator import validate_role_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, eks

from ..settings import settings
from ..supervisor_client import SupervisorError, supervisor
from .records import (
    EksRefusal,
    Record,
    Response,
    answer,
    cluster_of,
    nodegroups_of,
    now,
    public,
    require_role,
    require_subnets,
    start,
)
from .versions import DEFAULT_VERSION, require_supported

_CREATION_LOCK = threading.Lock()
_NAME = re.compile(r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}")
_OPTIONAL_MEMBERS = (
    "encryptionConfig",
    "zonalShiftConfig",
    "computeConfig",
    "storageConfig",
    "remoteNetworkConfig",
    "controlPlaneScalingConfig",
    "kubeApiServerConfig",
    "kubeSchedulerConfig",
    "kubeControllerManagerConfig",
    "outpostConfig",
)
_LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")

_delete_records = eks._delete_cluster


def create_cluster(body: Record, creator_arn: str | None = None) -> Response:
    """CreateCluster: CREATING until the supervisor has the control plane up, then ACTIVE or FAILED."""
    try:
        subnets = _validate(body)
    except EksRefusal as refusal:
        return refusal.response
    name = body["name"]
    with _CREATION_LOCK:
        if name in eks._clusters:
            message = f"Cluster already exists with name: {name}"
            return EksRefusal("ResourceInUseException", message, 409).response
        cluster = _new_record(body, subnets, creator_arn)
        eks._clusters[name] = cluster
    if cluster["tags"]:
        eks._tags[cluster["arn"]] = dict(cluster["tags"])
    eks._bootstrap_creator_access_entry(name, cluster, creator_arn)
    response = answer({"cluster": public(cluster)})
    start(provision, cluster)
    return response


def _validate(body: Record) -> list[Record]:
    name = str(body.get("name") or "")
    if not _NAME.fullmatch(name):
        raise EksRefusal("InvalidParameterException", f"The cluster name {name!r} is not valid.")
    if name in eks._clusters:
        raise EksRefusal("ResourceInUseException", f"Cluster already exists with name: {name}", 409)
    require_supported(str(body.get("version") or DEFAULT_VERSION))
    role_arn = str(body.get("roleArn") or "")
    if problem := validate_role_arn(role_arn):
        raise EksRefusal("InvalidParameterException", problem)
    require_role(role_arn, "Role")
    vpc_config = body.get("resourcesVpcConfig") or {}
    subnets = require_subnets(list(vpc_config.get("subnetIds") or []))
    if len({subnet["AvailabilityZone"] for subnet in subnets}) < 2:
        raise EksRefusal("InvalidParameterException", "Subnets specified must be in at least two different AZs")
    _require_remote_networks(body.get("remoteNetworkConfig") or {}, [subnet["CidrBlock"] for subnet in subnets])
    for group_id in vpc_config.get("securityGroupIds") or []:
        if group_id not in ec2._security_groups:
            raise EksRefusal("InvalidParameterException", f"The security group '{group_id}' does not exist")
    return subnets


def _require_remote_networks(config: Record, own: list[str]) -> None:
    """Source: EKS user guide, "Prepare networking for hybrid nodes"."""
    networks = [*(config.get("remoteNodeNetworks") or ()), *(config.get("remotePodNetworks") or ())]
    blocks = [ipaddress.ip_network(cidr) for network in networks for cidr in network["cidrs"]]
    for block in blocks:
        others = [other for other in (*blocks, *map(ipaddress.ip_network, own)) if other is not block]
        if not block.is_private or any(block.overlaps(other) for other in others):
            raise EksRefusal("InvalidParameterException", f"The remote network CIDR {block} is invalid.")


def _new_record(body: Record, subnets: list[Record], creator_arn: str | None) -> Record:
    name, identifier = body["name"], uuid.uuid4().hex.upper()
    network = body.get("kubernetesNetworkConfig") or {}
    access = body.get("accessConfig") or {}
    cluster: Record = {
        "name": name,
        "arn": eks._cluster_arn(name),
        "createdAt": now(),
        "version": str(body.get("version") or DEFAULT_VERSION),
        "roleArn": body["roleArn"],
        "resourcesVpcConfig": _vpc_config(name, body.get("resourcesVpcConfig") or {}, subnets[0]["VpcId"]),
        "kubernetesNetworkConfig": {
            "serviceIpv4Cidr": "10.100.0.0/16",
            "ipFamily": "ipv4",
            "elasticLoadBalancing": {"enabled": False},
            **network,
        },
        "logging": body.get("logging") or {"clusterLogging": [{"types": list(_LOG_TYPES), "enabled": False}]},
        "identity": {"oidc": {"issuer": f"https://oidc.eks.{get_region()}.amazonaws.com/id/{identifier}"}},
        "status": "CREATING",
        "certificateAuthority": {},
        "platformVersion": "eks.4",
        "tags": dict(body.get("tags") or {}),
        "health": {"issues": []},
        "accessConfig": {
            "authenticationMode": "CONFIG_MAP",
            "bootstrapClusterCreatorAdminPermissions": True,
            **access,
        },
        "upgradePolicy": body.get("upgradePolicy") or {"supportType": "EXTENDED"},
        "deletionProtection": bool(body.get("deletionProtection", False)),
        "_creator_arn": creator_arn,
        "_auth_token": secrets.token_urlsafe(32),
        "_account": get_account_id(),
        "_region": get_region(),
        "_docker_id": None,
        "_port": None,
    }
    cluster.update({member: body[member] for member in _OPTIONAL_MEMBERS if body.get(member)})
    return cluster


def _vpc_config(name: str, config: Record, vpc_id: str) -> Record:
    group_id = ec2._new_sg_id()
    everything = {"IpProtocol": "-1", "Ipv6Ranges": [], "PrefixListIds": []}
    ec2._security_groups[group_id] = {
        "GroupId": group_id,
        "GroupName": f"eks-cluster-sg-{name}-{secrets.randbelow(10**9):09d}",
        "Description": "EKS created security group applied to ENI that is attached to EKS Control Plane master "
        "nodes, as well as any managed workloads.",
        "VpcId": vpc_id,
        "OwnerId": get_account_id(),
        "IpPermissions": [{**everything, "IpRanges": [], "UserIdGroupPairs": [{"GroupId": group_id}]}],
        "IpPermissionsEgress": [{**everything, "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "UserIdGroupPairs": []}],
    }
    ec2._tags[group_id] = [{"Key": f"kubernetes.io/cluster/{name}", "Value": "owned"}]
    return {
        "subnetIds": list(config.get("subnetIds") or []),
        "securityGroupIds": list(config.get("securityGroupIds") or []),
        "clusterSecurityGroupId": group_id,
        "vpcId": vpc_id,
        "endpointPublicAccess": config.get("endpointPublicAccess", True),
        "endpointPrivateAccess": config.get("endpointPrivateAccess", False),
        "publicAccessCidrs": list(config.get("publicAccessCidrs") or ["0.0.0.0/0"]),
    }


def provision(cluster: Record) -> None:
    """Bring the control plane up and record its endpoint; the cluster becomes ACTIVE, or FAILED with the reason."""
    try:
        attach_control_plane(cluster)
    except SupervisorError as failure:
        cluster["health"] = {"issues": [{"code": "InternalFailure", "message": str(failure), "resourceIds": []}]}
        cluster["status"] = "FAILED"
        return
    cluster["status"] = "ACTIVE"
    eks._schedule_access_policy_reconcile(cluster["name"], cluster["_account"], cluster["_region"])


def attach_control_plane(cluster: Record) -> None:
    """Make the supervisor run this cluster at its version. Raises SupervisorError."""
    client = supervisor()
    if client is None:
        host = f"{cluster['identity']['oidc']['issuer'].rsplit('/', 1)[-1]}.gr7.{cluster['_region']}.eks.amazonaws.com"
        authority = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n").decode()
        plane: dict[str, Any] = {"endpoint": f"https://{host}", "certificate_authority_data": authority}
    else:
        plane = client.put(f"/clusters/{cluster['name']}", control_plane_request(cluster))
        cluster["_port"] = urllib.parse.urlsplit(plane["endpoint"]).port
        # MiniStack's access-policy loop runs while this is set.
        cluster["_docker_id"] = "supervisor"
    cluster["endpoint"] = plane["endpoint"]
    cluster["certificateAuthority"] = {"data": plane["certificate_authority_data"]}


def control_plane_request(cluster: Record) -> Record:
    """What the supervisor needs to run this cluster's control plane."""
    account, region, name = cluster["_account"], cluster["_region"], cluster["name"]
    path = f"/_ministack/eks-auth/{account}/{region}/{name}/{cluster['_auth_token']}"
    return {
        "account": account,
        "region": region,
        "version": cluster["version"],
        "token_webhook_url": settings().gateway_url + path,
    }


def delete_cluster(name: str) -> Response:
    """DeleteCluster; refused while it has node groups or Fargate profiles, or is protected."""
    try:
        cluster = cluster_of(name)
        _require_deletable(cluster)
    except EksRefusal as refusal:
        return refusal.response
    cluster["status"] = "DELETING"
    response = answer({"cluster": public(cluster)})
    start(_remove, cluster)
    return response


def _require_deletable(cluster: Record) -> None:
    name = cluster["name"]
    if cluster.get("deletionProtection"):
        raise EksRefusal(
            "InvalidRequestException",
            f"Cluster {name} cannot be deleted because deletion protection is enabled. Disable deletion protection "
            "and try again.",
        )
    if nodegroups_of(name):
        raise EksRefusal("ResourceInUseException", "Cluster has nodegroups attached", 409)
    if cluster.get("_fargate_profiles"):
        raise EksRefusal("ResourceInUseException", "Cluster has Fargate profiles attached", 409)


def _remove(cluster: Record) -> None:
    name, client = cluster["name"], supervisor()
    try:
        if client is not None:
            client.delete(f"/clusters/{name}")
    except SupervisorError as failure:
        cluster["health"] = {"issues": [{"code": "InternalFailure", "message": str(failure), "resourceIds": []}]}
        cluster["status"] = "FAILED"
        return
    cluster["_docker_id"] = None
    for key in [key for key in eks._addons if key.startswith(f"{name}/")]:
        eks._tags.pop(eks._addons.pop(key)["addonArn"], None)
    group_id = cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
    ec2._security_groups.pop(group_id, None)
    ec2._tags.pop(group_id, None)
    _delete_records(name)
