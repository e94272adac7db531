"""EKS access entries and access policies, made to count in the API server.

MiniStack's token webhook answers with one group per associated policy. Here each of these groups is bound, through
the supervisor, to a ClusterRole with the rules that EKS publishes for the policy.
"""

import logging
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import eks, iam

from ..supervisor_client import SupervisorClient, SupervisorError, supervisor
from .records import EksRefusal, Record, Response, answer, cluster_of

logger = logging.getLogger(__name__)

_create_record = eks._create_access_entry
_associate_record = eks._associate_access_policy
_ENTRY_TYPES = ("STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX")
ACCESS_POLICIES = (
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
    "AmazonEKSSecretReaderPolicy",
    "AmazonEKSACKPolicy",
    "AmazonEKSKROPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSClusterInsightsPolicy",
    "AmazonEKSHybridPolicy",
    "AmazonARCRegionSwitchScalingPolicy",
)


def list_access_policies() -> Response:
    """ListAccessPolicies."""
    prefix = "arn:aws:eks::aws:cluster-access-policy/"
    return answer({"accessPolicies": [{"name": name, "arn": prefix + name} for name in ACCESS_POLICIES]})


def create_access_entry(cluster_name: str, body: Record) -> Response:
    """CreateAccessEntry; refused for a principal that does not exist and for a cluster without the API mode."""
    try:
        cluster = cluster_of(cluster_name)
        if cluster["accessConfig"].get("authenticationMode") == "CONFIG_MAP":
            raise EksRefusal(
                "InvalidRequestException",
                "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this "
                "operation.",
            )
        _require_principal(str(body.get("principalArn") or ""))
        _require_allowed_groups(body)
    except EksRefusal as refusal:
        return refusal.response
    response: Response = _create_record(cluster_name, body)
    return response


def _require_principal(arn: str) -> None:
    name = arn.rsplit("/", 1)[-1]
    own_account = f":{get_account_id()}:" in arn
    exists = (":role/" in arn and name in iam._roles) or (":user/" in arn and name in iam._users)
    # A principal of another account cannot be looked up; EKS accepts it.
    if not exists and (own_account or not arn.startswith("arn:")):
        raise EksRefusal(
            "InvalidParameterException", f"The specified principalArn is invalid: invalid principal. ({arn})"
        )


def _require_allowed_groups(body: Record) -> None:
    groups = body.get("kubernetesGroups") or []
    reserved = [group for group in groups if group.startswith(("system:", "eks:", "aws:", "amazon:", "iam:"))]
    if reserved:
        raise EksRefusal(
            "InvalidParameterException",
            f"The kubernetes group name {reserved[0]} is invalid, it cannot start with [amazon, aws, eks, iam, system]",
        )
    if groups and body.get("type", "STANDARD") != "STANDARD":
        raise EksRefusal("InvalidParameterException", "Kubernetes groups need an access entry of type STANDARD")


def associate_access_policy(cluster_name: str, principal_arn: str, body: Record) -> Response:
    """AssociateAccessPolicy; the rights hold in the API server when it answers."""
    policy = str(body.get("policyArn") or "")
    if policy.rsplit("/", 1)[-1] not in ACCESS_POLICIES:
        refusal = EksRefusal("InvalidParameterException", f"The specified policyArn is invalid: {policy}")
        return refusal.response
    response: Response = _associate_record(cluster_name, principal_arn, body)
    if response[0] < 400:
        reconcile(cluster_name, get_account_id(), get_region())
    return response


def reconcile(cluster_name: str, account: str, region: str) -> bool:
    """Apply the bindings of the cluster's associated policies; False when that has to be tried again.

    A binding that is no longer wanted is applied without subjects, which takes its rights away.
    """
    cluster: Record | None = eks._clusters.get_scoped(account, region, cluster_name)
    client = supervisor()
    if client is None or cluster is None or not cluster.get("endpoint"):
        return False
    try:
        objects = eks._access_policy_rbac_objects(
            cluster_name, account, region, _namespaces(client, cluster_name, account, region)
        )
        bindings = [item for item in objects if item["kind"] != "ClusterRole"]
        wanted = {_identity(item) for item in bindings}
        stale = [item for item in cluster.get("_rbac_bindings", []) if _identity(item) not in wanted]
        # On its way the empty binding keeps its roleRef: that cannot change.
        emptied = [{**item, "subjects": []} for item in stale]
        client.put(f"/clusters/{cluster_name}/manifests", {"objects": objects + emptied})
    except SupervisorError as failure:
        logger.warning("Access policies of %s are not applied yet: %s", cluster_name, failure)
        return False
    cluster["_rbac_bindings"] = bindings
    return True


def _identity(item: dict[str, Any]) -> tuple[str, str, str]:
    metadata = item["metadata"]
    return item["kind"], metadata.get("namespace", ""), metadata["name"]


def _namespaces(client: SupervisorClient, cluster_name: str, account: str, region: str) -> list[str]:
    """The namespaces that policies are limited to; the cluster's own when a policy names them by a pattern."""
    scopes = [
        association["accessScope"]
        for _principal, _policy, association in eks._access_policy_associations(cluster_name, account, region)
    ]
    patterns = [pattern for scope in scopes if scope["type"] == "namespace" for pattern in scope["namespaces"]]
    if not any("*" in pattern for pattern in patterns):
        return patterns
    return list(client.get(f"/clusters/{cluster_name}/namespaces").get("namespaces", []))


def install() -> None:
    """Replace MiniStack's handling of access entries and policies."""
    eks._VALID_ACCESS_ENTRY_TYPES = _ENTRY_TYPES
    eks._create_access_entry = create_access_entry
    eks._associate_access_policy = associate_access_policy
    eks._reconcile_access_policy_rbac = reconcile
