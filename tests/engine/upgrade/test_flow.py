"""An upgrade as one flow, on an embedded AWS."""

from __future__ import annotations

import pytest

from eks_assets.cli.upgrading import give_order
from eks_assets.engine.runner import run_unit
from eks_assets.engine.upgrade.flow import run_upgrade
from resources.model.errors import ConfigError, OperationFailed, Refused
from resources.records.upgrades import last_upgrade
from tests.engine.upgrade.conftest import WHO, Upgraded, drain

pytestmark = pytest.mark.sandbox


def test_two_minors_one_after_the_other(platform: Upgraded) -> None:
    """Control plane, add-ons, nodes; then the next minor. What no version changes is left alone."""
    platform.want("1.36")
    done, outcome = platform.upgrade()
    assert outcome == "done", outcome
    assert done == ["plane", "offered", "dns", "workers"] * 2
    assert (platform.version, platform.nodes) == ("1.36", "1.36")
    assert platform.updates == ["VersionUpdate", "VersionUpdate"]
    assert platform.asked == ["1.36"]
    assert platform.upgrade() == ([], "nothing to do")


def test_killed_at_each_step_it_continues(platform: Upgraded) -> None:
    """Nothing is done twice, and the verdict is not asked for again."""
    platform.want("1.35")
    assert platform.upgrade("plane") == (["plane"], None)
    assert (platform.version, platform.nodes) == ("1.35", "1.34")
    assert platform.upgrade("dns") == (["plane", "offered", "dns"], None)
    assert platform.upgrade("workers") == (["offered", "dns", "workers"], None)
    done, outcome = platform.upgrade()
    assert (done, outcome) == (["workers"], "done")
    assert (platform.version, platform.nodes) == ("1.35", "1.35")
    assert platform.updates == ["VersionUpdate"]
    assert platform.asked == ["1.35"]


def test_pause_stops_before_the_next_step_and_goes_on(platform: Upgraded) -> None:
    platform.want("1.35")
    platform.upgrade("plane")
    give_order(platform.context(), "paused")
    done, outcome = platform.upgrade()
    assert done == []
    assert isinstance(outcome, Refused)
    assert "is paused by arn:aws" in outcome.message
    assert platform.nodes == "1.34"
    give_order(platform.context(), "resumed")
    assert platform.upgrade()[1] == "done"


def test_pause_while_it_runs_ends_the_run_well(platform: Upgraded) -> None:
    platform.want("1.35")
    flow = run_upgrade(platform.registry(), platform.context(), WHO, wait=0, judge=platform.judge)
    assert next(flow).unit.name == "plane"
    give_order(platform.context(), "paused")
    assert drain(flow, "") == ([], "paused")


def test_cancelled_between_steps_it_ends_and_another_begins(platform: Upgraded) -> None:
    platform.want("1.35")
    platform.upgrade("plane")
    give_order(platform.context(), "cancelled")
    with pytest.raises(ConfigError, match="no upgrade of sandbox is under way"):
        give_order(platform.context(), "paused")
    assert platform.upgrade() == ([], "nothing to do")
    assert (platform.version, platform.nodes) == ("1.35", "1.34")


def test_verdict_against_it_changes_nothing(platform: Upgraded) -> None:
    platform.want("1.35")
    platform.verdict = "NOT_READY"
    done, outcome = platform.upgrade()
    assert isinstance(outcome, OperationFailed)
    assert (done, platform.version, platform.updates) == ([], "1.34", [])
    assert last_upgrade(platform.context()) is None


def test_single_unit_names_the_upgrade_instead(platform: Upgraded) -> None:
    """Whoever materializes one unit does not begin an upgrade, nor skips one; what no version changes may run."""
    platform.want("1.35")
    registry = platform.registry()
    for name in ("plane", "dns", "workers"):
        with pytest.raises(Refused, match=r"from Kubernetes 1.34 towards 1.35") as refused:
            run_unit(registry, registry[name], platform.context())
        assert "eks-assets upgrade sandbox --to 1.35, or launch the job `upgrade`" in refused.value.next_step
    assert run_unit(registry, registry["other"], platform.context()).change.action == "none"
    assert platform.version == "1.34"
