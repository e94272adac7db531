"""What drift detection makes of units that do not answer and of reads that are denied, on an embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

import pytest

from eks_assets.engine.drift import detection as drift
from eks_assets.engine.drift.detection import detect_drift
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from eks_assets.plan.drift import DriftReport
from eks_assets.units.network.network import NetworkOutputs
from resources.aws.session import Aws, Source
from resources.bootstrap.stack import build_bootstrap_stack
from resources.config.environment import Environment, Roles
from resources.context import Context
from resources.drivers.parameter import ParameterDriver
from resources.drivers.stack.driver import StackDriver
from resources.model.change import Change
from resources.model.outputs import NoOutputs
from resources.model.specs import Lookup, Parameter
from resources.records.change_entry import change_entry, record_change
from tests.helpers.embedded_aws_server import Aws as Server


@unit(wave="network")
def first(env: Environment) -> Parameter[NoOutputs]:
    """A parameter."""
    return Parameter[NoOutputs](name=env.parameter_path("efs/file-system-id"), value="fs-1")


@unit(wave="network")
def second(env: Environment) -> Parameter[NoOutputs]:
    """Another one."""
    return Parameter[NoOutputs](name=env.parameter_path("acm/certificate-arn"), value="arn")


@unit(wave="network")
def place(env: Environment) -> Lookup[NetworkOutputs]:
    """A VPC that somebody has given another name."""
    return Lookup[NetworkOutputs](kind="vpc", query={"Name": "renamed"})


@unit(wave="network")
def behind(env: Environment, place: NetworkOutputs) -> Parameter[NoOutputs]:
    """What needs its id."""
    return Parameter[NoOutputs](name=env.parameter_path("vpc/id"), value=place.vpc_id)


@dataclass
class Account:
    """An account of the embedded AWS, bootstrapped for the environment `sandbox`."""

    server: Server
    env: Environment

    def context(self, *, planning: bool = True) -> Context:
        source = Source(self.env.region, f"http://127.0.0.1:{self.server.port}", "AKIAROOT", "root-secret")
        return Context(self.env, Aws(self.env, source, planning=planning))

    def bootstrap(self, *, without: str = "nothing") -> None:
        """As an administrator does; `without`: a service that an earlier version gave the planner no rights on."""
        spec = build_bootstrap_stack(self.env)
        rights = spec.template["Resources"]["ReadRights"]["Properties"]["PolicyDocument"]
        rights["Statement"] = [s for s in rights["Statement"] if without not in json.dumps(s.get("Action"))]
        env = self.env.model_copy(update={"roles": Roles()})
        StackDriver().apply(spec, Context(env, Aws(env, self.context().aws.source, as_deployer=False)))

    def drift(self, **options: Any) -> DriftReport:
        return detect_drift(Registry.of([first, second]), self.context(), **options)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, sandbox_env: Environment) -> Iterator[Account]:
    server = Server(tmp_path_factory.mktemp("embedded-aws")).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drift, "UNDECLARED", {})  # there is no cluster in which anything could be
        yield Account(server, sandbox_env)
    server.stop()


def test_denied_read_is_a_failure_unless_bootstrap_gives_the_right_today(account: Account) -> None:
    """Before bootstrap is applied again, what the planner lacks cannot be checked, with the command; what it
    is denied afterwards should have worked."""
    account.bootstrap(without="ssm:GetParameter")
    before = account.drift()
    assert {(entry.unit, entry.object, entry.failed) for entry in before.unknown} == {
        ("first", "first", False),
        ("second", "second", False),
    }
    assert all("eks-assets bootstrap sandbox --apply" in entry.reason for entry in before.unknown)
    assert (before.exit_code(), before.exit_code(strict=True)) == (0, 1)

    account.bootstrap()
    assert account.drift().unknown == ()
    deny = {"Effect": "Deny", "Action": "ssm:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam, role = account.server.client("iam"), str(account.env.roles.planner).rpartition("/")[2]
    iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=document)
    after = account.drift()
    iam.delete_role_policy(RoleName=role, PolicyName="deny")
    assert [entry.failed for entry in after.unknown] == [True, True]
    assert after.exit_code() == 1


def test_what_has_not_answered_by_the_deadline_cannot_be_checked(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are compared all the same; nothing says that the late one is in sync."""
    answer, compare = Event(), ParameterDriver.drift

    def slow(self: ParameterDriver, spec: Parameter[Any], context: Context) -> Any:
        if spec.value == "arn":
            assert answer.wait(60)
        return compare(self, spec, context)

    monkeypatch.setattr(ParameterDriver, "drift", slow)
    account.bootstrap()
    done: list[str] = []
    report = account.drift(deadline=3, progress=done.append)
    answer.set()
    assert done == ["first"]
    (entry,) = report.unknown
    assert (entry.unit, entry.object, entry.failed) == ("second", "second", False)
    assert entry.reason == "it has not answered within 3 s (drift.deadline)"
    assert report.exit_code(strict=True) == 1


def test_what_was_applied_and_lacks_what_it_needs_cannot_be_compared(account: Account) -> None:
    """As long as it never was, it is pending. Afterwards it may well have drifted, and nobody can tell."""
    account.bootstrap()
    registry = Registry.of([place, behind])
    assert "behind" in detect_drift(registry, account.context()).pending
    context = account.context(planning=False)
    record_change(context, change_entry(context, "behind", Change("create", reason="new"), "done", 1.0))
    report = detect_drift(registry, account.context())
    (entry,) = [entry for entry in report.unknown if entry.unit == "behind"]
    assert (entry.object, entry.failed, "behind" in report.pending) == ("behind", False, False)
    assert "place does not exist" in entry.reason
