"""What eksctl of today knows of nodes, the control plane and roles: rendered as CloudFormation has it, or refused."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from eks_assets.units.cluster.cluster import cluster, control_plane_subnets
from eks_assets.units.cluster.identity import identity
from eks_assets.units.cluster.node_groups import node_groups
from eks_assets.units.cluster.pod_addons import pod_addons
from eks_assets.units.cluster.version_lookup import version_lookup
from resources.config.environment import Environment
from resources.model.specs import Stack
from tests.helpers.published import (
    CLUSTER,
    EXTERNAL_DNS,
    GROUPS,
    NO_CLUSTER,
    NODE_RELEASE,
    ROLES,
    VPC,
    configured,
    properties_of,
    resources_of,
    versions_of,
)

POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
OTHER = "arn:aws:iam::111122223333:role/other"


def nodes(env: Environment, **fields: Any) -> Stack[Any]:
    """The stack of one node group with these fields."""
    env = configured(env, managedNodeGroups=[{"name": "system", **fields}])
    return node_groups(env, CLUSTER, NO_CLUSTER, versions_of(env), VPC, GROUPS)


def launch(env: Environment, **fields: Any) -> dict[str, Any]:
    (made,) = properties_of(nodes(env, **fields), "EC2::LaunchTemplate")
    data: dict[str, Any] = made["LaunchTemplateData"]
    return data


def group(env: Environment, **fields: Any) -> dict[str, Any]:
    (made,) = properties_of(nodes(env, **fields), "EKS::Nodegroup")
    return made


def control_plane(env: Environment, **fields: Any) -> dict[str, Any]:
    (made,) = properties_of(cluster(configured(env, **fields), VPC, NO_CLUSTER), "EKS::Cluster")
    return made


def roles_of_pods(env: Environment) -> dict[str, dict[str, Any]]:
    """The association by namespace/account."""
    made = properties_of(identity(env, CLUSTER, EXTERNAL_DNS, ROLES), "EKS::PodIdentityAssociation")
    return {f"{a['Namespace']}/{a['ServiceAccount']}": a for a in made}


@pytest.mark.parametrize(
    ("fields", "key", "value"),
    [
        ({"ebsOptimized": False}, "EbsOptimized", False),
        ({"enableDetailedMonitoring": True}, "Monitoring", {"Enabled": True}),
        ({"placement": {"groupName": "close"}}, "Placement", {"GroupName": "close"}),
        (
            {"securityGroups": {"attachIDs": ["sg-0a"]}},
            "SecurityGroupIds",
            [{"Ref": "ClusterSecurityGroupId"}, {"Ref": "NodeSecurityGroupId"}, "sg-0a"],
        ),
    ],
)
def test_setting_of_nodes_stands_in_their_launch_template(
    sandbox_env: Environment, fields: dict[str, Any], key: str, value: Any
) -> None:
    """Under CloudFormation's name."""
    assert launch(sandbox_env, **fields)[key] == value


def test_templates_without_new_settings_have_none_of_them(sandbox_env: Environment) -> None:
    """Nothing is updated because the pipeline knows more."""
    keys = {"BlockDeviceMappings", "MetadataOptions", "SecurityGroupIds", "TagSpecifications"}
    assert launch(sandbox_env).keys() == keys
    repaired = group(sandbox_env, nodeRepairConfig={"enabled": True})["NodeRepairConfig"]
    assert repaired == {"Enabled": True}


def test_nodes_are_called_as_the_group_says(sandbox_env: Environment) -> None:
    """The Name tag of instances and volumes."""
    tags = launch(sandbox_env, instanceName="worker")["TagSpecifications"]
    assert [t["Tags"] for t in tags] == [[{"Key": "Name", "Value": "worker"}]] * 2


