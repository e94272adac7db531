"""Who reads the record of what was done, by the rights that bootstrap gives: on an embedded AWS that enforces them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from eks_assets.engine.history import list_history
from resources.aws.session import Aws
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Environment
from resources.context import Context
from resources.model.change import Change
from resources.model.errors import AccessDenied
from resources.records.audit import audit_ledger
from resources.records.change_entry import change_entry, record_change
from resources.records.digest_key import KEY
from resources.records.lease_table import platform_row, read_row
from resources.records.ledger import read_key
from tests.helpers.embedded_gate import gate_account

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def env(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A bootstrapped account, in which the deployer has recorded two changes."""
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")):
        apply_bootstrap(sandbox_env)
        lines: list[str] = []
        deployer = Context.of(sandbox_env, lines.append, "run-1")
        for unit in ("network", "cluster"):
            record_change(deployer, change_entry(deployer, unit, Change("create"), "done", 1.0))
        assert lines == []
        yield sandbox_env


@pytest.fixture
def planner(env: Environment) -> Context:
    return Context.of(env, planning=True)


def test_planner_verifies_and_reads_history(planner: Context) -> None:
    """With the rights of bootstrap, and no others: neither the key of hashes nor who holds the lease."""
    audit = audit_ledger(planner)
    assert (audit.entries, audit.faults, audit.unwritten) == (2, (), ())
    since = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    assert [event.unit for event in list_history(planner, since).events] == ["network", "cluster"]
    with pytest.raises(AccessDenied):
        read_key(planner, KEY)
    with pytest.raises(AccessDenied):
        read_row(planner, platform_row(planner.env))


def test_older_planner_is_told_which_command_gives_the_right(env: Environment) -> None:
    """Until bootstrap is applied again, both commands say so; a deploy needs nothing new."""
    iam, role = Aws(env, as_deployer=False).client("iam"), "eks-assets-planner"
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    iam.delete_role_policy(RoleName=role, PolicyName=name)
    older = Context.of(env, planning=True)
    with pytest.raises(AccessDenied) as refused:
        audit_ledger(older)
    assert refused.value.next_step.endswith(f"eks-assets bootstrap {env.name} --apply")
    with pytest.raises(AccessDenied) as refused:
        list_history(older, dt.datetime.now(dt.UTC))
    assert refused.value.next_step.endswith(f"eks-assets bootstrap {env.name} --apply")
