"""The control plane, the VPC it joins, who gets in, and its OIDC id."""

from __future__ import annotations

from typing import Any

import pytest

from eks_assets.units.cluster.access_entries import access_entries
from eks_assets.units.cluster.cluster import ClusterOutputs, cluster
from eks_assets.units.cluster.control_plane_lookup import ControlPlaneOutputs, control_plane_lookup
from eks_assets.units.cluster.oidc_parameter import oidc_parameter
from eks_assets.units.cluster.vpc_lookup import VpcOutputs, vpc_lookup
from resources.config.environment import Environment, Roles
from resources.config.settings.network import Network
from resources.model.outputs import pending_fields, pending_outputs
from tests.helpers.published import (
    CLUSTER,
    IDENTITY,
    KARPENTER,
    NO_CLUSTER,
    VPC,
    configured,
    joined,
    properties_of,
    resources_of,
)

ADMIN = "cluster-access-policy/AmazonEKSClusterAdminPolicy"


def control_plane(env: Environment) -> dict[str, Any]:
    (properties,) = properties_of(cluster(env, VPC, NO_CLUSTER), "EKS::Cluster")
    return properties


def policies(env: Environment, title: str = "ClusterRole") -> list[str]:
    arns = resources_of(cluster(env, VPC, NO_CLUSTER))[title]["Properties"]["ManagedPolicyArns"]
    return [arn.rsplit("/", 1)[1] for arn in arns]


def test_cluster_has_version_and_no_hidden_administrator(sandbox_env: Environment) -> None:
    """The cluster has the environment's version, and its creator is no administrator."""
    made = control_plane(sandbox_env)
    assert (made["Name"], made["Version"]) == ("demo-sandbox-cluster", "1.34")
    assert made["AccessConfig"] == {"AuthenticationMode": "API", "BootstrapClusterCreatorAdminPermissions": False}
    assert made["BootstrapSelfManagedAddons"] is False
    assert made["UpgradePolicy"] == {"SupportType": "STANDARD"}


def test_cluster_is_never_replaced_and_survives_failed_creation(sandbox_env: Environment) -> None:
    """The cluster is protected from replacement and deletion; a failed creation is kept for inspection."""
    spec = cluster(sandbox_env, VPC, NO_CLUSTER)
    assert spec.may_replace == ()
    assert spec.on_failure == "DO_NOTHING"
    assert spec.policy is not None
    denied = [s for s in spec.policy["Statement"] if s["Effect"] == "Deny"]
    assert denied[0]["Action"] == ["Update:Replace", "Update:Delete"]
    assert spec.timeout == sandbox_env.deadlines.cluster
    assert control_plane(sandbox_env)["DeletionProtection"] is True


def test_cluster_endpoints_are_the_configs(prod_env: Environment, sandbox_env: Environment) -> None:
    """Public and private endpoints, and who reaches the public one, follow the ClusterConfig."""
    private = control_plane(prod_env)["ResourcesVpcConfig"]
    assert (private["EndpointPublicAccess"], private["EndpointPrivateAccess"]) == (False, True)
    vpc = {"clusterEndpoints": {"publicAccess": True, "privateAccess": True}, "publicAccessCIDRs": ["203.0.113.0/24"]}
    office = control_plane(configured(sandbox_env, vpc=vpc))["ResourcesVpcConfig"]
    assert office["PublicAccessCidrs"] == ["203.0.113.0/24"]
    # Left out, EKS would keep the office's.
    everybody = control_plane(configured(sandbox_env, vpc={}))["ResourcesVpcConfig"]
    assert everybody["PublicAccessCidrs"] == ["0.0.0.0/0"]
    assert "PublicAccessCidrs" not in private


