"""What pods run on: managed node groups, Fargate profiles, and what Karpenter needs in AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eks_assets.units import load_registry
from eks_assets.units.cluster._karpenter_policies import POLICY_NAMES
from eks_assets.units.cluster.control_plane_lookup import ControlPlaneOutputs
from eks_assets.units.cluster.fargate_profiles import fargate_profiles
from eks_assets.units.cluster.karpenter_stack import karpenter_stack
from eks_assets.units.cluster.node_groups import node_groups
from eks_assets.units.cluster.vpc_lookup import VpcOutputs
from resources.config.environment import Environment
from resources.config.settings.network import Network
from resources.model.errors import ConfigError
from resources.model.outputs import pending_fields, pending_outputs
from tests.helpers.published import (
    CLUSTER,
    GROUPS,
    NO_CLUSTER,
    NODE_RELEASE,
    VPC,
    configured,
    joined,
    properties_of,
    resources_of,
    versions_of,
)

SHARED_ROLE = {"Fn::GetAtt": ["NodeRole", "Arn"]}


def with_group(env: Environment, **fields: Any) -> Environment:
    """The environment with one node group, of these fields."""
    return configured(env, managedNodeGroups=[{"name": "system", **fields}])


def groups_of(env: Environment) -> list[dict[str, Any]]:
    return properties_of(node_groups(env, CLUSTER, NO_CLUSTER, versions_of(env), VPC, GROUPS), "EKS::Nodegroup")


def group_of(env: Environment, **fields: Any) -> dict[str, Any]:
    (group,) = groups_of(with_group(env, **fields))
    return group


def launch_of(env: Environment, **fields: Any) -> dict[str, Any]:
    env = with_group(env, **fields)
    spec = node_groups(env, CLUSTER, NO_CLUSTER, versions_of(env), VPC, GROUPS)
    (launch_template,) = properties_of(spec, "EC2::LaunchTemplate")
    data: dict[str, Any] = launch_template["LaunchTemplateData"]
    return data


def test_node_groups_of_production_are_the_configs(prod_env: Environment) -> None:
    """Names, images, sizes, taints and labels are those of the ClusterConfig."""
    system, applications, gpu = groups_of(prod_env)
    assert [g["NodegroupName"].rsplit("-", 1)[0] for g in (system, applications, gpu)] == [
        "system",
        "applications",
        "gpu",
    ]
    assert [g["AmiType"] for g in (system, applications, gpu)] == [
        "AL2023_x86_64_STANDARD",
        "AL2023_ARM_64_STANDARD",
        "AL2023_x86_64_NVIDIA",
    ]
    assert gpu["ScalingConfig"] == {"MinSize": 0, "DesiredSize": 1, "MaxSize": 8}
    assert gpu["Taints"] == [{"Key": "nvidia.com/gpu", "Value": "true", "Effect": "NO_SCHEDULE"}]
    assert gpu["Labels"]["acme.example/pool"] == "gpu"
    assert system["NodeRepairConfig"] == {"Enabled": True}


def test_node_groups_with_gpus_have_the_device_plugins_label(prod_env: Environment) -> None:
    """Groups with GPUs, and no others, carry the label that the device plugin selects."""
    label = "nvidia.com/gpu.present"
    assert [g["Labels"].get(label) for g in groups_of(prod_env)] == [None, None, "true"]


def test_node_groups_follow_cluster_version_unless_pinned(sandbox_env: Environment) -> None:
    """A group has the control plane's version and AWS's newest image of it, or the release that the config pins."""
    group = group_of(sandbox_env)
    assert (group["Version"], group["ReleaseVersion"]) == ("1.34", NODE_RELEASE)
    pinned = group_of(sandbox_env, releaseVersion="1.34.1-20260101")
    assert pinned["ReleaseVersion"] == "1.34.1-20260101"
    assert "Version" not in pinned


def test_node_groups_write_max_unavailable_as_integers(sandbox_env: Environment, prod_env: Environment) -> None:
    """CloudFormation refuses 25.0, so percentages and counts are written as integers."""
    update_configs = [groups_of(prod_env)[0]["UpdateConfig"], groups_of(sandbox_env)[0]["UpdateConfig"]]
    assert json.dumps(update_configs) == '[{"MaxUnavailablePercentage": 25}, {"MaxUnavailable": 1}]'


def test_node_groups_that_must_be_replaced_get_another_name(sandbox_env: Environment) -> None:
    """A change that EKS makes by replacement changes the name; other changes keep it."""
    name = group_of(sandbox_env)["NodegroupName"]
    assert group_of(sandbox_env, labels={"a": "b"}, maxSize=9, volumeSize=100)["NodegroupName"] == name
    replaced: list[dict[str, Any]] = [
        {"instanceType": "m7i.xlarge"},
        {"spot": True},
        {"availabilityZones": ["us-west-2a"]},
        {"iam": {"attachPolicyARNs": ["arn:aws:iam::aws:policy/X"]}},
        {"iam": {"instanceRoleARN": "arn:aws:iam::000000000000:role/nodes"}},
    ]
    assert len({name, *(group_of(sandbox_env, **fields)["NodegroupName"] for fields in replaced)}) == 6


def test_node_groups_without_zones_get_another_name_with_a_new_zone(sandbox_env: Environment) -> None:
    """Their subnets are all of the VPC's, which replaces a group: its name would be taken."""
    env = with_group(sandbox_env)

    def name(zones: tuple[str, ...], env: Environment = env) -> str:
        live = ControlPlaneOutputs(subnet_ids=("subnet-a", "subnet-b"), zones=("us-west-2a", "us-west-2b"))
        vpc = VPC.model_copy(update={"zones": zones})
        (group,) = properties_of(node_groups(env, CLUSTER, live, versions_of(env), vpc, GROUPS), "EKS::Nodegroup")
        return str(group["NodegroupName"])

    two, three = ("us-west-2a", "us-west-2b"), ("us-west-2a", "us-west-2b", "us-west-2c")
    assert name(two) == group_of(sandbox_env)["NodegroupName"], "of a cluster that is there as of one that is not"
    assert name(three) != name(two)
    own = with_group(sandbox_env, availabilityZones=["us-west-2a"])
    assert name(three, own) == name(two, own)


