"""Rollbacks and removals that are killed around each change, that AWS turns away, that others stand in the way of: the
same command again ends where a whole one would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resources.context import Context
from resources.kubernetes.objects import apply_object, read_object
from resources.records.lease import hold_lease
from resources.records.validations import list_validations
from tests.e2e.conftest import Change
from tests.e2e.inventory import take_inventory
from tests.e2e.own_sandbox import OwnSandbox, do, kill_and_repeat, own_sandbox
from tests.e2e.runs import frozen, revisions, stacks
from tests.e2e.test_applications import SandboxRepository
from tests.e2e.test_destroy import SERVICE
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.sandbox
VALUES = "storefront/chart/values.yaml"
# Of the account's, made by AWS for the first Spot node, and shared with whoever else has some.
KEPT = {"iam/roles/000000000000 AWSServiceRoleForEC2Spot"}
BAD_DAY = {"slow": {"throttled": 0.1, "failing": 0.1}}
# A unit a driver; units that change in one edit of the environment's file.
ROLLED_BACK = "run,notifications,external_dns,secret_store,application_config"
DESTROYED = "external_dns_role,external_dns,storage_classes,oidc_parameter,argo_projects"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSandbox]:
    with own_sandbox(tmp_path_factory.mktemp("world")) as one:
        yield one


@pytest.fixture
def deployed(world: OwnSandbox) -> Iterator[OwnSandbox]:
    """The sandbox as it was deployed, also for the next test."""
    yield world
    world.state.limits.write_text("{}")
    world.restore()


def assert_nothing_left(deployed: OwnSandbox) -> None:
    """Of all services of the embedded AWS: what bootstrap made is there, and nothing else but what waits."""
    left = take_inventory(deployed.state)
    assert left.resources - deployed.bare.resources - left.waiting - KEPT == set()
    assert {name.partition("/")[0] for name in left.waiting} == {"kms", "secretsmanager"}
    assert deployed.bare.resources <= left.resources


def last_run(deployed: OwnSandbox) -> str:
    """The newest run that validated; rollback has nothing to do without `--to` where that is the one in place."""
    return next(iter(list_validations(deployed.context))).run


def test_inventory_has_what_is_deployed(deployed: OwnSandbox) -> None:
    """Of each service whose resources the stacks hold, and of those that steps and controllers call themselves."""
    services = {name.partition("/")[0] for name in take_inventory(deployed.state).resources - deployed.bare.resources}
    called = {"alb", "cloudformation", "ec2", "efs", "eks", "eventbridge", "iam", "kms", "route53", "s3"}
    assert called | {"acm", "secretsmanager", "sns", "sqs", "ssm"} <= services


ALL_PHASES = [
    "alternate",
    pytest.param("before,middle", marks=pytest.mark.long),
    pytest.param("before,after", marks=pytest.mark.long),
]


@pytest.mark.long
@pytest.mark.parametrize("phases", ALL_PHASES)
def test_killed_rollback_ends_where_a_whole_one_would(
    deployed: OwnSandbox, change: Change, tmp_path: Path, phases: str
) -> None:
    """Each unit is back once and held, the branch has one commit for it, and nothing is left to do."""
    repository, branch = SandboxRepository(deployed.state), deployed.env.git_branch
    before, stacks_before = revisions(deployed.context), stacks(deployed.admin)
    back = ("--to", last_run(deployed))
    change(
        namespaces=["istio-system", "argocd", "observability"],
        email_subscriptions=["ops@demo.test"],
        addons={"external_dns": {"values": {"podLabels": {"bad": "yes"}}}},
    )
    bad = repository.replace(branch, VALUES, "replicas: 2", "replicas: 0", "Save money")
    do("deploy", "sandbox")
    with hold_lease(Context.of(deployed.env, run_id="other-run"), who="ann, by hand", keep=False):
        assert "ann, by hand" in do("rollback", "sandbox", *back, "--wait", "0", code=1)

    points = kill_and_repeat(tmp_path, "rollback", *back, units=ROLLED_BACK, phases=phases)
    assert {point.split()[0] for point in points} == set(ROLLED_BACK.split(",")), points
    assert stacks(deployed.admin) == stacks_before
    after = revisions(deployed.context)
    assert {name for name in after if after[name] != before.get(name)} == {"external-dns"}
    assert "replicas: 2" in repository.read(branch, VALUES)
    assert len(repository.git("rev-list", f"{bad}..{branch}").split()) == 1, "rolled back twice"
    status = {unit["unit"]: unit for unit in json.loads(do("status", "sandbox", "--json"))["units"]}
    for name in ROLLED_BACK.split(",")[1:]:
        assert status[name]["state"] == "in_sync", status[name]
        assert status[name]["held"].startswith("held back since"), status[name]
    assert "nothing to do" in do("rollback", "sandbox", *back)
    assert "nothing to do" in do("deploy", "sandbox")
    do("audit", "verify", "sandbox")


@pytest.mark.parametrize(
    ("units", "phases"),
    [
        (DESTROYED, "alternate"),
        *(pytest.param("all", phases, marks=pytest.mark.long) for phases in ("before,middle", "before,after")),
    ],
)
def test_killed_destroy_leaves_nothing(deployed: OwnSandbox, tmp_path: Path, units: str, phases: str) -> None:
    """What is left in AWS, of all its services, is what bootstrap made, and what waits for the day of its deletion."""
    everything = ("--confirm", "sandbox", "--delete-data")
    points = kill_and_repeat(tmp_path, "destroy", *everything, units=units, phases=phases)
    if units != "all":
        assert {point.split()[0] for point in points} == set(units.split(",")), points
    assert_nothing_left(deployed)
    assert "sandbox: nothing to do" in do("destroy", "sandbox", *everything)
    do("audit", "verify", "sandbox")


def deny(deployed: OwnSandbox, role: str, *actions: str) -> None:
    """Take rights away from a role; none: give them back."""
    iam = deployed.admin.client("iam")
    if actions:
        rule = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
        iam.put_role_policy(RoleName=role, PolicyName="test-denial", PolicyDocument=document)
    else:
        iam.delete_role_policy(RoleName=role, PolicyName="test-denial")


@pytest.mark.long
def test_rollback_on_a_bad_day_says_what_to_do_and_ends(deployed: OwnSandbox, change: Change) -> None:
    """A fifth of the calls is turned away, and one right is missing: what can go back does, the next run does the
    rest."""
    back = ("rollback", "sandbox", "--to", last_run(deployed))
    change(email_subscriptions=["ops@demo.test"], addons={"external_dns": {"values": {"podLabels": {"bad": "yes"}}}})
    do("deploy", "sandbox")
    deployed.state.limits.write_text(json.dumps(BAD_DAY))
    deny(deployed, "eks-assets-deployer", "cloudformation:CreateChangeSet")
    failed = do(*back, code=1)
    assert "failed notifications: " in failed
    assert "cloudformation:CreateChangeSet" in failed
    assert "eks-assets rollback sandbox" in failed
    deny(deployed, "eks-assets-deployer")
    do(*back)
    deployed.state.limits.write_text("{}")
    assert "nothing to do" in do(*back)
    assert "nothing to do" in do("deploy", "sandbox")


def plant(deployed: OwnSandbox) -> dict[str, str]:
    """What people have in the account and in the cluster, by what it is."""
    ec2, context = deployed.admin.client("ec2"), deployed.context
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [deployed.env.vpc_name]}])["Vpcs"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    subnet, zone = subnets[0]["SubnetId"], subnets[0]["AvailabilityZone"]
    interface = ec2.create_network_interface(SubnetId=subnet, Description="appliance")["NetworkInterface"]
    owned: Any = {"Key": f"kubernetes.io/cluster/{deployed.env.cluster_name}", "Value": "owned"}
    claim: Any = {"Key": "kubernetes.io/created-for/pvc/name", "Value": "ledger"}
    volume = ec2.create_volume(AvailabilityZone=zone, Size=8)["VolumeId"]
    ec2.create_tags(Resources=[volume], Tags=[owned, claim])
    persistent = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "retained"},
        "spec": {
            "capacity": {"storage": "8Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": volume},
        },
    }
    apply_object(context.cluster, persistent)
    apply_object(context.cluster, held_config_map(["example.com/hold"]))
    balancer = deployed.admin.client("elbv2").create_load_balancer(Name="by-hand", Type="network", Subnets=[subnet])
    return {
        "interface": interface["NetworkInterfaceId"],
        "volume": volume,
        "balancer": balancer["LoadBalancers"][0]["LoadBalancerArn"],
    }


def held_config_map(finalizers: list[str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "namespace": "keycloak", "finalizers": finalizers},
    }


@pytest.mark.long
def test_what_stands_in_the_way_of_a_removal_is_named_and_the_rest_goes(deployed: OwnSandbox, change: Change) -> None:
    """A foreign interface, a hand-made load balancer, a finalizer nobody serves, a missing right, a volume that is to
    be retained, and AWS on a bad day."""
    change(deadlines={"release": 20})
    planted, everything = plant(deployed), ("destroy", "sandbox", "--confirm", "sandbox")
    deployed.state.limits.write_text(json.dumps(BAD_DAY))
    deny(deployed, "eks-assets-destroyer", "ssm:DeleteParameter")
    first = do(*everything, code=1)
    assert "example.com/hold" in first
    assert "kubectl" in first
    assert "ssm:DeleteParameter" in first
    assert "oidc_parameter" in first

    deny(deployed, "eks-assets-destroyer")
    held = read_object(deployed.context.cluster, held_config_map([]))
    assert held is not None
    deployed.context.cluster.kind("v1", "ConfigMap").patch(
        body={"metadata": {"finalizers": None}},
        name="held",
        namespace="keycloak",
        content_type="application/merge-patch+json",
    )
    second = do(*everything, code=1)
    assert f'{planted["interface"]} ("appliance"' in second
    assert f"load balancer by-hand ({planted['balancer']})" in second
    assert "have their owners remove them" in second
    assert "hosted_zone" not in second.partition("failed")[2], "only what stands in the way holds anything"

    deployed.admin.client("elbv2").delete_load_balancer(LoadBalancerArn=planted["balancer"])
    deployed.admin.client("ec2").delete_network_interface(NetworkInterfaceId=planted["interface"])
    do(*everything)
    deployed.state.limits.write_text("{}")
    (volume,) = deployed.admin.client("ec2").describe_volumes(VolumeIds=[planted["volume"]])["Volumes"]
    assert volume["State"] == "available"
    assert planted["volume"] in do("destroy", "sandbox", "--plan")
    do(*everything, "--delete-data")
    assert_nothing_left(deployed)


@pytest.mark.long
def test_orphans_of_a_cluster_that_does_not_answer_are_found_in_aws(deployed: OwnSandbox) -> None:
    """Nobody clears up in the cluster; load balancers and nodes go by their tags, and nothing is left."""
    apply_object(deployed.context.cluster, SERVICE)
    balancers = deployed.admin.client("elbv2").describe_load_balancers
    eventually("its load balancer", lambda: "byhand" in str(balancers()["LoadBalancers"]), 30)
    with frozen("kube-apiserver", deployed.state.clusters / deployed.env.cluster_name):
        said = do("destroy", "sandbox", "--confirm", "sandbox", "--delete-data")
    assert "does not answer" in said
    assert_nothing_left(deployed)