def test_additional_volumes_are_encrypted_disks_of_their_own(sandbox_env: Environment) -> None:
    """Beside the first one."""
    volume = {"volumeName": "/dev/xvdb", "volumeSize": 10, "volumeType": "io2", "volumeIOPS": 500}
    first, second = launch(sandbox_env, additionalVolumes=[volume])["BlockDeviceMappings"]
    assert (first["DeviceName"], second["DeviceName"]) == ("/dev/xvda", "/dev/xvdb")
    disk = {"VolumeSize": 10, "VolumeType": "io2", "Iops": 500, "Encrypted": True, "DeleteOnTermination": True}
    assert second["Ebs"] == disk


@pytest.mark.parametrize(
    ("family", "devices"),
    [
        ({}, ["/dev/xvdb", "/dev/xvdb"]),
        ({"amiFamily": "Bottlerocket", "releaseVersion": "1.50.0-0a1b2c3d"}, ["/dev/xvdb"]),
    ],
)
def test_device_of_two_volumes_is_refused(sandbox_env: Environment, family: dict[str, Any], devices: list[str]) -> None:
    """One of them would be lost without a word."""
    volumes = [{"volumeName": device, "volumeSize": 10} for device in devices]
    with pytest.raises(ValidationError, match="allowed: each device once"):
        launch(sandbox_env, additionalVolumes=volumes, **family)


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ({}, "maxPods: 50"),
        ({"amiFamily": "Bottlerocket", "releaseVersion": "1.50.0-0a1b2c3d"}, "[settings.kubernetes]\nmax-pods = 50\n"),
    ],
)
def test_most_pods_stand_in_user_data(sandbox_env: Environment, family: dict[str, Any], text: str) -> None:
    """In the form of each image family, which EKS merges into its own."""
    assert text in launch(sandbox_env, maxPodsPerNode=50, **family)["UserData"]["Fn::Base64"]


@pytest.mark.parametrize(
    ("instance", "kind"),
    [("m7i.large", "x86_64"), ("m7g.large", "ARM_64"), ("g6.xlarge", "x86_64_NVIDIA"), ("g5g.xlarge", "ARM_64_NVIDIA")],
)
def test_bottlerocket_has_its_images_and_second_device(sandbox_env: Environment, instance: str, kind: str) -> None:
    """Images and pods are on the second device; the release does not say which Kubernetes it is of."""
    fields = {"amiFamily": "Bottlerocket", "releaseVersion": "1.50.0-0a1b2c3d", "instanceType": instance}
    made = group(sandbox_env, **fields)
    assert made["AmiType"] == f"BOTTLEROCKET_{kind}"
    assert (made["Version"], made["ReleaseVersion"]) == ("1.34", "1.50.0-0a1b2c3d")
    (disk,) = launch(sandbox_env, **fields)["BlockDeviceMappings"]
    assert disk["DeviceName"] == "/dev/xvdb"


def test_bottlerocket_takes_the_newest_release(sandbox_env: Environment) -> None:
    """AWS is asked for it, as for the images of Amazon Linux."""
    made = group(sandbox_env, amiFamily="Bottlerocket")
    assert (made["Version"], made["ReleaseVersion"]) == ("1.34", NODE_RELEASE)
    env = configured(sandbox_env, managedNodeGroups=[{"name": "system", "amiFamily": "Bottlerocket"}])
    assert version_lookup(env).query["images"] == "BOTTLEROCKET_x86_64"


