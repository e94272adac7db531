"""The parts of the cluster's template: its role, its logs, the properties of AWS::EKS::Cluster."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Tags, Template, eks
from troposphere.ec2 import SecurityGroupIngress
from troposphere.iam import Role
from troposphere.kms import Key
from troposphere.logs import LogGroup

from eks_assets.units.cluster._pod_roles import short_digest
from resources.cloudformation import aws_policy, boundary_properties, build_arn, trust_policy
from resources.config.eksctl.cluster_config import ClusterConfig
from resources.config.eksctl.remote_networks import RemoteNetworkConfig
from resources.config.environment import Environment

DEFAULT_LOG_DAYS = 90
_CLUSTER_POLICIES = ("AmazonEKSClusterPolicy", "AmazonEKSVPCResourceController")
_AUTO_MODE_POLICIES = (
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
_AUTO_MODE_NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")


def add_cluster_role(template: Template, env: Environment) -> Role:
    """The role that EKS acts under."""
    names = _CLUSTER_POLICIES + (_AUTO_MODE_POLICIES if env.cluster.auto_mode else ())
    # Auto Mode tags its sessions.
    trusts = trust_policy({"Service": "eks.amazonaws.com"}, "sts:AssumeRole", "sts:TagSession")
    return _add_role(template, env, "ClusterRole", trusts, names)


def add_logs(template: Template, env: Environment) -> None:
    """The log group, where any log is on: one that EKS creates by itself keeps everything for ever."""
    logging = env.cluster.cloud_watch.cluster_logging
    if logging.types:
        template.add_resource(
            LogGroup(
                "ClusterLogs",
                LogGroupName=f"/aws/eks/{env.cluster_name}/cluster",
                RetentionInDays=logging.log_retention_in_days or DEFAULT_LOG_DAYS,
                DeletionPolicy="RetainExceptOnCreate",
                UpdateReplacePolicy="Retain",
            )
        )


def cluster_properties(template: Template, env: Environment, role: Role, subnets: Ref) -> dict[str, Any]:
    """The properties of AWS::EKS::Cluster. Adds the key and the role of Auto Mode's nodes where they are needed."""
    config = env.cluster
    properties: dict[str, Any] = {
        "Name": env.cluster_name,
        "Version": env.kubernetes_version,
        "RoleArn": GetAtt(role, "Arn"),
        "ResourcesVpcConfig": _vpc(config, subnets),
        "AccessConfig": eks.AccessConfig(
            AuthenticationMode=config.access_config.authentication_mode, BootstrapClusterCreatorAdminPermissions=False
        ),
        "BootstrapSelfManagedAddons": False,
        "DeletionProtection": True,
        "UpgradePolicy": eks.UpgradePolicy(SupportType=config.upgrade_policy.support_type),
        "ZonalShiftConfig": eks.ZonalShiftConfig(Enabled=config.zonal_shift_config.enabled),
        "KubernetesNetworkConfig": _kubernetes_network(config),
    }
    if config.metadata.tags:
        properties["Tags"] = Tags(config.metadata.tags)
    if minutes := config.metadata.rollback_config.timeout_minutes:
        properties["RollbackConfig"] = eks.RollbackConfig(TimeoutMinutes=minutes)
    # Named also where all are off: what a template leaves out EKS leaves on (AWS::EKS::Cluster, ClusterLogging).
    types = config.cloud_watch.cluster_logging.types
    enabled = [eks.LoggingTypeConfig(Type=name) for name in types]
    properties["Logging"] = eks.Logging(ClusterLogging=eks.ClusterLogging(EnabledTypes=enabled))
    if types:
        properties["DependsOn"] = "ClusterLogs"
    if config.secrets_encryption is not None:
        key = config.secrets_encryption.key_arn or GetAtt(_add_key(template, env), "Arn")
        properties["EncryptionConfig"] = [
            eks.EncryptionConfig(Provider=eks.Provider(KeyArn=key), Resources=["secrets"])
        ]
    if config.remote_network_config is not None:
        properties["RemoteNetworkConfig"] = _remote_networks(config.remote_network_config)
    properties |= _components(config)
    if config.auto_mode:
        properties["ComputeConfig"] = _compute(template, env)
        properties["StorageConfig"] = eks.StorageConfig(BlockStorage=eks.BlockStorage(Enabled=True))
    return properties


def _vpc(config: ClusterConfig, subnets: Ref) -> eks.ResourcesVpcConfig:
    endpoints = config.vpc.cluster_endpoints
    network = eks.ResourcesVpcConfig(
        SubnetIds=subnets,
        EndpointPublicAccess=endpoints.public_access,
        EndpointPrivateAccess=endpoints.private_access,
    )
    if endpoints.public_access:
        # As with the logs: without any, those of before would stay.
        network.PublicAccessCidrs = list(config.vpc.public_access_cidrs or ("0.0.0.0/0",))
    if config.vpc.control_plane_security_group_ids:
        network.SecurityGroupIds = list(config.vpc.control_plane_security_group_ids)
    if config.vpc.control_plane_egress_mode:
        network.ControlPlaneEgressMode = config.vpc.control_plane_egress_mode
    return network