def test_cluster_lets_in_who_the_config_names(sandbox_env: Environment) -> None:
    """The group that EKS makes lets in its own nodes alone: nobody else reaches a private API server."""
    vpc = {"clusterEndpoints": {"publicAccess": False, "privateAccess": True}, "extraCIDRs": ["10.1.0.0/16"]}
    (rule,) = properties_of(cluster(configured(sandbox_env, vpc=vpc), VPC, NO_CLUSTER), "EC2::SecurityGroupIngress")
    assert rule["GroupId"] == {"Fn::GetAtt": ["Cluster", "ClusterSecurityGroupId"]}
    assert (rule["CidrIp"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("10.1.0.0/16", "tcp", 443, 443)
    assert not properties_of(cluster(sandbox_env, VPC, NO_CLUSTER), "EC2::SecurityGroupIngress")


def test_cluster_takes_private_subnets_or_the_named_ones(sandbox_env: Environment) -> None:
    """The control plane's own subnets come first, then the config's, then the VPC's private ones."""

    def subnets(**vpc: Any) -> str:
        return cluster(configured(joined(sandbox_env), vpc=vpc), VPC, NO_CLUSTER).parameters["SubnetIds"]

    named = {
        "private": {"us-west-2a": {"id": "subnet-1"}, "us-west-2b": {"id": "subnet-2"}},
        "public": {"us-west-2a": {"id": "subnet-3"}, "us-west-2b": {"id": "subnet-4"}},
    }
    assert subnets() == "subnet-a,subnet-b"
    assert subnets(subnets=named) == "subnet-1,subnet-2,subnet-3,subnet-4"
    assert subnets(subnets=named, controlPlaneSubnetIDs=["subnet-8", "subnet-9"]) == "subnet-8,subnet-9"
    before = cluster(sandbox_env, pending_outputs(VpcOutputs, "vpc_lookup"), NO_CLUSTER)
    assert pending_fields(before.parameters) == ("vpc_lookup.private_subnet_ids",)


def test_cluster_stays_in_its_zones(sandbox_env: Environment) -> None:
    """EKS takes subnets in the zones of the cluster's creation alone; a zone that came later is for nodes."""
    live = ControlPlaneOutputs(subnet_ids=("subnet-a", "subnet-b"), zones=("us-west-2a", "us-west-2b"))
    grown = VPC.model_copy(
        update={"private_subnet_ids": ("subnet-a", "subnet-b", "subnet-n"), "zones": ("a", "b", "n")}
    )
    assert control_plane_lookup(sandbox_env).query == {"cluster": "demo-sandbox-cluster"}
    assert cluster(sandbox_env, grown, live).parameters["SubnetIds"] == "subnet-a,subnet-b"
    assert cluster(sandbox_env, grown, NO_CLUSTER).parameters["SubnetIds"] == "subnet-a,subnet-b,subnet-n"


def test_cluster_logs_are_kept_as_long_as_config_says(prod_env: Environment, sandbox_env: Environment) -> None:
    """The log group exists before the cluster, with the config's retention and log types."""
    spec = cluster(prod_env, VPC, NO_CLUSTER)
    (group,) = properties_of(spec, "Logs::LogGroup")
    assert group == {"LogGroupName": "/aws/eks/acme-prod-cluster/cluster", "RetentionInDays": 365}
    # EKS would make a group that keeps logs for ever.
    assert resources_of(spec)["Cluster"]["DependsOn"] == "ClusterLogs"
    types = [t["Type"] for t in control_plane(prod_env)["Logging"]["ClusterLogging"]["EnabledTypes"]]
    assert types == ["api", "audit", "authenticator"]
    # Left out, EKS would leave on what was on before.
    off = control_plane(configured(sandbox_env, cloudWatch={}))
    assert off["Logging"] == {"ClusterLogging": {"EnabledTypes": []}}


def test_cluster_secrets_are_encrypted_with_own_or_named_key(sandbox_env: Environment) -> None:
    """Without a named key, one with rotation is made, and kept when the stack is deleted."""
    (encryption,) = control_plane(sandbox_env)["EncryptionConfig"]
    assert encryption == {"Provider": {"KeyArn": {"Fn::GetAtt": ["SecretsKey", "Arn"]}}, "Resources": ["secrets"]}
    key = resources_of(cluster(sandbox_env, VPC, NO_CLUSTER))["SecretsKey"]
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"].startswith("Retain")
    arn = "arn:aws:kms:us-west-2:000000000000:key/1"
    named = cluster(configured(sandbox_env, secretsEncryption={"keyARN": arn}), VPC, NO_CLUSTER)
    assert properties_of(named, "EKS::Cluster")[0]["EncryptionConfig"][0]["Provider"]["KeyArn"] == arn
    assert resources_of(named, "KMS::Key") == {}


def test_cluster_role_has_policies_and_boundary(prod_env: Environment) -> None:
    """The cluster's role has EKS's two policies, under the permissions boundary."""
    assert policies(prod_env) == ["AmazonEKSClusterPolicy", "AmazonEKSVPCResourceController"]
    role = resources_of(cluster(prod_env, VPC, NO_CLUSTER))["ClusterRole"]["Properties"]
    assert role["PermissionsBoundary"] == "arn:aws:iam::444455556666:policy/eks-assets-boundary"


def test_cluster_in_auto_mode_has_all_parts_and_node_role(sandbox_env: Environment) -> None:
    """Auto Mode switches on compute, storage and load balancing together, with a role for its nodes."""
    auto = configured(sandbox_env, autoModeConfig={"enabled": True})
    made = control_plane(auto)
    assert made["ComputeConfig"] == {
        "Enabled": True,
        "NodePools": ["general-purpose", "system"],
        "NodeRoleArn": {"Fn::GetAtt": ["AutoModeNodeRole", "Arn"]},
    }
    assert made["StorageConfig"] == {"BlockStorage": {"Enabled": True}}
    assert made["KubernetesNetworkConfig"]["ElasticLoadBalancing"] == {"Enabled": True}
    assert "AmazonEKSComputePolicy" in policies(auto)
    assert policies(auto, "AutoModeNodeRole") == [
        "AmazonEKSWorkerNodeMinimalPolicy",
        "AmazonEC2ContainerRegistryPullOnly",
    ]


def test_cluster_in_auto_mode_takes_named_role_or_none(sandbox_env: Environment) -> None:
    """Auto Mode uses the named node role; without node pools it needs none."""
    arn = "arn:aws:iam::000000000000:role/nodes"
    named = configured(sandbox_env, autoModeConfig={"enabled": True, "nodeRoleARN": arn})
    assert control_plane(named)["ComputeConfig"]["NodeRoleArn"] == arn
    none = configured(sandbox_env, autoModeConfig={"enabled": True, "nodePools": []})
    assert control_plane(none)["ComputeConfig"] == {"Enabled": True, "NodePools": []}
    assert "ComputeConfig" not in control_plane(sandbox_env)


def test_cluster_tags_and_rollback_time_are_the_configs(sandbox_env: Environment) -> None:
    """Tags and the rollback time are taken from the config's metadata."""
    metadata = {"name": "demo-sandbox-cluster", "region": "us-west-2", "tags": {"team": "platform"}}
    env = configured(sandbox_env, metadata={**metadata, "rollbackConfig": {"timeoutMinutes": 240}})
    assert control_plane(env)["RollbackConfig"] == {"TimeoutMinutes": 240}
    assert cluster(env, VPC, NO_CLUSTER).tags == {"team": "platform", "eks-assets:environment": "sandbox"}
    assert "RollbackConfig" not in control_plane(sandbox_env)


def test_vpc_lookup_asks_for_own_vpc_or_named_tags(sandbox_env: Environment) -> None:
    """The VPC is looked up by its name, or by the tags that the environment gives."""
    assert vpc_lookup(sandbox_env).query == {"Name": "demo-sandbox-vpc"}
    assert vpc_lookup(joined(sandbox_env)).query == {"Name": "demo-sandbox-vpc"}
    tagged = sandbox_env.model_copy(update={"network": Network.model_validate({"lookup": {"tags": {"team": "x"}}})})
    assert vpc_lookup(tagged).query == {"team": "x"}


def test_access_entries_admit_deployer_destroyer_planner_and_nodes(sandbox_env: Environment) -> None:
    """Deployer and destroyer administer, the planner reads, and Karpenter's nodes join."""
    spec = access_entries(sandbox_env, CLUSTER, KARPENTER)
    by_principal = {str(e["PrincipalArn"]): e for e in properties_of(spec, "EKS::AccessEntry")}
    for role in ("deployer", "destroyer"):
        acting = by_principal[f"arn:aws:iam::000000000000:role/eks-assets-{role}"]
        assert acting["AccessPolicies"][0]["PolicyArn"].endswith(ADMIN)
    nodes = by_principal["{'Ref': 'KarpenterNodeRoleArn'}"]
    assert nodes["Type"] == "EC2_LINUX"
    assert "AccessPolicies" not in nodes
    assert spec.parameters["KarpenterNodeRoleArn"] == KARPENTER.node_role_arn
    planner = by_principal["arn:aws:iam::000000000000:role/eks-assets-planner"]
    assert planner["KubernetesGroups"] == ["eks-assets-planner"]
    assert planner["AccessPolicies"] == [], "none of EKS's leaves out Secrets"
    assert len(by_principal) == 4, "the config's mapping of Karpenter's role is the same entry"


def test_access_entries_without_deployer_admit_the_pipeline(sandbox_env: Environment) -> None:
    """Where no deployer is named, the pipeline's own role gets access."""
    arn = "arn:aws:iam::000000000000:role/pipeline"
    env = sandbox_env.model_copy(update={"roles": Roles(pipeline=arn)})
    (entry,) = properties_of(access_entries(env, CLUSTER, None), "EKS::AccessEntry")
    assert entry["PrincipalArn"] == arn


def test_access_entries_are_the_configs_in_the_partition(prod_env: Environment) -> None:
    """The config's entries are kept; ARNs of policies follow the partition of the region."""
    own_entries = properties_of(access_entries(prod_env, CLUSTER, None), "EKS::AccessEntry")
    on_call = next(e for e in own_entries if e["PrincipalArn"].endswith("acme-on-call"))
    assert on_call["AccessPolicies"][0] == {
        "PolicyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy",
        "AccessScope": {"Type": "cluster"},
    }
    govcloud = prod_env.model_copy(update={"region": "us-gov-west-1"})
    entries = properties_of(access_entries(govcloud, CLUSTER, None), "EKS::AccessEntry")
    policies = [policy["PolicyArn"] for e in entries for policy in e.get("AccessPolicies", ())]
    assert {arn.split(":")[1] for arn in policies} == {"aws-us-gov"}


def test_access_entry_of_other_principal_is_other_resource(sandbox_env: Environment) -> None:
    """The logical id follows the principal, so that a changed principal replaces nothing in place."""

    def titles(arn: str) -> set[str]:
        entries = {"accessEntries": [{"principalARN": arn, "kubernetesGroups": ["dev"]}]}
        return set(resources_of(access_entries(configured(sandbox_env, accessConfig=entries), CLUSTER, None)))

    one, other = (titles(f"arn:aws:iam::000000000000:role/{name}") for name in ("one", "other"))
    assert len(one - other) == len(other - one) == 1


def test_oidc_parameter_holds_id_under_its_published_name(sandbox_env: Environment) -> None:
    """The OIDC id is stored where other tools expect it."""
    spec = oidc_parameter(sandbox_env, IDENTITY)
    assert (spec.name, spec.value) == ("/demo/sandbox/eks/oidc-id", "0123ABCD")


@pytest.mark.parametrize("field", ["endpoint", "security_group_id"])
def test_cluster_outputs_come_from_the_cluster(sandbox_env: Environment, field: str) -> None:
    """Endpoint and security group are read from the cluster itself."""
    assert field in ClusterOutputs.model_fields
    outputs = cluster(sandbox_env, VPC, NO_CLUSTER).template["Outputs"]
    key = "".join(part.capitalize() for part in field.split("_"))
    assert outputs[key]["Value"]["Fn::GetAtt"][0] == "Cluster"