def test_bottlerocket_settings_are_toml_in_user_data(sandbox_env: Environment) -> None:
    """Tables and values as its settings have them, with those that the group has fields for."""
    own = {"motd": 'Hello, "you"', "kernel": {"sysctl": {"vm.max_map_count": "262144"}}, "ntp": {"time-servers": ["a"]}}
    fields = {"bottlerocket": {"enableAdminContainer": True, "settings": own}, "maxPodsPerNode": 50}
    text = launch(sandbox_env, amiFamily="Bottlerocket", **fields)["UserData"]["Fn::Base64"]
    assert tomllib.loads(text) == {
        "settings": {**own, "host-containers": {"admin": {"enabled": True}}, "kubernetes": {"max-pods": 50}}
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"bottlerocket": {"settings": {"motd": "x"}}}, "allowed: with amiFamily: Bottlerocket"),
        (
            {"amiFamily": "Bottlerocket", "bottlerocket": {"settings": {"kubernetes": {"max-pods": 5}}}},
            "allowed: maxPodsPerNode",
        ),
        (
            {"amiFamily": "Bottlerocket", "bottlerocket": {"settings": {"kubernetes": {"cluster-name": "x"}}}},
            "which EKS sets",
        ),
        (
            {
                "amiFamily": "Bottlerocket",
                "bottlerocket": {"enableAdminContainer": False},
                "ssh": {"allow": True, "publicKeyName": "mine"},
            },
            "without the admin container",
        ),
        ({"ssh": {"allow": True}}, "allowed: publicKeyName"),
        ({"ssh": {"sourceSecurityGroupIds": ["sg-0a"]}}, "allowed: with allow: true"),
        (
            {
                "ssh": {"allow": True, "publicKeyName": "mine"},
                "securityGroups": {"attachIDs": ["sg-0a", "sg-0b", "sg-0c"]},
            },
            "two of them",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(sandbox_env: Environment, fields: dict[str, Any], words: str) -> None:
    """Without effect, set by somebody else, or too much for EC2."""
    with pytest.raises(ValidationError, match=words):
        group(sandbox_env, **fields)


@pytest.mark.parametrize(
    ("sources", "origins"),
    [
        ([], [{"CidrIp": {"Ref": "VpcCidr"}}]),
        (["sg-0a", "sg-0b"], [{"SourceSecurityGroupId": "sg-0a"}, {"SourceSecurityGroupId": "sg-0b"}]),
    ],
)
def test_ssh_has_a_key_and_a_rule(sandbox_env: Environment, sources: list[str], origins: list[dict[str, Any]]) -> None:
    """The key pair in the launch template; port 22 for the VPC, or for the security groups that are named."""
    ssh = {"allow": True, "publicKeyName": "mine", "sourceSecurityGroupIds": sources}
    spec = nodes(sandbox_env, ssh=ssh)
    (made,) = properties_of(spec, "EC2::SecurityGroup")
    rules = made["SecurityGroupIngress"]
    assert [{k: rule[k] for k in rule if k in ("CidrIp", "SourceSecurityGroupId")} for rule in rules] == origins
    assert {(rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in rules} == {("tcp", 22, 22)}
    (template,) = properties_of(spec, "EC2::LaunchTemplate")
    data = template["LaunchTemplateData"]
    assert (data["KeyName"], data["SecurityGroupIds"][-1]) == ("mine", {"Fn::GetAtt": ["SshSystem", "GroupId"]})
    assert (spec.parameters["VpcId"], spec.parameters["VpcCidr"]) == ("vpc-1", "10.0.0.0/16")


def test_key_pair_alone_opens_no_port(sandbox_env: Environment) -> None:
    """`allow: false`, or not a word of it."""
    spec = nodes(sandbox_env, ssh={"publicKeyName": "mine"})
    (template,) = properties_of(spec, "EC2::LaunchTemplate")
    assert template["LaunchTemplateData"]["KeyName"] == "mine"
    assert properties_of(spec, "EC2::SecurityGroup") == []


def test_people_log_in_to_the_admin_container(sandbox_env: Environment) -> None:
    """Bottlerocket has no shell of its own, and the container is off by itself."""
    ssh = {"allow": True, "publicKeyName": "mine"}
    text = launch(sandbox_env, amiFamily="Bottlerocket", ssh=ssh)["UserData"]["Fn::Base64"]
    assert tomllib.loads(text) == {"settings": {"host-containers": {"admin": {"enabled": True}}}}


def test_repair_has_thresholds_and_overrides(sandbox_env: Environment) -> None:
    """How many nodes at a time, from when on none, and what is done of which condition."""
    override = {
        "nodeMonitoringCondition": "NetworkNotReady",
        "nodeUnhealthyReason": "InterfaceNotUp",
        "minRepairWaitTimeMins": 15,
        "repairAction": "Reboot",
    }
    thresholds = {"maxUnhealthyNodeThresholdPercentage": 20, "maxParallelNodesRepairedCount": 2}
    config = {"enabled": True, **thresholds, "nodeRepairConfigOverrides": [override]}
    assert group(sandbox_env, nodeRepairConfig=config)["NodeRepairConfig"] == {
        "Enabled": True,
        "MaxUnhealthyNodeThresholdPercentage": 20,
        "MaxParallelNodesRepairedCount": 2,
        "NodeRepairConfigOverrides": [
            {
                "NodeMonitoringCondition": "NetworkNotReady",
                "NodeUnhealthyReason": "InterfaceNotUp",
                "MinRepairWaitTimeMins": 15,
                "RepairAction": "Reboot",
            }
        ],
    }


@pytest.mark.parametrize(
    ("word", "action"), [("Terminate", "Replace"), ("Restart", "Reboot"), ("NoAction", "NoAction")]
)
def test_repair_actions_may_have_eksctls_names(sandbox_env: Environment, word: str, action: str) -> None:
    """As its example writes them; EKS has other names."""
    override = {"nodeMonitoringCondition": "a", "nodeUnhealthyReason": "b", "minRepairWaitTimeMins": 1}
    config = {"enabled": True, "nodeRepairConfigOverrides": [{**override, "repairAction": word}]}
    (made,) = group(sandbox_env, nodeRepairConfig=config)["NodeRepairConfig"]["NodeRepairConfigOverrides"]
    assert made["RepairAction"] == action


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"enabled": True, "maxParallelNodesRepairedCount": 1, "maxParallelNodesRepairedPercentage": 5}, "one of them"),
        ({"maxParallelNodesRepairedCount": 1}, "allowed: enabled: true"),
    ],
)
def test_repair_that_contradicts_itself_is_refused(
    sandbox_env: Environment, config: dict[str, Any], words: str
) -> None:
    """A number and a percentage; thresholds of what is off."""
    with pytest.raises(ValidationError, match=words):
        group(sandbox_env, nodeRepairConfig=config)


