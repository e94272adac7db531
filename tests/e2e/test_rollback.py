"""A bad deploy at night: rolled back, held back, and deployed once it is fixed."""

from __future__ import annotations

import json
from typing import Any

import dagster as dg
import pytest

from eks_assets.definitions import defs
from eks_assets.orchestration.environments import ENVIRONMENTS
from eks_assets.orchestration.home import dagster_home
from eks_assets.orchestration.rollback_job import ROLLBACK
from resources.config.environment import Environment
from sandbox.paths import StateDirectory
from tests.conftest import Cli
from tests.e2e.conftest import Change
from tests.e2e.test_applications import SandboxRepository

pytestmark = pytest.mark.sandbox
CRASHING = {"singleBinary": {"podAnnotations": {"sandbox/mode": "crash"}}}
HARMLESS = {"singleBinary": {"podAnnotations": {"sandbox/note": "fixed"}}}
SHORT = {"probe": 20, "release": 60}
VALUES = "storefront/chart/values.yaml"


def unit(eks_assets: Cli, name: str) -> dict[str, Any]:
    """What `status` says of a unit."""
    shown: list[dict[str, Any]] = json.loads(eks_assets("status", "sandbox", "--json").stdout)["units"]
    return next(unit for unit in shown if unit["unit"] == name)


def test_bad_value_is_rolled_back_held_back_and_deployed_once_fixed(
    restored: Environment, change: Change, eks_assets: Cli
) -> None:
    """The plan says what goes back before anything does; a deploy of the same files leaves it; `history` tells."""
    change(addons={"loki": {"values": CRASHING}}, deadlines=SHORT)
    assert eks_assets("deploy", "sandbox").returncode == 1
    planned = eks_assets("rollback", "sandbox", "--plan")
    assert planned.returncode == 4, planned.stdout + planned.stderr
    assert "goes back: loki" in planned.stdout
    assert unit(eks_assets, "loki")["state"] == "failed", "a plan changes nothing"

    done = eks_assets("rollback", "sandbox")
    assert done.returncode == 0, done.stdout + done.stderr
    loki = unit(eks_assets, "loki")
    assert (loki["state"], loki["held"].partition(" since")[0]) == ("in_sync", "held back")
    again = eks_assets("deploy", "sandbox")
    assert again.returncode == 0
    assert "nothing to do" in again.stdout

    change(addons={"loki": {"values": HARMLESS}}, deadlines=SHORT)
    assert eks_assets("deploy", "sandbox").returncode == 0
    loki = unit(eks_assets, "loki")
    assert (loki["state"], "held" in loki) == ("in_sync", False)
    told = eks_assets("history", "sandbox", "--since", "1h").stdout
    (line,) = [line for line in told.splitlines() if "rolled back" in line]
    assert "held back since: loki" in line


def test_bad_commit_on_the_branch_is_rolled_back_by_the_job(
    restored: Environment, change: Change, eks_assets: Cli, sandbox: StateDirectory
) -> None:
    """From Dagster's launchpad: a commit takes the content back, Argo CD follows, and the units' pages tell."""
    change()
    branch, repository = restored.git_branch, SandboxRepository(sandbox)
    bad = repository.replace(branch, VALUES, "replicas: 2", "replicas: 0", "Save money")
    with dg.DagsterInstance.from_config(str(dagster_home())) as instance:
        instance.add_dynamic_partitions(str(ENVIRONMENTS.name), ["sandbox"])
        job = defs().resolve_job_def(ROLLBACK)
        result = job.execute_in_process(partition_key="sandbox", instance=instance)
        assert result.success
        shown = [event.asset_key for event in result.all_events if event.is_step_materialization]
    assert dg.AssetKey("application_config") in shown
    assert dg.AssetKey("validation") in shown
    assert "replicas: 2" in repository.read(branch, VALUES)
    assert bad in repository.git("rev-list", branch).split()
    assert eks_assets("status", "sandbox").returncode == 0
    assert unit(eks_assets, "application_config")["held"].startswith("held back since")
    ended = eks_assets("rollback", "sandbox", "--end-hold")
    assert "no longer held back: application_config" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "no-such-run"), "no run whose id begins with 'no-such-run'"),
        (("--only", "no_such_unit"), "there is no unit 'no_such_unit'"),
        (("--end-hold", "--plan"), "--end-hold stands alone"),
    ],
)
def test_wrong_words_change_nothing(
    platform: Environment, eks_assets: Cli, arguments: tuple[str, ...], message: str
) -> None:
    refused = eks_assets("rollback", "sandbox", *arguments)
    assert refused.returncode == 2
    assert message in refused.stderr
