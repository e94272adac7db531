"""Changes of the cluster, its nodes, its add-ons, and of who may enter it."""

from __future__ import annotations

from typing import Any

from resources.config.planner_view import GROUP
from tests.injections.aws_injection import Act, AwsInjection, Client, Held

SCOPE = {"type": "cluster"}
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
OTHER_ROLE = "arn:aws:iam::000000000000:role/eks-assets-planner"


def _cluster(**arguments: Any) -> Act:
    return lambda client, one: client("eks").update_cluster_config(name=one.physical_id, **arguments)


def _nodes(**arguments: Any) -> Act:
    def act(client: Client, group: Held) -> None:
        cluster, _, name = group.physical_id.partition("/")
        client("eks").update_nodegroup_config(clusterName=cluster, nodegroupName=name, **arguments)

    return act


def _arn(client: Client, one: Held) -> str:
    eks = client("eks")
    if one.kind == "AWS::EKS::Cluster":
        return str(eks.describe_cluster(name=one.physical_id)["cluster"]["arn"])
    cluster, _, name = one.physical_id.partition("/")
    return str(eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]["nodegroupArn"])


def _tag_changed(client: Client, one: Held) -> None:
    key = str(one.first_of("Tags")["Key"])
    client("eks").tag_resource(resourceArn=_arn(client, one), tags={key: "theirs"})


def _addon(operation: str, **arguments: Any) -> Act:
    def act(client: Client, addon: Held) -> None:
        cluster, _, name = addon.physical_id.partition("|")
        getattr(client("eks"), operation)(clusterName=cluster, addonName=name, **arguments)

    return act


def _older(client: Client, addon: Held) -> None:
    cluster, _, name = addon.physical_id.partition("|")
    now = client("eks").describe_addon(clusterName=cluster, addonName=name)["addon"]["addonVersion"]
    version = client("eks").describe_cluster(name=cluster)["cluster"]["version"]
    answer = client("eks").describe_addon_versions(addonName=name, kubernetesVersion=version)
    other = next(v["addonVersion"] for v in answer["addons"][0]["addonVersions"] if v["addonVersion"] != now)
    client("eks").update_addon(clusterName=cluster, addonName=name, addonVersion=other)


def _entry(operation: str, **arguments: Any) -> Act:
    def act(client: Client, entry: Held) -> None:
        principal, _, cluster = entry.physical_id.partition("|")
        getattr(client("eks"), operation)(clusterName=cluster, principalArn=principal, **arguments)

    return act


def _is_planners(entry: Held) -> bool:
    """The deployer itself has to get in to put it back."""
    return entry.physical_id.split("|")[0].endswith("planner")


def _is_nodes(entry: Held) -> bool:
    return str(entry.properties["Type"]) == "EC2_LINUX"


def _pods(operation: str, **arguments: Any) -> Act:
    def act(client: Client, association: Held) -> None:
        cluster, _, number = association.physical_id.rpartition("/")
        name = cluster.rpartition("/")[2] or association.physical_id.partition("|")[0]
        getattr(client("eks"), operation)(clusterName=name, associationId=number, **arguments)

    return act


def _vpc(**settings: Any) -> Act:
    return _cluster(resourcesVpcConfig=settings)


TAINT = {"key": "theirs", "value": "yes", "effect": "NO_SCHEDULE"}
OFF = {"clusterLogging": [{"types": ["audit"], "enabled": False}]}
MORE = {"clusterLogging": [{"types": ["api"], "enabled": True}]}
EKS = (
    AwsInjection("logging off", "EKS::Cluster", _cluster(logging=OFF), "Logging"),
    AwsInjection("more logging", "EKS::Cluster", _cluster(logging=MORE), "Logging"),
    AwsInjection("private endpoint off", "EKS::Cluster", _vpc(endpointPrivateAccess=False), "ResourcesVpcConfig"),
    AwsInjection("support", "EKS::Cluster", _cluster(upgradePolicy={"supportType": "EXTENDED"}), "UpgradePolicy"),
    AwsInjection("zonal shift off", "EKS::Cluster", _cluster(zonalShiftConfig={"enabled": False}), "ZonalShiftConfig"),
    AwsInjection("deletion protection off", "EKS::Cluster", _cluster(deletionProtection=False), "DeletionProtection"),
    AwsInjection("tag of the cluster", "EKS::Cluster", _tag_changed, "Tags"),
    AwsInjection("most nodes", "EKS::Nodegroup", _nodes(scalingConfig={"maxSize": 9}), "ScalingConfig"),
    AwsInjection("fewest nodes", "EKS::Nodegroup", _nodes(scalingConfig={"minSize": 1}), "ScalingConfig"),
    AwsInjection("label of nodes", "EKS::Nodegroup", _nodes(labels={"addOrUpdateLabels": {"theirs": "yes"}}), "Labels"),
    AwsInjection(
        "label of nodes removed",
        "EKS::Nodegroup",
        _nodes(labels={"removeLabels": ["alpha.eksctl.io/nodegroup-name"]}),
        "Labels",
    ),
    AwsInjection(
        "taint of nodes",
        "EKS::Nodegroup",
        _nodes(taints={"addOrUpdateTaints": [TAINT]}),
        "Taints",
        undo=_nodes(taints={"removeTaints": [TAINT]}),
    ),
    AwsInjection(
        "nodes replaced at once", "EKS::Nodegroup", _nodes(updateConfig={"maxUnavailable": 9}), "UpdateConfig"
    ),
    AwsInjection("add-on deleted", "EKS::Addon", _addon("delete_addon"), ""),
    AwsInjection("add-on's version", "EKS::Addon", _older, "AddonVersion"),
    AwsInjection(
        "add-on's configuration",
        "EKS::Addon",
        _addon("update_addon", configurationValues='{"replicaCount": 9}'),
        "ConfigurationValues",
        undo=_addon("update_addon", configurationValues=""),
    ),
    AwsInjection(
        "administrator of the cluster",
        "EKS::AccessEntry",
        _entry("associate_access_policy", policyArn=ADMIN, accessScope=SCOPE),
        "AccessPolicies",
        _is_planners,
    ),
    AwsInjection(
        "groups of an entry",
        "EKS::AccessEntry",
        # Without its own group the planner could compare nothing: tests/e2e/test_planner_role.py.
        _entry("update_access_entry", kubernetesGroups=[GROUP, "theirs"]),
        "KubernetesGroups",
        _is_planners,
    ),
    AwsInjection("entry deleted", "EKS::AccessEntry", _entry("delete_access_entry"), "", _is_nodes),
    AwsInjection(
        "role of pods",
        "EKS::PodIdentityAssociation",
        _pods("update_pod_identity_association", roleArn=OTHER_ROLE),
        "RoleArn",
    ),
    AwsInjection("role of pods deleted", "EKS::PodIdentityAssociation", _pods("delete_pod_identity_association"), ""),
)
