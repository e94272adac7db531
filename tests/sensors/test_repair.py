"""What drift runs found is repaired by one run for each set of findings, and never while something else goes on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from eks_assets.orchestration.run_tags import DESTROYED, record_outcome
from resources.config.environment import Environment
from resources.model.errors import AccessDenied, LeaseHeld
from resources.records.drift_runs import DriftRun, FoundDrift
from resources.records.lease_table import Holder
from sensors import repair
from sensors.repair import State, repair_sensor
from tests.sensors.conftest import Daemon, Files

AT = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
KEY = "drift/2026-11-30T12:00:00.000+00:00-0c6a2d8e.json"


def found(unit: str, found_at: dt.datetime = AT - HOUR, path: str = "spec.replicas") -> FoundDrift:
    place = {"layer": "helm", "object": f"Deployment/{unit}", "path": path, "kind": "changed"}
    return FoundDrift(id=f"{len(path):012x}", unit=unit, found_at=found_at, **place)


def state(*findings: FoundDrift, now: dt.datetime = AT, **more: Any) -> State:
    return State(KEY, DriftRun(environment="acme-dev", at=AT, run="r", findings=findings), now, **more)


@pytest.fixture
def states(files: Files, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What AWS says of each environment, or the error that it answers with: `acme-dev` is repaired, `acme-prod` not."""
    assert daemon.instance.schedule_storage is not None
    daemon.instance.schedule_storage.wipe()
    files.keep("acme-dev", "acme-prod")
    files.write("acme-dev", drift={"auto_repair": True})
    said: dict[str, Any] = {}

    def read(env: Environment) -> State | None:
        answer = said[env.name]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    monkeypatch.setattr(repair, "read_state", read)
    return said


Tick = Callable[[], list[dg.DagsterRun]]


@pytest.fixture
def tick(daemon: Daemon) -> Tick:
    return lambda: daemon.tick(repair_sensor)


def test_findings_are_repaired_by_one_run(daemon: Daemon, states: dict[str, Any], tick: Tick) -> None:
    """It deploys their units alone, and says what it repairs and which drift run found it."""
    states["acme-dev"] = state(found("loki"), found("network"), found("loki", path="spec.image"))
    (run,) = tick()
    assert (run.job_name, run.tags["dagster/partition"]) == ("deploy", "acme-dev")
    assert run.asset_selection == {dg.AssetKey("network"), dg.AssetKey("loki")}
    assert run.tags["eks-assets/repair"] == KEY
    assert run.tags["eks-assets/from"] == "repair sensor"
    assert run.tags["eks-assets/why"].startswith("network: changed Deployment/network: spec.replicas; loki: changed")
    assert tick() == []
    assert f"repaired after run {run.run_id[:8]} (queued)" not in daemon.said
    assert f"acme-dev: loki: run {run.run_id[:8]} (queued) was launched for it" in daemon.said


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
def test_same_findings_are_repaired_once(
    daemon: Daemon, states: dict[str, Any], tick: Tick, status: dg.DagsterRunStatus
) -> None:
    """However the run ended, and whether the cursor, or the run itself, is there or not. Others are repaired, and so
    are the same ones that came back."""
    states["acme-dev"] = state(found("loki"))
    (run,) = tick()
    daemon.set(run, status)
    assert tick() == []
    daemon.cursors.clear()
    daemon.instance.delete_run(run.run_id)
    assert tick() == []
    assert "a run that is gone was launched for it; the next one is once its findings change" in daemon.said
    states["acme-dev"] = state(found("loki"), found("network"))
    (other,) = tick()
    assert other.asset_selection == {dg.AssetKey("network")}
    daemon.set(other, status)
    states["acme-dev"] = state(found("loki", AT), now=AT + HOUR)
    (again,) = tick()
    assert again.asset_selection == {dg.AssetKey("loki")}


def test_repair_waits_for_what_goes_on(daemon: Daemon, states: dict[str, Any], tick: Tick) -> None:
    """A deploy or a drift run in the environment, and whoever holds it from elsewhere, go first."""
    states["acme-dev"] = state(found("loki"))
    for job in ("deploy", "drift"):
        run = daemon.add("acme-dev", job_name=job, status=dg.DagsterRunStatus.STARTED)
        daemon.add("acme-prod", job_name=job, status=dg.DagsterRunStatus.STARTED)
        assert tick() == []
        assert f"spec.replicas; repaired after run {run.run_id[:8]} (started)" in daemon.said
        daemon.set(run, dg.DagsterRunStatus.SUCCESS)
    holder = Holder("run-7", "ann, deploy", AT, AT + HOUR, 1)
    states["acme-dev"] = state(found("loki"), holder=holder)
    assert tick() == []
    assert "repaired once nobody holds the environment: run run-7 (ann, deploy) since" in daemon.said
    states["acme-dev"] = state(found("loki"))
    assert len(tick()) == 1