def test_node_groups_may_be_replaced_but_not_their_roles(prod_env: Environment) -> None:
    """The stack lets node groups be replaced and nothing else."""
    spec = node_groups(prod_env, CLUSTER, NO_CLUSTER, versions_of(prod_env), VPC, GROUPS)
    assert set(spec.may_replace) == set(resources_of(spec, "EKS::Nodegroup"))


def test_node_groups_do_not_share_their_own_policies(sandbox_env: Environment) -> None:
    """A group with policies of its own has a role of its own."""
    policy = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    groups = [{"name": "one", "iam": {"attachPolicyARNs": [policy]}}, {"name": "other"}]
    env = configured(sandbox_env, managedNodeGroups=groups)
    spec = node_groups(env, CLUSTER, NO_CLUSTER, versions_of(env), VPC, GROUPS)
    one, other = properties_of(spec, "EKS::Nodegroup")
    assert (one["NodeRole"], other["NodeRole"]) == ({"Fn::GetAtt": ["RoleOne", "Arn"]}, SHARED_ROLE)
    roles = {title: r["Properties"]["ManagedPolicyArns"] for title, r in resources_of(spec, "IAM::Role").items()}
    assert policy in roles["RoleOne"]
    assert policy not in roles["NodeRole"]


def test_node_groups_lie_in_private_or_named_subnets(sandbox_env: Environment) -> None:
    """Subnets are the group's, then the config's, then the VPC's private ones."""
    assert group_of(sandbox_env)["Subnets"] == {"Ref": "SubnetIds"}
    assert group_of(sandbox_env, subnets=["subnet-1", "subnet-2"])["Subnets"] == ["subnet-1", "subnet-2"]
    spec = node_groups(
        sandbox_env, CLUSTER, NO_CLUSTER, versions_of(sandbox_env), pending_outputs(VpcOutputs, "vpc_lookup"), GROUPS
    )
    assert pending_fields(spec.parameters) == ("vpc_lookup.private_subnet_ids",)
    named = {"private": {"us-west-2a": {"id": "subnet-1"}, "us-west-2b": {"id": "subnet-2"}}}
    chosen = configured(joined(sandbox_env), vpc={"subnets": named})
    assert (
        node_groups(chosen, CLUSTER, NO_CLUSTER, versions_of(chosen), VPC, GROUPS).parameters["SubnetIds"]
        == "subnet-1,subnet-2"
    )


