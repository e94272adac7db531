"""Node groups of our own templates, as AWS takes or refuses them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from eks_assets.units.cluster.node_groups import node_groups
from resources.config.environment import Environment
from resources.model.errors import OperationFailed
from resources.model.specs import Stack
from tests.drivers.stack.embedded_stacks import Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import cluster, prepare
from tests.helpers.published import CLUSTER, GROUPS, NO_CLUSTER, VPC, configured, versions_of

BOTTLEROCKET_RELEASE = "1.52.0-3f2a9c1d"


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


@pytest.fixture(scope="module")
def values(stacks: Stacks) -> dict[str, Any]:
    prepared = prepare(stacks.server)
    stacks.deploy(stacks.spec({"Cluster": cluster("demo", prepared)}))
    return prepared


def nodes(stacks: Stacks, values: dict[str, Any], **fields: Any) -> Stack[Any]:
    """The stack of one group of Bottlerocket nodes, in the network of the test."""
    env = configured(
        stacks.env, managedNodeGroups=[{"name": "bottle", "amiFamily": "Bottlerocket", "minSize": 1, **fields}]
    )
    versions = versions_of(env)
    versions = versions.model_copy(update={"node_releases": (f"BOTTLEROCKET_x86_64={BOTTLEROCKET_RELEASE}",)})
    vpc = VPC.model_copy(
        update={"vpc_id": values["Vpc"], "private_subnet_ids": (values["A"], values["B"]), "cidr_block": "10.0.0.0/16"}
    )
    groups = GROUPS.model_copy(update={"node_security_group_id": values["Group"]})
    control_plane = CLUSTER.model_copy(update={"name": "demo", "security_group_id": values["Group"]})
    spec = node_groups(env, control_plane, NO_CLUSTER, versions, vpc, groups)
    return spec.model_copy(update={"name": "demo-sandbox-node-groups", "protected": False})


def test_bottlerocket_with_ssh_starts_and_stays(stacks: Stacks, values: dict[str, Any]) -> None:
    """Once the key pair is there: a node group, a rule for port 22, and nothing to do the next time."""
    spec = nodes(stacks, values, ssh={"allow": True, "publicKeyName": "mine"})
    with pytest.raises(OperationFailed, match="The key pair 'mine' does not exist"):
        stacks.deploy(spec)
    stacks.context.aws.client("ec2").create_key_pair(KeyName="mine")
    stacks.context.aws.client("cloudformation").delete_stack(StackName=spec.name)
    stacks.deploy(spec)
    eks = stacks.context.aws.client("eks")
    (name,) = eks.list_nodegroups(clusterName="demo")["nodegroups"]
    group = eks.describe_nodegroup(clusterName="demo", nodegroupName=name)["nodegroup"]
    assert (group["amiType"], group["releaseVersion"]) == ("BOTTLEROCKET_x86_64", BOTTLEROCKET_RELEASE)
    cloudformation = stacks.context.aws.client("cloudformation")
    made = cloudformation.describe_stack_resource(StackName=spec.name, LogicalResourceId="SshBottle")
    group_id = made["StackResourceDetail"]["PhysicalResourceId"]
    (found,) = stacks.context.aws.client("ec2").describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in found["IpPermissions"]] == [(22, 22)]
    assert stacks.plan(spec).action == "none"