def test_tick_says_what_is_not_repaired_and_why(daemon: Daemon, states: dict[str, Any], tick: Tick) -> None:
    """What must not be is named; what may be is repaired beside it, or later."""
    states["acme-dev"] = state(found("efs"), found("loki", AT))
    assert tick() == []
    assert "acme-dev: efs: not repaired: it is forward-only" in daemon.said
    assert "acme-dev: loki: not repaired: it changed less than 10m ago, and settles at 2026-11-30 12:10" in daemon.said
    states["acme-dev"] = state(found("efs"), found("loki", AT), now=AT + HOUR)
    (run,) = tick()
    assert run.asset_selection == {dg.AssetKey("loki")}
    states["acme-dev"] = state()
    assert tick() == []
    assert "acme-dev: nothing to repair" in daemon.said
    states["acme-dev"] = None
    tick()
    assert "acme-dev: no drift run has been yet" in daemon.said


def test_gated_units_are_launched_only_under_a_grant(
    daemon: Daemon, files: Files, states: dict[str, Any], tick: Tick
) -> None:
    """Nobody is asked for approval by a repair; the units before the gate are repaired."""
    files.write("acme-dev", approval={"approvers": 1, "before": "applications"})
    states["acme-dev"] = state(found("argo_cd"), found("network"))
    (run,) = tick()
    assert run.asset_selection == {dg.AssetKey("network")}
    daemon.set(run, dg.DagsterRunStatus.SUCCESS)
    assert tick() == []
    assert "argo_cd: not repaired: it waits for approval: eks-assets deploy acme-dev asks for it" in daemon.said
    states["acme-dev"] = state(found("argo_cd"), granted=frozenset(["argo_cd"]))
    (granted,) = tick()
    assert granted.asset_selection == {dg.AssetKey("argo_cd")}, "no plan is submitted with it"


def test_environment_that_cannot_be_repaired_holds_up_nobody(
    daemon: Daemon, files: Files, states: dict[str, Any], tick: Tick
) -> None:
    """A broken file, AWS that refuses, one that was destroyed; where no file asks for it, AWS is asked nothing."""
    files.write("refused", source="acme-dev", tenant="refused", target_env="refused", drift={"auto_repair": True})
    files.write("gone", source="acme-dev", tenant="gone", target_env="gone", drift={"auto_repair": True})
    (files.folder / "broken.yaml").write_text("tenant: [")
    run = daemon.add("gone")
    record_outcome(daemon.instance, run, DESTROYED)
    daemon.set(run, dg.DagsterRunStatus.SUCCESS)
    states |= {"acme-dev": state(found("loki")), "refused": AccessDenied("no"), "gone": state(found("loki"))}
    (launched,) = tick()
    assert launched.tags["dagster/partition"] == "acme-dev"
    states["acme-dev"] = LeaseHeld("held")
    assert tick() == []
    assert "refused: no" in daemon.said
    assert "broken: nothing is repaired: " in daemon.said
    assert "gone: loki: changed Deployment/loki: spec.replicas; not repaired: the environment has been" in daemon.said
    files.keep("acme-prod")
    states.clear()
    assert tick() == []
    assert daemon.said == "no environment has drift.auto_repair"


def test_made_up_run_holds_back_no_repair(daemon: Daemon, states: dict[str, Any], tick: Tick) -> None:
    """Whoever may launch anything copies a run with its tags and key: what was launched stands in the ticks."""
    states["acme-dev"] = state(found("loki"))
    (first,) = tick()
    assert daemon.instance.schedule_storage is not None
    daemon.instance.schedule_storage.wipe()
    daemon.set(first, dg.DagsterRunStatus.SUCCESS)
    (second,) = tick()
    assert second.tags["dagster/run_key"] == f"{first.tags['dagster/run_key']}/2"
    daemon.set(second, dg.DagsterRunStatus.SUCCESS)
    assert tick() == []