def test_node_groups_in_a_zone_take_its_subnet_in_any_order(
    sandbox_env: Environment,
) -> None:
    """The subnet of a zone is found whatever order the environment lists its zones in."""
    network = {"create": {"cidr": "10.0.0.0/16", "zones": ["us-west-2c", "us-west-2a", "us-west-2b"]}}
    env = sandbox_env.model_copy(update={"network": Network.model_validate(network)})
    # The lookup of the VPC sorts subnets by zone: a, b, c.
    assert group_of(env, availabilityZones=["us-west-2c"])["Subnets"] == [{"Fn::Select": [2, {"Ref": "SubnetIds"}]}]


def test_node_groups_refuse_zones_of_a_vpc_that_exists(sandbox_env: Environment) -> None:
    """In a VPC that exists, a group must name subnets instead of zones."""
    env = with_group(joined(sandbox_env), availabilityZones=["us-west-2a"])
    with pytest.raises(ConfigError, match="subnets"):
        node_groups(env, CLUSTER, NO_CLUSTER, versions_of(env), VPC, GROUPS)


def test_node_groups_encrypt_disks_and_protect_metadata(sandbox_env: Environment) -> None:
    """Disks are encrypted, pods do not reach the metadata service, and nothing that EKS refuses is set."""
    data = launch_of(sandbox_env, volumeSize=50, volumeIOPS=4000, volumeThroughput=250)
    assert data["BlockDeviceMappings"][0]["Ebs"] == {
        "VolumeSize": 50,
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
        "Iops": 4000,
        "Throughput": 250,
    }
    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    refused_by_eks = {"InstanceType", "IamInstanceProfile", "NetworkInterfaces", "ImageId"}
    assert not refused_by_eks & data.keys()
    assert "DiskSize" not in group_of(sandbox_env), "EKS refuses it beside a launch template"


def test_node_groups_join_cluster_and_shared_security_groups(sandbox_env: Environment) -> None:
    """Nodes are in the cluster's security group and in the one of the network wave."""
    assert launch_of(sandbox_env)["SecurityGroupIds"] == [
        {"Ref": "ClusterSecurityGroupId"},
        {"Ref": "NodeSecurityGroupId"},
    ]
    given = node_groups(sandbox_env, CLUSTER, NO_CLUSTER, versions_of(sandbox_env), VPC, GROUPS).parameters
    assert (given["ClusterSecurityGroupId"], given["NodeSecurityGroupId"]) == ("sg-cluster", "sg-node")


def test_node_groups_use_reserved_capacity_as_the_config_says(sandbox_env: Environment) -> None:
    """Each way to name a capacity reservation is passed on."""

    def reservation(**fields: Any) -> dict[str, Any]:
        data = launch_of(sandbox_env, capacityReservation=fields)
        specification: dict[str, Any] = data["CapacityReservationSpecification"]
        return specification

    group = "arn:aws:resource-groups:us-west-2:000000000000:group/reserved"
    assert reservation(capacityReservationPreference="none") == {"CapacityReservationPreference": "none"}
    assert reservation(capacityReservationTarget={"capacityReservationID": "cr-0a"}) == {
        "CapacityReservationTarget": {"CapacityReservationId": "cr-0a"}
    }
    assert reservation(capacityReservationTarget={"capacityReservationResourceGroupARN": group}) == {
        "CapacityReservationTarget": {"CapacityReservationResourceGroupArn": group}
    }


