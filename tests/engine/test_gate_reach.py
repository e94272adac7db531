"""Changes of identity and reach pass the gate in whatever wave they are, once the environment has been through it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from eks_assets.engine.planner import plan_environment, plan_report
from eks_assets.plan.wording import gate_lines
from resources.approval.record import has_passed_gate
from resources.approval.store import list_requests
from resources.config.environment import Environment
from resources.model.errors import ApprovalMissing
from tests.helpers.embedded_aws_server import policy, resource
from tests.helpers.embedded_gate import EmbeddedGate, GateAccount, gate_account

NUMBERS = itertools.count()
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
ENTRY = resource(
    "EKS::AccessEntry",
    ClusterName="demo",
    PrincipalArn="arn:aws:iam::000000000000:user/mallory",
    AccessPolicies=[{"PolicyArn": ADMIN, "AccessScope": {"Type": "cluster"}}],
)
POD = resource("EKS::PodIdentityAssociation", ClusterName="demo", Namespace="shop", ServiceAccount="x", RoleArn="admin")
SUBSCRIPTION = resource("SNS::Subscription", Protocol="email", Endpoint="mallory@example.test", TopicArn="t")


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as own_account:
        yield own_account


@pytest.fixture
def gate(sandbox_env: Environment, account: GateAccount) -> EmbeddedGate:
    """An environment that has not been deployed yet."""
    return account.gate(sandbox_env, f"reach{next(NUMBERS)}")


@pytest.fixture
def passed(gate: EmbeddedGate) -> EmbeddedGate:
    """An environment that has been through its gate once, with nothing to do."""
    gate.run("rights")
    gate.run("dependent")
    gate.decide(gate.request(), "alice", "bob")
    gate.run("first")
    return gate


def rights_of(gate: EmbeddedGate) -> Any:
    """What the live role may do."""
    iam = gate.context().aws.client("iam")
    stack = gate.env.stack_name("rights")
    (role,) = [r["RoleName"] for r in iam.list_roles()["Roles"] if r["RoleName"].startswith(stack)]
    document: Any = iam.get_role_policy(RoleName=role, PolicyName="a")["PolicyDocument"]
    return document["Statement"][0]["Action"]


def test_first_deploy_goes_up_to_the_gate(gate: EmbeddedGate) -> None:
    """Before the first use of a grant only waves are behind the gate: the first deploy makes roles without one."""
    assert not has_passed_gate(gate.context())
    gate.run("rights")
    gate.values["rights"] = "s3:*"
    assert plan_environment(gate.registry(), gate.context())["rights"].reach == ()
    gate.run("rights")
    assert gate.ask().plan.units == ("first",)
    with pytest.raises(ApprovalMissing):
        gate.run("first")
    assert not has_passed_gate(gate.context())


def test_rights_wait_and_sizes_do_not(passed: EmbeddedGate) -> None:
    """In an environment that has been through its gate a role's policy asks, and changes nothing before it is granted;
    a size and a tag of the same stack go on without."""
    assert has_passed_gate(passed.context())
    passed.values |= {"size": "60", "tag": "b"}
    passed.run("rights")
    assert passed.ask().state is None
    passed.values["rights"] = "*"
    with pytest.raises(ApprovalMissing, match=r"no plan of it .*AppRole \(AWS::IAM::Role\): Policies"):
        passed.run("rights")
    asked = passed.ask()
    assert (asked.is_new, asked.plan.units) == (True, ("rights",))
    with pytest.raises(ApprovalMissing, match=r"2 of 2 missing.*AppRole"):
        passed.run("rights")
    assert rights_of(passed) == "s3:GetObject"


def test_one_request_covers_both_sides_of_the_gate(passed: EmbeddedGate) -> None:
    """What changes before and behind the gate is one plan, one digest, one grant, and each of it is used once."""
    passed.values |= {"rights": "*", "first": "2"}
    asked = passed.ask()
    assert asked.plan.units == ("rights", "first")
    assert asked.state is not None
    passed.decide(asked.state.request, "alice", "bob")
    requests = len(list_requests(passed.context(), 1))
    passed.run("rights")
    assert passed.ask().is_granted
    passed.run("first")
    assert (rights_of(passed), passed.stored("first")) == ("*", "2")
    assert passed.ask().state is None
    assert len(list_requests(passed.context(), 1)) == requests
    passed.values["rights"] = "iam:*"
    with pytest.raises(ApprovalMissing):
        passed.run("rights")


def test_new_identity_waits(passed: EmbeddedGate) -> None:
    """A unit that is new in an environment that has been through its gate brings no identity with it."""
    for attack in (ENTRY, POD, SUBSCRIPTION, resource("Unheard::Of")):
        passed.more = {"Attack": attack}
        with pytest.raises(ApprovalMissing, match=rf"Attack \({attack['Type']}\)"):
            passed.run("more")
        assert passed.ask().plan.units == ("more",)


def test_removed_identity_waits(passed: EmbeddedGate) -> None:
    """Taking rights away passes the gate as well: any difference in them does."""
    passed.more = {"Queue": resource("SQS::Queue"), "Policy": resource("SQS::QueuePolicy", PolicyDocument=policy())}
    passed.more["Policy"]["Properties"] |= {"Queues": [{"Ref": "Queue"}]}
    asked = passed.ask()
    assert asked.state is not None
    passed.decide(asked.state.request, "alice", "bob")
    passed.run("more")
    del passed.more["Policy"]
    with pytest.raises(ApprovalMissing, match=r"Policy \(AWS::SQS::QueuePolicy\)"):
        passed.run("more")


def test_plan_says_what_is_behind_the_gate_and_why(passed: EmbeddedGate) -> None:
    """The plan names the unit before the gate with the resource that puts it behind; its digest is the request's."""
    passed.values |= {"rights": "*", "first": "2"}
    report = plan_report(passed.registry(), passed.context())
    assert report.release is not None
    assert report.release.units == ("rights", "first")
    assert report.release.reach == {"rights": ("AppRole (AWS::IAM::Role): Policies",)}
    assert gate_lines(report)[1] == (
        "rights is behind the gate, since it changes identity or reach: AppRole (AWS::IAM::Role): Policies"
    )
    assert report.release.digest == passed.ask().plan.compute_digest()
    part = plan_report(passed.registry(), passed.context(), only=["rights"])
    assert part.release is not None
    assert part.release.digest is None
    states = {p.unit: p.state for p in plan_environment(passed.registry(), passed.context()).units}
    assert states == {"rights": "waiting", "dependent": "in_sync", "first": "waiting"}
