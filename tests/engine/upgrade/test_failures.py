"""An upgrade that goes wrong: it stops with the step, the reason and the way on, or goes back. On an embedded AWS."""

from __future__ import annotations

import json

import pytest

from eks_assets.engine.planner import plan_environment
from eks_assets.engine.rollback import find_target, plan_rollback
from eks_assets.engine.rollback_run import run_rollback
from eks_assets.engine.upgrade.flow import run_upgrade
from eks_assets.engine.upgrade.start import needs_upgrade
from resources.model.errors import ConfigError, OperationFailed, Refused
from resources.records.upgrades import last_upgrade
from tests.engine.upgrade.conftest import WHO, Upgraded, drain
from tests.helpers.embedded_gate import GateAccount

pytestmark = pytest.mark.sandbox


def upgrade_with_a_red_bake(platform: Upgraded) -> object:
    """A parameter that a check looks for goes away after the add-ons' step; how the upgrade ended."""
    flow = run_upgrade(platform.registry(), platform.context(), WHO, wait=0, judge=platform.judge)
    while next(flow).unit.name != "dns":
        pass
    platform.context().aws.client("ssm").delete_parameter(Name=platform.env.parameter_path("other"))
    return drain(flow, "")[1]


def test_check_that_turns_red_in_the_bake_stops_it(platform: Upgraded) -> None:
    """Nodes stay as they are; what was red before is nobody's fault; put right, it goes on without another bake."""
    platform.want("1.35")
    error = upgrade_with_a_red_bake(platform)
    assert isinstance(error, OperationFailed)
    assert error.message.startswith("the upgrade to 1.35 stopped at the step bake: other parameter_stored turned red: ")
    assert "go on: eks-assets upgrade sandbox --to 1.35; or go back: eks-assets rollback sandbox --to 1.34" in (
        error.next_step
    )
    assert (platform.version, platform.nodes) == ("1.35", "1.34")
    upgrade = last_upgrade(platform.context())
    assert upgrade is not None
    assert upgrade.stop is not None
    platform.context().aws.client("ssm").put_parameter(
        Name=platform.env.parameter_path("other"), Value="one", Type="String"
    )
    assert platform.upgrade() == (["workers"], "done")


def test_on_failure_rollback_takes_the_minor_back(platform: Upgraded) -> None:
    """Add-ons and nodes before the control plane; from then on no deploy upgrades it again, and another upgrade says
    what holds it."""
    dns = platform.dns
    platform.want("1.35", on_failure="rollback")
    assert upgrade_with_a_red_bake(platform) == "rolled back"
    assert (platform.version, platform.nodes, platform.dns) == ("1.34", "1.34", dns)
    assert platform.updates == ["VersionUpdate", "VersionRollback"]
    assert not needs_upgrade(platform.registry(), platform.context())
    done, outcome = platform.upgrade()
    assert isinstance(outcome, Refused)
    assert done == []
    assert "a rollback holds the cluster of sandbox at Kubernetes 1.34" in outcome.message


def test_last_minor_goes_back_and_the_one_before_stays(platform: Upgraded) -> None:
    """`rollback --to 1.35` after an upgrade of two minors: nodes and add-ons first."""
    platform.want("1.36")
    assert platform.upgrade()[1] == "done"
    context = platform.context()
    plan = plan_rollback(platform.registry(), context, find_target(context, "1.35"))
    assert {hold.unit for hold in plan.holds} == {"plane", "dns", "workers"}
    ends = list(run_rollback(platform.registry(), context, plan, WHO))
    assert [end.reason for end in ends if not end.is_good] == []
    assert [end.unit.name for end in ends if end.unit.name in ("plane", "workers")] == ["workers", "plane"]
    assert (platform.version, platform.nodes) == ("1.35", "1.35")
    planned = plan_environment(platform.registry(), platform.context())
    assert [u.unit for u in planned.units if u.change.is_needed] == []


def test_rollback_to_a_version_that_no_upgrade_began_from(platform: Upgraded) -> None:
    with pytest.raises(ConfigError, match=r"no upgrade to Kubernetes 1.36"):
        find_target(platform.context(), "1.35")


@pytest.mark.long
def test_upgrade_on_a_bad_day_ends_well(platform: Upgraded, account: GateAccount) -> None:
    """A fifth of the calls is turned away; nothing is asked for twice."""
    platform.want("1.35")
    limits = account.server.folder / "limits.json"
    limits.write_text(json.dumps({"slow": {"throttled": 0.1, "failing": 0.1}}))
    try:
        _, outcome = platform.upgrade()
    finally:
        limits.unlink()
    assert outcome == "done", outcome
    assert (platform.version, platform.nodes) == ("1.35", "1.35")
    assert platform.updates == ["VersionUpdate"]