def test_fargate_profiles_are_made_one_after_the_other(sandbox_env: Environment) -> None:
    """EKS makes one profile at a time, so each waits for the one before."""
    profiles = [
        {"name": name, "selectors": [{"namespace": name, "labels": labels}], "tags": {"owner": name}}
        for name, labels in (("batch", {"fargate": "yes"}), ("jobs", {}))
    ]
    env = configured(sandbox_env, fargateProfiles=profiles)
    spec = fargate_profiles(env, CLUSTER, VPC)
    first, second = resources_of(spec, "EKS::FargateProfile").values()
    assert (first.get("DependsOn"), second["DependsOn"]) == (None, "ProfileBatch")
    assert first["Properties"]["Selectors"] == [
        {"Namespace": "batch", "Labels": [{"Key": "fargate", "Value": "yes"}]},
    ]
    assert second["Properties"]["Selectors"] == [{"Namespace": "jobs"}]
    assert second["Properties"]["Tags"] == [{"Key": "owner", "Value": "jobs"}]
    assert spec.parameters["SubnetIds"] == "subnet-a,subnet-b", "private subnets: Fargate takes no others"
    assert fargate_profiles.is_enabled(env)
    assert not fargate_profiles.is_enabled(sandbox_env)


def test_karpenter_stack_is_that_of_karpenters_guide(sandbox_env: Environment) -> None:
    """Queue, rules, policies and role have the names that Karpenter's guide gives them."""
    spec = karpenter_stack(sandbox_env)
    assert spec.name == "Karpenter-demo-sandbox-cluster"
    (queue,) = properties_of(spec, "SQS::Queue")
    assert (queue["QueueName"], queue["SqsManagedSseEnabled"]) == ("demo-sandbox-cluster", True)
    names = [p["ManagedPolicyName"] for p in properties_of(spec, "IAM::ManagedPolicy")]
    assert names == [f"KarpenterController{n}Policy-demo-sandbox-cluster" for n in POLICY_NAMES]
    assert len(properties_of(spec, "Events::Rule")) == 5
    (role,) = properties_of(spec, "IAM::Role")
    assert role["RoleName"] == "KarpenterNodeRole-demo-sandbox-cluster"


def test_karpenter_stack_ends_only_nodes_of_its_cluster(sandbox_env: Environment) -> None:
    """The controller may terminate nodes tagged with its cluster, and pass one role."""
    by_id = {
        statement["Sid"]: statement
        for policy in properties_of(karpenter_stack(sandbox_env), "IAM::ManagedPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
    }
    ending = by_id["AllowScopedDeletion"]["Condition"]
    assert ending["StringEquals"] == {"aws:ResourceTag/kubernetes.io/cluster/demo-sandbox-cluster": "owned"}
    passing = by_id["AllowPassingInstanceRole"]
    assert passing["Resource"] == {"Fn::GetAtt": ["KarpenterNodeRole", "Arn"]}


def test_auto_mode_switches_off_what_it_replaces(sandbox_env: Environment) -> None:
    """In Auto Mode the units that EKS replaces are disabled."""
    auto = configured(sandbox_env, autoModeConfig={"enabled": True}, managedNodeGroups=[])
    off = {u.name for u in load_registry().units if u.is_enabled(sandbox_env) and not u.is_enabled(auto)}
    assert off == {
        "karpenter_stack",
        "node_groups",
        "daemon_addons",
        "karpenter_crds",
        "karpenter",
        "node_pools",
        "aws_load_balancer_controller",
    }
