"""The EKS control plane, as the environment's ClusterConfig describes it.

Source: CloudFormation, AWS::EKS::Cluster; eksctl, "Config file schema".
"""

from typing import Any

from troposphere import GetAtt, Join, Ref, Tags, Template, eks
from troposphere.iam import Role
from troposphere.kms import Key
from troposphere.logs import LogGroup

from eks_assets.cluster.vpc_lookup import VpcOutputs
from eks_assets.templates import (
    add_outputs,
    aws_policy,
    boundary,
    list_parameter,
    stack_tags,
    trust,
)
from eks_assets.unit import unit
from resources.checks import ClusterActive
from resources.cluster_config import ClusterConfig
from resources.environment import Environment
from resources.outputs import Outputs
from resources.specs import Stack


class ClusterOutputs(Outputs):
    name: str
    arn: str
    endpoint: str
    oidc_issuer: str
    security_group_id: str
    role_arn: str


_POLICY = {
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["Update:Replace", "Update:Delete"],
            "Resource": "LogicalResourceId/Cluster",
        },
    ]
}
_AUTO_MODE_POLICIES = (
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)


@unit(wave="cluster", minutes=10, checks=[ClusterActive()], reversibility="time-boxed")
def cluster(env: Environment, vpc: VpcOutputs) -> Stack[ClusterOutputs]:
    """The EKS control plane with its role and key; nobody is administrator by having created it."""
    config = env.cluster
    template = Template(Description=f"EKS control plane {env.cluster_name}")
    subnets = list_parameter(template, "SubnetIds", "Subnets of the cluster")
    policies = ("AmazonEKSClusterPolicy", *(_AUTO_MODE_POLICIES if config.auto_mode else ()))
    role = template.add_resource(
        Role(
            "ClusterRole",
            AssumeRolePolicyDocument=trust({"Service": "eks.amazonaws.com"}, "sts:AssumeRole", "sts:TagSession"),
            ManagedPolicyArns=[aws_policy(env, name) for name in policies],
            **boundary(env),
        )
    )
    properties = _properties(env, template, role, subnets)
    if config.cloud_watch.cluster_logging.types:
        retention = config.cloud_watch.cluster_logging.log_retention_in_days or 90
        template.add_resource(
            LogGroup(
                "ClusterLogs",
                LogGroupName=f"/aws/eks/{env.cluster_name}/cluster",
                RetentionInDays=retention,
                DeletionPolicy="RetainExceptOnCreate",
                UpdateReplacePolicy="Retain",
            )
        )
        properties["DependsOn"] = "ClusterLogs"
    made = template.add_resource(eks.Cluster("Cluster", **properties))
    add_outputs(
        template,
        ClusterOutputs,
        name=Ref(made),
        arn=GetAtt(made, "Arn"),
        endpoint=GetAtt(made, "Endpoint"),
        oidc_issuer=GetAtt(made, "OpenIdConnectIssuerUrl"),
        security_group_id=GetAtt(made, "ClusterSecurityGroupId"),
        role_arn=GetAtt(role, "Arn"),
    )
    return Stack[ClusterOutputs](
        name=env.stack_name("cluster"),
        template=template.to_dict(),
        parameters={"SubnetIds": ",".join(control_plane_subnets(config, vpc))},
        tags=stack_tags(env),
        on_failure="DO_NOTHING",
        policy=_POLICY,
        timeout=env.deadlines.cluster,
    )


def control_plane_subnets(config: ClusterConfig, vpc: VpcOutputs) -> tuple[str, ...]:
    """The ClusterConfig's own control plane subnets, else the VPC's private ones."""
    return config.vpc.control_plane_subnet_ids or vpc.private_subnet_ids


def _properties(env: Environment, template: Template, role: Role, subnets: Ref) -> dict[str, Any]:
    config = env.cluster
    endpoints = config.vpc.cluster_endpoints
    network = eks.ResourcesVpcConfig(
        SubnetIds=subnets,
        EndpointPublicAccess=endpoints.public_access,
        EndpointPrivateAccess=endpoints.private_access,
    )
    if endpoints.public_access and config.vpc.public_access_cidrs:
        network.PublicAccessCidrs = list(config.vpc.public_access_cidrs)
    properties: dict[str, Any] = {
        "Name": env.cluster_name,
        "Version": env.kubernetes_version,
        "RoleArn": GetAtt(role, "Arn"),
        "ResourcesVpcConfig": network,
        "AccessConfig": eks.AccessConfig(
            AuthenticationMode=config.access_config.authentication_mode, BootstrapClusterCreatorAdminPermissions=False
        ),
        "BootstrapSelfManagedAddons": False,
        "UpgradePolicy": eks.UpgradePolicy(SupportType=config.upgrade_policy.support_type),
        "ZonalShiftConfig": eks.ZonalShiftConfig(Enabled=config.zonal_shift_config.enabled),
        "KubernetesNetworkConfig": _kubernetes_network(config),
    }
    if config.metadata.tags:
        properties["Tags"] = Tags(config.metadata.tags)
    if types := config.cloud_watch.cluster_logging.types:
        enabled = [eks.LoggingTypeConfig(Type=name) for name in types]
        properties["Logging"] = eks.Logging(ClusterLogging=eks.ClusterLogging(EnabledTypes=enabled))
    if config.secrets_encryption is not None:
        key = config.secrets_encryption.key_arn or GetAtt(_key(env, template), "Arn")
        properties["EncryptionConfig"] = [
            eks.EncryptionConfig(Provider=eks.Provider(KeyArn=key), Resources=["secrets"])
        ]
    if config.auto_mode:
        auto = config.auto_mode_config
        compute = eks.ComputeConfig(Enabled=True, NodePools=list(auto.node_pools))
        if auto.node_role_arn:
            compute.NodeRoleArn = auto.node_role_arn
        properties["ComputeConfig"] = compute
        properties["StorageConfig"] = eks.StorageConfig(BlockStorage=eks.BlockStorage(Enabled=True))
    return properties


def _kubernetes_network(config: ClusterConfig) -> eks.KubernetesNetworkConfig:
    found = config.kubernetes_network_config
    network = eks.KubernetesNetworkConfig(IpFamily=found.ip_family.lower())
    if found.service_ipv4_cidr:
        network.ServiceIpv4Cidr = found.service_ipv4_cidr
    if config.auto_mode:
        network.ElasticLoadBalancing = eks.ElasticLoadBalancing(Enabled=True)
    return network


def _key(env: Environment, template: Template) -> Key:
    root = Join("", ["arn:", Ref("AWS::Partition"), ":iam::", Ref("AWS::AccountId"), ":root"])
    everything = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}
    key: Key = template.add_resource(
        Key(
            "SecretsKey",
            Description=f"Envelope encryption of Secrets in {env.cluster_name}",
            EnableKeyRotation=True,
            KeyPolicy={"Version": "2012-10-17", "Statement": [everything]},
            DeletionPolicy="RetainExceptOnCreate",
            UpdateReplacePolicy="Retain",
        )
    )
    return key
