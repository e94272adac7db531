"""The job `drift` on a deployed platform, every unit of it, as the planner."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from eks_assets.definitions import defs
from eks_assets.units import load_registry
from resources.config.environment import Environment
from tests.conftest import Cli

pytestmark = pytest.mark.sandbox


def test_run_checks_every_unit_and_the_status_tells_of_it(platform: Environment, eks_assets: Cli) -> None:
    """Nothing differs after a deploy, every unit's check says so or why it cannot, and the planner's rights suffice."""
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("environments", ["sandbox"])
        job = defs().resolve_job_def("drift")
        result = job.execute_in_process(instance=instance, partition_key="sandbox")
    evaluations = {e.asset_key.to_user_string(): e for e in result.get_asset_check_evaluations()}
    assert set(evaluations) == set(load_registry().by_name)
    found = {name: e.description for name, e in evaluations.items() if e.severity is dg.AssetCheckSeverity.ERROR}
    assert found == {}
    blind = {name: e.description for name, e in evaluations.items() if "denied" in str(e.description).lower()}
    assert blind == {}
    status = json.loads(eks_assets("status", "sandbox", "--json").stdout)["drift"]
    assert (status["run"], status["findings"]) == (result.run_id, 0)
