"""What a cluster that is gone has left in AWS is found by tag and removed; data is kept, others' is not touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.drivers.stack.driver import StackDriver
from resources.leftovers.orphans import list_orphans, remove_orphans
from resources.model.errors import Refused
from resources.model.removal import Removal
from tests.drivers.stack.embedded_stacks import Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import policy, ref, resource


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        made.deploy(
            made.spec(
                {
                    "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
                    "A": resource(
                        "EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.0.0.0/24", AvailabilityZone="us-west-2a"
                    ),
                    "B": resource(
                        "EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.0.1.0/24", AvailabilityZone="us-west-2b"
                    ),
                    "Role": resource(
                        "IAM::Role", AssumeRolePolicyDocument=policy(Principal={"Service": "eks.amazonaws.com"})
                    ),
                }
            )
        )
        yield made


@pytest.fixture(scope="module")
def ids(stacks: Stacks) -> dict[str, str]:
    parts = stacks.cloudformation.list_stack_resources(StackName=stacks.spec({}).name)["StackResourceSummaries"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in parts}


def client(stacks: Stacks, service: str) -> Any:
    make: Any = stacks.context.aws.client
    return make(service)


def tags(**more: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in more.items()]


def plant(stacks: Stacks, ids: dict[str, str], cluster: str) -> None:
    """One of each kind that the controllers of a cluster leave."""
    ec2, elb, iam, logs = (client(stacks, name) for name in ("ec2", "elbv2", "iam", "logs"))
    owned = {f"kubernetes.io/cluster/{cluster}": "owned"}

    def specify(kind: str, **more: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": tags(**owned, **more)}]

    (instance,) = ec2.run_instances(
        ImageId="ami-0123456789abcdef0",
        InstanceType="m7i.large",
        MinCount=1,
        MaxCount=1,
        SubnetId=ids["A"],
        TagSpecifications=specify("instance", **{"karpenter.sh/nodepool": "default"}),
    )["Instances"]
    volume = ec2.create_volume(
        AvailabilityZone="us-west-2a",
        Size=10,
        TagSpecifications=specify("volume", **{"kubernetes.io/created-for/pvc/name": "a"}),
    )["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.create_tags(Resources=[snapshot], Tags=tags(**owned))
    group = ec2.create_security_group(GroupName=f"k8s-{cluster}", Description="k8s", VpcId=ids["Vpc"])["GroupId"]
    ec2.create_tags(Resources=[group], Tags=tags(**{"elbv2.k8s.aws/cluster": cluster}))
    ec2.create_network_interface(
        SubnetId=ids["A"],
        Description="aws-K8S-i-0123",
        Groups=[group],
        TagSpecifications=[
            {"ResourceType": "network-interface", "Tags": tags(**{"cluster.k8s.amazonaws.com/name": cluster})}
        ],
    )
    ec2.create_launch_template(
        LaunchTemplateName=f"karpenter.k8s.aws/{cluster}",
        LaunchTemplateData={"InstanceType": "m7i.large"},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags(**{"eks:eks-cluster-name": cluster})}],
    )
    elb.create_load_balancer(
        Name=f"k8s-{cluster}", Subnets=[ids["A"], ids["B"]], Tags=tags(**{"elbv2.k8s.aws/cluster": cluster})
    )
    elb.create_target_group(Name=f"k8s-{cluster}", VpcId=ids["Vpc"], Tags=tags(**{"elbv2.k8s.aws/cluster": cluster}))
    iam.create_instance_profile(InstanceProfileName=f"{cluster}_0123", Tags=tags(**owned))
    iam.create_role(
        RoleName=f"{cluster}-node",
        AssumeRolePolicyDocument=json.dumps(policy(Principal={"Service": "ec2.amazonaws.com"})),
    )
    iam.add_role_to_instance_profile(InstanceProfileName=f"{cluster}_0123", RoleName=f"{cluster}-node")
    iam.create_open_id_connect_provider(
        Url=f"https://oidc.eks.{stacks.env.region}.amazonaws.com/id/{cluster}",
        ClientIDList=["sts.amazonaws.com"],
        Tags=tags(**{"alpha.eksctl.io/cluster-name": cluster}),
    )
    for name in (f"/aws/eks/{cluster}/cluster", f"/aws/containerinsights/{cluster}/application"):
        logs.create_log_group(logGroupName=name)
    assert instance


KINDS = [
    "EC2::Instance",
    "EC2::LaunchTemplate",
    "EC2::NetworkInterface",
    "EC2::SecurityGroup",
    "ElasticLoadBalancingV2::LoadBalancer",
    "ElasticLoadBalancingV2::TargetGroup",
    "IAM::InstanceProfile",
    "IAM::OIDCProvider",
]
DATA = ["EC2::Snapshot", "EC2::Volume", "Logs::LogGroup", "Logs::LogGroup"]


def kinds(objects: Any) -> list[str]:
    return sorted(str(one).split()[0].removeprefix("AWS::") for one in objects)


def test_what_a_cluster_has_left_goes_and_data_stays(stacks: Stacks, ids: dict[str, str]) -> None:
    """All that is tagged for the cluster and nothing of another; with delete_data also its volumes, snapshots, logs."""
    plant(stacks, ids, stacks.env.cluster_name)
    plant(stacks, ids, "other")
    orphans = list_orphans(stacks.context)
    assert kinds(orphans) == sorted([*KINDS, *DATA])
    assert all("other" not in orphan.identifier for orphan in orphans)
    assert all(orphan.owner for orphan in orphans)

    done = remove_orphans(stacks.context, delete_data=False)
    assert kinds(one.object for one in done.removes) == KINDS
    assert kinds(one.object for one in done.keeps) == DATA
    volume = next(one for one in done.keeps if "Volume" in one.object)
    assert volume.monthly_cost == 0.8
    assert kinds(list_orphans(stacks.context)) == DATA

    remove_orphans(stacks.context, delete_data=True)
    assert list_orphans(stacks.context) == ()
    assert remove_orphans(stacks.context, delete_data=True) == Removal()
    balancers = client(stacks, "elbv2").describe_load_balancers()["LoadBalancers"]
    assert [one["LoadBalancerName"] for one in balancers] == ["k8s-other"]


def test_what_a_cluster_that_exists_has_is_listed_and_refused(stacks: Stacks, ids: dict[str, str]) -> None:
    """The cluster's stack lists it in its plan, and removes it once the cluster is gone, which is protected."""
    cluster = resource(
        "EKS::Cluster",
        Name=stacks.env.cluster_name,
        Version="1.34",
        RoleArn=f"arn:aws:iam::{stacks.env.account}:role/{ids['Role']}",
        ResourcesVpcConfig={"SubnetIds": [ids["A"], ids["B"]]},
        DeletionProtection=True,
    )
    spec = stacks.spec({"Cluster": cluster}, protected=True).model_copy(update={"name": "demo-sandbox-cluster"})
    driver, context = StackDriver(), stacks.context
    driver.apply(spec, context)
    client(stacks, "logs").create_log_group(logGroupName=f"/aws/eks/{stacks.env.cluster_name}/cluster")
    elb = client(stacks, "elbv2")
    mine = tags(**{"elbv2.k8s.aws/cluster": stacks.env.cluster_name})
    elb.create_load_balancer(Name="k8s-mine", Subnets=[ids["A"], ids["B"]], Tags=mine)
    with pytest.raises(Refused, match="its controllers look after"):
        remove_orphans(context, delete_data=False)
    removal = driver.plan_removal(spec, context, delete_data=False)
    made_by_others = ["EC2::SecurityGroup", "ElasticLoadBalancingV2::LoadBalancer"]  # EKS, a controller
    assert kinds(one.object for one in removal.removes) == sorted(["EKS::Cluster", *made_by_others])
    assert kinds(one.object for one in removal.keeps) == ["Logs::LogGroup"]
    driver.destroy(spec, context, delete_data=True)
    assert driver.plan_removal(spec, context, delete_data=True) == Removal()
    assert any("lifting its deletion protection" in line for line in stacks.said)
