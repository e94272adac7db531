"""The account of every change, on an embedded AWS: what a run did, what a program did, and what nobody approved."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from eks_assets.engine.account import account_for
from eks_assets.plan.account import AccountReport
from resources.config.environment import Environment, Roles
from resources.config.names import session_name
from resources.drivers.parameter import ParameterDriver
from resources.model.change import Change
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter
from resources.records.bootstrap_entry import record_bootstrap
from resources.records.change_entry import change_entry, record_change
from resources.records.ledger import write_once
from tests.helpers.drifting_account import ADMINISTRATOR, DriftingAccount
from tests.helpers.embedded_aws_server import Aws as Server
from tests.helpers.embedded_aws_server import resource
from tests.helpers.waiting import eventually

RUN, FAILED = "5f0c3a9d-0000-4000-8000-000000000001", "5f0c3a9d-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, sandbox_env: Environment) -> Iterator[DriftingAccount]:
    server = Server(tmp_path_factory.mktemp("embedded-aws")).start()
    yield DriftingAccount(server, sandbox_env)
    server.stop()


def put(account: DriftingAccount, run_id: str) -> None:
    """What a step of a run does: changes a parameter of the environment as the deployer."""
    context = account.context(planning=False, run_id=run_id)
    name = account.env.parameter_path("efs/file-system-id")
    ParameterDriver().apply(Parameter[NoOutputs](name=name, value=run_id), context)


def report(account: DriftingAccount, since: dt.datetime) -> AccountReport:
    return account_for(account.registry, account.context(planning=False), since)


def test_what_nobody_approved_is_left_and_everything_else_has_an_owner(account: DriftingAccount) -> None:
    """A run that the ledger knows, one that it does not know, a person, a neighbour's resource and a refused call."""
    time.sleep(1.1)  # CloudTrail's times are whole seconds, and what was before is not to count
    since = dt.datetime.now(dt.UTC)
    put(account, RUN)
    context = account.context(planning=False, run_id=RUN)
    record_change(context, change_entry(context, "parameter", Change("update", reason="why"), "done", 1.0))
    assert (clean := report(account, since)).unapproved == ()
    assert [(entry.by, entry.calls) for entry in clean.accounted] == [(f"run {RUN}", 1)]
    assert clean.exit_code == 0, clean.missing

    put(account, FAILED)
    iam = account.server.client("iam", *account.alice)
    iam.attach_role_policy(RoleName="A-role", PolicyArn=ADMINISTRATOR)
    iam.create_user(UserName="neighbour")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.delete_role_policy(RoleName="A-role", PolicyName="none")
    left = report(account, since)
    calls = [(call.call, call.actor.rpartition(":")[2], call.address) for call in left.unapproved]
    deployer = str(account.env.roles.deployer.arn).rpartition("/")[2] if account.env.roles.deployer else ""
    session = session_name(account.env.name, FAILED)
    assert sorted(calls) == [
        ("iam:AttachRolePolicy", "user/alice", "127.0.0.1"),
        ("ssm:PutParameter", f"assumed-role/{deployer}/{session}", "127.0.0.1"),
    ]
    assert [call.object for call in left.unapproved if call.call.startswith("iam")] == [f"A-role, {ADMINISTRATOR}"]
    assert left.exit_code == 4


def test_objects_of_the_cluster_are_accounted_for_by_its_audit_log(account: DriftingAccount) -> None:
    """A log that is off, or not there, is a missing source with what to do; calls of AWS are judged all the same."""
    time.sleep(1.1)
    since = dt.datetime.now(dt.UTC)
    account.make_cluster(["api"])
    off = report(account, since)
    assert any("add `audit` to cloudWatch.clusterLogging.enableTypes" in reason for reason in off.missing)
    assert off.exit_code == 1
    assert [call.call for call in off.unapproved] == ["eks:CreateCluster"]

    eks = account.server.client("eks")
    setup = {"clusterLogging": [{"types": ["audit"], "enabled": True}]}
    eks.update_cluster_config(name=account.env.cluster_name, logging=setup)
    assert any("the cluster's audit log" in reason for reason in report(account, since).missing)

    deployer = str(account.env.roles.deployer.arn).rpartition("/")[2] if account.env.roles.deployer else ""
    run = f"arn:aws:sts::000000000000:assumed-role/{deployer}/{session_name(account.env.name, RUN)}"
    context = account.context(planning=False, run_id=RUN)
    record_change(context, change_entry(context, "objects", Change("update", reason="why"), "done", 1.0))
    users = [run, "eks:addon-manager", "kubernetes-admin"]
    now = dt.datetime.now(dt.UTC).isoformat()
    account.write_audit_log(*({"user": {"username": user}, "stageTimestamp": now} for user in users))
    on = report(account, since)
    assert (on.missing, on.exit_code) == ((), 4)
    of_cluster = [call for call in on.unapproved if call.source == "kubernetes"]
    assert [(c.actor, c.call, c.object) for c in of_cluster] == [("kubernetes-admin", "patch", "configmaps/a/b")]
    assert {e.by for e in on.accounted if e.source == "kubernetes"} == {
        f"run {RUN}",
        "the control plane's eks:addon-manager",
    }

    # Where the cluster cannot say which service accounts it has, none of them is taken for a controller.
    account.write_audit_log({"user": {"username": "system:serviceaccount:kube-system:coredns"}})
    unread = report(account, since)
    assert any("the service accounts of the cluster" in reason for reason in unread.missing)
    assert "system:serviceaccount:kube-system:coredns" in {call.actor for call in unread.unapproved}


