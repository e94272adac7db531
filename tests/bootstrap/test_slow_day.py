"""AWS on a slow day: every stack of a published environment is made and deleted all the same."""

from __future__ import annotations

import json
from pathlib import Path

from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Environment
from tests.bootstrap.bootstrapped_account import bootstrapped, make_stacks
from tests.doctor.conftest import started_account

# All of it at once, and everything new is seen later than the embedded AWS takes to make it.
SLOW_DAY = {
    "access_entry_seconds": 2,
    "failing": 0.03,
    "page_size": 1,
    "parameter_seconds": 1,
    "stack_seconds": 1,
    "throttled": 0.01,
}


def test_bootstrap_ends_when_its_roles_can_be_taken(sandbox_env: Environment, tools: Path, tmp_path: Path) -> None:
    """A deploy right after it need not know that IAM is late."""
    with started_account(sandbox_env, tools, tmp_path) as account:
        account.limit(slow={"role_seconds": 3})
        said: list[str] = []
        apply_bootstrap(sandbox_env, said.append)
        assert "the deployer: IAM makes new roles known some seconds later" in said
        assert "assumed-role/eks-assets-deployer" in account.context().aws.check_account()


def test_stacks_are_made_on_a_slow_day(tmp_path: Path) -> None:
    """What is not seen yet is looked for again, small pages are all read, and what is turned away is tried again."""
    with bootstrapped("acme-prod", tmp_path) as account:
        (tmp_path / "limits.json").write_text(json.dumps({"slow": SLOW_DAY}))
        made = make_stacks(account)
        assert len(made) > 8
        (tmp_path / "limits.json").unlink()
        stacks = account.administrator().aws.client("cloudformation").describe_stacks()["Stacks"]
        states = {stack["StackName"]: stack["StackStatus"] for stack in stacks}
        assert {states[name] for name in made} <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
