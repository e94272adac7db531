"""What bootstrap made is taken away once nothing of the environment stands. On an embedded AWS."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from eks_assets.engine.bootstrap_removal import plan_removal_of_bootstrap, remove_all_of_bootstrap
from resources.aws.session import Aws
from resources.bootstrap.stack import apply_bootstrap, build_bootstrap_stack
from resources.config.environment import Environment, Roles
from resources.config.names import approver_policy, lease_table, ledger_bucket
from resources.context import Context
from resources.drivers.stack.driver import StackDriver
from resources.model.errors import LeaseHeld, NotFound, Refused
from resources.model.removal import Removal
from resources.records.change_entry import list_entries
from resources.records.digest_key import create_digest_key
from resources.records.lease import hold_lease
from tests.helpers.embedded_gate import GateAccount, gate_account

NUMBERS = itertools.count()
WHO = "arn:aws:iam::000000000000:user/root"


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as own_account:
        yield own_account


@pytest.fixture
def env(sandbox_env: Environment, account: GateAccount) -> Environment:
    """One that is bootstrapped and of which nothing else stands."""
    name = f"end{next(NUMBERS)}"
    own = sandbox_env.model_copy(update={"target_env": name, "name": name, "roles": Roles()})
    apply_bootstrap(own)
    return own


def admin(env: Environment) -> Context:
    return Context(env, Aws(env, as_deployer=False))


def remove(env: Environment, *, delete_ledger: bool = False) -> Removal:
    return remove_all_of_bootstrap(admin(env), WHO, delete_ledger=delete_ledger, wait=0.0)


def stack_is_there(env: Environment) -> bool:
    return StackDriver().observe(build_bootstrap_stack(env), admin(env)) is not None


def buckets(env: Environment) -> set[str]:
    return {one["Name"] for one in admin(env).aws.client("s3").list_buckets()["Buckets"]}


def test_stack_goes_and_the_ledger_stays(env: Environment) -> None:
    """With who removed it, in the ledger that stays; a second removal has nothing to do."""
    planned = plan_removal_of_bootstrap(admin(env), delete_ledger=False)
    assert any("AWS::IAM::Role" in removed.object for removed in planned.removes)
    kept = {kept.object for kept in planned.keeps}
    assert {f"AWS::S3::Bucket {ledger_bucket(env)}", f"AWS::DynamoDB::Table {lease_table(env)}"} <= kept
    assert stack_is_there(env)
    remove(env)
    assert not stack_is_there(env)
    assert ledger_bucket(env) in buckets(env)
    (entry,) = [entry for entry in list_entries(admin(env)) if entry["unit"] == "bootstrap"]
    assert (entry["action"], entry["who"], entry["outcome"]) == ("delete", WHO, "done")
    assert remove(env).removes == ()


def test_what_still_stands_is_named(env: Environment) -> None:
    """Nothing goes; what waits for its deletion holds up nothing."""
    name = env.parameter_path("efs/file-system-id")
    ssm = admin(env).aws.client("ssm")
    ssm.put_parameter(Name=name, Value="fs-1", Type="String")
    with pytest.raises(Refused, match=name) as refused:
        plan_removal_of_bootstrap(admin(env), delete_ledger=False)
    assert refused.value.exit_code == 2
    with pytest.raises(Refused, match=name):
        remove(env)
    assert stack_is_there(env)
    ssm.delete_parameter(Name=name)
    remove(env)
    assert not stack_is_there(env)


def test_approvers_lose_the_policy_and_decisions_go(env: Environment, account: GateAccount) -> None:
    """IAM deletes no policy that somebody has."""
    iam: Any = admin(env).aws.client("iam")
    arn = f"arn:aws:iam::{env.account}:policy/{approver_policy(env)}"
    iam.create_user(UserName=f"{env.target_env}-ann")
    iam.attach_user_policy(UserName=f"{env.target_env}-ann", PolicyArn=arn)
    decision = env.parameter_path("approvals/1")
    admin(env).aws.client("ssm").put_parameter(Name=decision, Value="{}", Type="String")
    remove(env)
    assert iam.list_attached_user_policies(UserName=f"{env.target_env}-ann")["AttachedPolicies"] == []
    pages = admin(env).aws.client("ssm").get_paginator("describe_parameters").paginate()
    assert decision not in {p["Name"] for page in pages for p in page["Parameters"]}


def test_environment_that_a_run_holds_is_left_alone(env: Environment) -> None:
    running = Context(env, Aws(env, as_deployer=False), run_id="run-1")
    with hold_lease(running, who="ann", keep=False), pytest.raises(LeaseHeld, match="ann"):
        remove(env)
    assert stack_is_there(env)


def test_locked_ledger_stays_until_its_day(env: Environment) -> None:
    """It is said with the day, before anything goes."""
    create_digest_key(admin(env))
    day = r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC"
    with pytest.raises(Refused, match=day):
        plan_removal_of_bootstrap(admin(env), delete_ledger=True)
    with pytest.raises(Refused, match=day):
        remove(env, delete_ledger=True)
    assert stack_is_there(env)
    assert ledger_bucket(env) in buckets(env)


def test_ledger_goes_where_that_is_asked_for(env: Environment) -> None:
    """With its key and the table of leases, once nothing in it is locked; also where the stack went before."""
    remove_with_ledger = remove(env, delete_ledger=True)
    assert f"AWS::S3::Bucket {ledger_bucket(env)}" in {removed.object for removed in remove_with_ledger.removes}
    assert not stack_is_there(env)
    assert ledger_bucket(env) not in buckets(env)
    with pytest.raises(NotFound), hold_lease(admin(env), who="ann", keep=False):
        pass
    assert remove(env, delete_ledger=True) == Removal()