def change_set_of(cloudformation: Any, stack: str) -> str:
    """The ARN of a change set that changes the queue of the stack, ready to be executed."""
    body = cloudformation.get_template(StackName=stack)["TemplateBody"]
    template = json.loads(body) if isinstance(body, str) else json.loads(json.dumps(body))
    template["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] = 31
    made = cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName="mine",
        ChangeSetType="UPDATE",
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    cloudformation.get_waiter("change_set_create_complete").wait(ChangeSetName=made["Id"], WaiterConfig={"Delay": 1})
    return str(made["Id"])


def make_stack(cloudformation: Any, name: str, **resources: Any) -> None:
    template = json.dumps({"Resources": resources})
    cloudformation.create_stack(StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
    await_stack(cloudformation, name)


def await_stack(cloudformation: Any, name: str) -> None:
    """Wait until nothing is going on in the stack, or it is gone."""
    eventually(
        "the stack is done",
        lambda: (
            not any(
                stack["StackName"] == name and "PROGRESS" in stack["StackStatus"]
                for stack in cloudformation.list_stacks()["StackSummaries"]
            )
        ),
        seconds=20,
    )


def test_who_asks_cloudformation_is_not_hidden_behind_it(account: DriftingAccount) -> None:
    """A person's change set on our stack, executed by its ARN alone, and all that it does; a stack of their own that
    reaches into ours; the deletion of a stack that is gone since. None of it is anybody's but theirs."""
    cloudformation = account.server.client("cloudformation", *account.alice)
    stack = account.env.stack_name("irsa_roles")
    change_set = change_set_of(cloudformation, stack)
    time.sleep(1.1)
    since = dt.datetime.now(dt.UTC)
    cloudformation.execute_change_set(ChangeSetName=change_set)
    await_stack(cloudformation, stack)
    name = account.env.parameter_path("efs/theirs")
    make_stack(cloudformation, "theirs", Theirs=resource("SSM::Parameter", Name=name, Type="String", Value="1"))
    own = account.env.stack_name("network")
    make_stack(cloudformation, own, Queue=resource("SQS::Queue", QueueName="old"))
    cloudformation.delete_stack(StackName=own)
    await_stack(cloudformation, own)

    left = report(account, since)
    calls = [call.call for call in left.unapproved if call.actor.endswith("user/alice")]
    assert {"cloudformation:ExecuteChangeSet", "cloudformation:CreateStack", "cloudformation:DeleteStack"} <= set(calls)
    assert len(calls) == len(left.unapproved)
    assert any(call.call == "ssm:PutParameter" and name in call.object for call in left.unapproved), left.unapproved
    assert not any("CloudFormation" in entry.by for entry in left.accounted)


def test_bootstrap_that_the_ledger_has_is_its_administrators(account: DriftingAccount) -> None:
    """What it made and nothing else; without an entry it is nobody's."""
    since = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)
    administrator = account.context(account.env.model_copy(update={"roles": Roles()}), planning=False)
    stack = account.env.stack_name("bootstrap")
    before = [call for call in report(account, since).unapproved if stack in call.object]
    assert before
    record_bootstrap(administrator, administrator.aws.check_account(), 600)
    after = report(account, since)
    assert not [call for call in after.unapproved if stack in call.object]
    assert {call.call for call in after.unapproved} >= {"iam:AttachRolePolicy"}
    assert [entry.calls > len(before) for entry in after.accounted if entry.by.startswith("bootstrap by ")] == [True]


def test_junk_in_the_ledger_is_named_and_no_run(account: DriftingAccount) -> None:
    """What is no entry stops nothing and accounts for nothing."""
    time.sleep(1.1)
    since = dt.datetime.now(dt.UTC)
    context = account.context(planning=False)
    bodies: list[dict[str, Any]] = [{"by": 1}, {"by": FAILED}]
    for number, body in enumerate(bodies):
        write_once(context, f"changes/{dt.datetime.now(dt.UTC).isoformat()}-{number}.json", body)
    put(account, FAILED)
    left = report(account, since)
    assert [call.call for call in left.unapproved] == ["ssm:PutParameter"]
    assert sum("is no entry of a change" in reason for reason in left.left_out) == 2