def test_control_plane_has_size_and_settings_of_its_components(sandbox_env: Environment) -> None:
    """As CloudFormation has them."""
    fit = {"scoringStrategy": {"type": "MostAllocated", "resources": [{"name": "cpu", "weight": 2}]}}
    period = {"horizontalPodAutoscalerSyncPeriod": "15s"}
    made = control_plane(
        sandbox_env,
        controlPlaneScalingConfig={"tier": "tier-xl"},
        kubeAPIServerConfig={"eventTTL": "1h", "serviceNodePortRange": {"minPort": 30000, "maxPort": 31000}},
        kubeSchedulerConfig={"nodeResourcesFit": fit},
        kubeControllerManagerConfig={"horizontalPodAutoscalerControllerConfig": period},
        vpc={"controlPlaneSecurityGroupIDs": ["sg-0a"], "controlPlaneEgressMode": "CUSTOMER_ROUTED"},
    )
    assert made["ControlPlaneScalingConfig"] == {"Tier": "tier-xl"}
    ports = {"MinPort": 30000, "MaxPort": 31000}
    assert made["KubeApiServerConfig"] == {"EventTtl": "1h", "ServiceNodePortRange": ports}
    scoring = {"Type": "MostAllocated", "Resources": [{"Name": "cpu", "Weight": 2}]}
    assert made["KubeSchedulerConfig"] == {"NodeResourcesFit": {"ScoringStrategy": scoring}}
    assert made["KubeControllerManagerConfig"] == {
        "HorizontalPodAutoscalerControllerConfig": {"HorizontalPodAutoscalerSyncPeriod": "15s"}
    }
    network = made["ResourcesVpcConfig"]
    assert (network["SecurityGroupIds"], network["ControlPlaneEgressMode"]) == (["sg-0a"], "CUSTOMER_ROUTED")