def _remote_networks(remote: RemoteNetworkConfig) -> eks.RemoteNetworkConfig:
    nodes = [eks.RemoteNodeNetwork(Cidrs=list(network.cidrs)) for network in remote.remote_node_networks]
    pods = [eks.RemotePodNetwork(Cidrs=list(network.cidrs)) for network in remote.remote_pod_networks]
    return eks.RemoteNetworkConfig(RemoteNodeNetworks=nodes, **({"RemotePodNetworks": pods} if pods else {}))


def _components(config: ClusterConfig) -> dict[str, Any]:
    """The size of the control plane and how its components run, as far as the ClusterConfig says."""
    properties: dict[str, Any] = {}
    if scaling := config.control_plane_scaling_config:
        properties["ControlPlaneScalingConfig"] = eks.ControlPlaneScalingConfig(Tier=scaling.tier)
    if server := config.kube_api_server_config:
        ports = server.service_node_port_range
        values = {
            "EventTtl": server.event_ttl,
            "ServiceNodePortRange": ports and eks.ServiceNodePortRange(MinPort=ports.min_port, MaxPort=ports.max_port),
        }
        properties["KubeApiServerConfig"] = eks.KubeApiServerConfig(**{k: v for k, v in values.items() if v})
    if scheduler := config.kube_scheduler_config:
        strategy = scheduler.node_resources_fit.scoring_strategy
        weights = [eks.ResourceWeight(Name=r.name, Weight=r.weight) for r in strategy.resources]
        scoring = eks.ScoringStrategy(Type=strategy.type, **({"Resources": weights} if weights else {}))
        fit = eks.NodeResourcesFitConfig(ScoringStrategy=scoring)
        properties["KubeSchedulerConfig"] = eks.KubeSchedulerConfig(NodeResourcesFit=fit)
    if manager := config.kube_controller_manager_config:
        autoscaler = manager.horizontal_pod_autoscaler_controller_config
        period = eks.HorizontalPodAutoscalerControllerConfig(
            HorizontalPodAutoscalerSyncPeriod=autoscaler.horizontal_pod_autoscaler_sync_period
        )
        properties["KubeControllerManagerConfig"] = eks.KubeControllerManagerConfig(
            HorizontalPodAutoscalerControllerConfig=period
        )
    return properties


def add_ways_in(template: Template, config: ClusterConfig, control_plane: eks.Cluster) -> None:
    """A rule for each of `vpc.extraCIDRs`. The group that EKS makes lets nothing in but the cluster's own nodes, so
    an API server without a public address is out of everybody else's reach (EKS user guide, "Cluster API server
    endpoint")."""
    for cidr in config.vpc.extra_cidrs:
        template.add_resource(
            SecurityGroupIngress(
                f"ApiServerFrom{short_digest(cidr)}",
                GroupId=GetAtt(control_plane, "ClusterSecurityGroupId"),
                IpProtocol="tcp",
                FromPort=443,
                ToPort=443,
                CidrIp=cidr,
                Description="To the API server (vpc.extraCIDRs)",
            )
        )


def _kubernetes_network(config: ClusterConfig) -> eks.KubernetesNetworkConfig:
    wanted = config.kubernetes_network_config
    network = eks.KubernetesNetworkConfig(IpFamily=wanted.ip_family.lower())
    if wanted.service_ipv4_cidr:
        network.ServiceIpv4Cidr = wanted.service_ipv4_cidr
    if config.auto_mode:
        network.ElasticLoadBalancing = eks.ElasticLoadBalancing(Enabled=True)
    return network


def _compute(template: Template, env: Environment) -> eks.ComputeConfig:
    """EKS takes a role of the nodes and built-in node pools together, or neither."""
    auto = env.cluster.auto_mode_config
    compute = eks.ComputeConfig(Enabled=True, NodePools=list(auto.node_pools))
    if auto.node_pools:
        trusts = trust_policy({"Service": "ec2.amazonaws.com"})
        compute.NodeRoleArn = auto.node_role_arn or GetAtt(
            _add_role(template, env, "AutoModeNodeRole", trusts, _AUTO_MODE_NODE_POLICIES), "Arn"
        )
    return compute


def _add_role(
    template: Template, env: Environment, title: str, trusts: dict[str, Any], policies: tuple[str, ...]
) -> Role:
    managed = [aws_policy(env, name) for name in policies]
    role: Role = template.add_resource(
        Role(title, AssumeRolePolicyDocument=trusts, ManagedPolicyArns=managed, **boundary_properties(env))
    )
    return role


def _add_key(template: Template, env: Environment) -> Key:
    """The key of Secrets. Its policy leaves it to IAM who may use it; EKS gets a grant from whoever creates the
    cluster, who needs kms:CreateGrant and kms:DescribeKey."""
    root = build_arn(env, "iam", "root", region="")
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
