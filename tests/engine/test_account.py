"""The account of every change, on an embedded AWS: what a run did, what a program did, and what nobody approved."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest

from eks_assets.engine.account import account_for
from eks_assets.plan.account import AccountReport
from resources.config.environment import Environment
from resources.config.names import session_name
from resources.drivers.parameter import ParameterDriver
from resources.model.change import Change
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter
from resources.records.change_entry import change_entry, record_change
from tests.helpers.drifting_account import ADMINISTRATOR, DriftingAccount
from tests.helpers.embedded_aws_server import Aws as Server

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
    users = [run, "system:serviceaccount:kube-system:coredns", "kubernetes-admin"]
    account.write_audit_log(*({"user": {"username": user}} for user in users))
    on = report(account, since)
    assert (on.missing, on.exit_code) == ((), 4)
    of_cluster = [call for call in on.unapproved if call.source == "kubernetes"]
    assert [(c.actor, c.call, c.object) for c in of_cluster] == [("kubernetes-admin", "patch", "configmaps/a/b")]
    assert {e.by for e in on.accounted if e.source == "kubernetes"} == {
        f"run {RUN}",
        "controller kube-system/coredns",
    }