@pytest.mark.parametrize(("private", "expected"), [(True, ("subnet-1", "subnet-2")), (False, None)])
def test_control_plane_stays_on_private_subnets_if_asked(
    sandbox_env: Environment, private: bool, expected: tuple[str, ...] | None
) -> None:
    """Of the subnets that the file names; else on all of them."""
    subnets = {
        "private": {"us-west-2a": {"id": "subnet-1"}, "us-west-2b": {"id": "subnet-2"}},
        "public": {"us-west-2a": {"id": "subnet-3"}, "us-west-2b": {"id": "subnet-4"}},
    }
    env = configured(sandbox_env, vpc={"subnets": subnets, "controlPlaneOnPrivateSubnets": private})
    everything = ("subnet-1", "subnet-2", "subnet-3", "subnet-4")
    assert control_plane_subnets(env.cluster, VPC, NO_CLUSTER) == (expected or everything)


def test_association_assumes_a_role_elsewhere(sandbox_env: Environment) -> None:
    """The role that is made for it may assume the other one, and nothing else."""
    wanted = {"namespace": "shop", "serviceAccountName": "reader", "targetRoleARN": OTHER, "disableSessionTags": True}
    env = configured(sandbox_env, iam={"podIdentityAssociations": [wanted]})
    made = roles_of_pods(env)["shop/reader"]
    assert (made["TargetRoleArn"], made["DisableSessionTags"]) == (OTHER, True)
    title = made["RoleArn"]["Fn::GetAtt"][0]
    role = resources_of(identity(env, CLUSTER, EXTERNAL_DNS, ROLES))[title]["Properties"]
    (statement,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["sts:AssumeRole", "sts:TagSession"], OTHER)
    assert "ManagedPolicyArns" not in role


def test_policies_of_nodes_become_roles_of_pods(sandbox_env: Environment) -> None:
    """Those of the service accounts that need them; what has a unit or a role already gets none again."""
    policies = dict.fromkeys(("autoScaler", "certManager", "cloudWatch", "fsx", "ebs", "externalDNS"), True)
    env = configured(
        sandbox_env,
        managedNodeGroups=[{"name": "system", "iam": {"withAddonPolicies": policies}}],
        addons=[{"name": "aws-fsx-csi-driver", "useDefaultPodIdentityAssociations": True}],
    )
    added = roles_of_pods(env).keys() - roles_of_pods(sandbox_env).keys()
    scaler, certificates = "kube-system/cluster-autoscaler", "cert-manager/cert-manager"
    assert added == {scaler, certificates, "amazon-cloudwatch/cloudwatch-agent"}


@pytest.mark.parametrize(
    ("fields", "policies"),
    [
        ({"attachPolicyARNs": [POLICY]}, {"ManagedPolicyArns": [POLICY]}),
        ({"wellKnownPolicies": {"ebsCSIController": True}}, {"ManagedPolicyArns": None}),
        ({"attachPolicy": {"Version": "2012-10-17", "Statement": []}}, {"Policies": None}),
    ],
)
def test_policies_of_an_addon_become_its_role(
    sandbox_env: Environment, fields: dict[str, Any], policies: dict[str, Any]
) -> None:
    """Of the service account that the add-on brings."""
    config = {"disableDefaultAddons": True}
    env = configured(sandbox_env, addons=[{"name": "aws-ebs-csi-driver", **fields}], addonsConfig=config)
    stack = pod_addons(env, CLUSTER, versions_of(env), ROLES)
    (addon,) = properties_of(stack, "EKS::Addon")
    (association,) = addon["PodIdentityAssociations"]
    assert association["ServiceAccount"] == "ebs-csi-controller-sa"
    role = resources_of(stack)[association["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
    for key, value in policies.items():
        assert role[key] == (value or role[key])
        assert role[key]


def test_policies_of_an_addon_without_known_account_are_refused(sandbox_env: Environment) -> None:
    """Nobody knows whose they are."""
    with pytest.raises(ValidationError, match="nobody knows its service account"):
        configured(sandbox_env, addons=[{"name": "adot", "attachPolicyARNs": [POLICY]}])
