"""Sensors as Dagster evaluates them: a real instance, the project's definitions, files that a test may change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    TickData,
    TickStatus,
)

import sensors.deploy
from eks_assets.definitions import defs
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from eks_assets.orchestration.assets import asset_for
from eks_assets.orchestration.code_location import CodeLocation
from eks_assets.orchestration.environments import Platform
from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import ConfigError
from sensors import polling

_REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("eks"), "__repository__")
Materialize = Callable[[AnyUnit], None]


@dataclass
class Daemon:
    """What Dagster's daemon does with a sensor: it evaluates it, keeps the cursor, and queues the runs asked for."""

    instance: dg.DagsterInstance
    cursors: dict[str, str | None] = field(default_factory=dict)
    said: str = ""

    def tick(self, sensor: dg.SensorDefinition) -> list[dg.DagsterRun]:
        """The runs that the tick started; a run key starts one run only, as in Dagster."""
        context = dg.build_sensor_context(
            instance=self.instance,
            instance_ref=self.instance.get_ref(),
            definitions=defs(),
            cursor=self.cursors.get(sensor.name),
            sensor_name=sensor.name,
        )
        tick = sensor.evaluate_tick(context)
        for request in tick.dynamic_partitions_requests or ():
            change = self.instance.add_dynamic_partitions
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                change("environments", list(request.partition_keys))
            else:
                for key in request.partition_keys:
                    self.instance.delete_dynamic_partition("environments", key)
        self.cursors[sensor.name], self.said = tick.cursor, tick.skip_message or ""
        return [run for one in tick.run_requests or () if (run := self.launch(sensor.name, one)) is not None]

    def launch(self, sensor: str, request: dg.RunRequest) -> dg.DagsterRun | None:
        """The run that the sensor asks for, which the tick notes; None where there is one with its key."""
        key = {"dagster/run_key": str(request.run_key)}
        if self.instance.get_runs(dg.RunsFilter(tags=key)):
            return None
        selection = frozenset(request.asset_selection) if request.asset_selection else None
        run = self.add(str(request.partition_key or ""), asset_selection=selection, tags={**request.tags, **key})
        self.note(sensor, run)
        return run

    def note(self, sensor: str, run: dg.DagsterRun) -> None:
        """A tick of the sensor that launched the run."""
        origin, kind = RemoteInstigatorOrigin(_REPOSITORY, sensor), InstigatorType.SENSOR
        state = InstigatorState(origin, kind, InstigatorStatus.DECLARED_IN_CODE)
        if self.instance.get_instigator_state(state.instigator_origin_id, state.selector_id) is None:
            self.instance.add_instigator_state(state)
        tick = TickData(
            instigator_origin_id=state.instigator_origin_id,
            instigator_name=sensor,
            instigator_type=kind,
            status=TickStatus.SUCCESS,
            timestamp=time.time(),
            run_ids=[run.run_id],
            run_keys=[key] if (key := run.tags.get("dagster/run_key")) else [],
            selector_id=state.selector_id,
        )
        self.instance.create_tick(tick)

    def add(self, environment: str = "", **fields: Any) -> dg.DagsterRun:
        """A run in the history; queued unless `status` says otherwise."""
        tags = {"dagster/partition": environment} if environment else {}
        fields = {"job_name": "deploy", "status": dg.DagsterRunStatus.QUEUED, **fields}
        fields["tags"] = {**tags, **fields.get("tags", {})}
        return self.instance.add_run(dg.DagsterRun(**fields, remote_job_origin=RemoteJobOrigin(_REPOSITORY, "deploy")))

    def set(self, run: dg.DagsterRun, status: dg.DagsterRunStatus) -> None:
        """The run as it goes on or ends."""
        events = {
            dg.DagsterRunStatus.STARTED: dg.DagsterEventType.RUN_START,
            dg.DagsterRunStatus.SUCCESS: dg.DagsterEventType.RUN_SUCCESS,
            dg.DagsterRunStatus.FAILURE: dg.DagsterEventType.RUN_FAILURE,
        }
        event = dg.DagsterEvent(events[status].value, job_name=run.job_name, message="by the test")
        self.instance.report_dagster_event(event, run.run_id)

    def status(self, run: dg.DagsterRun) -> dg.DagsterRunStatus:
        stored_run = self.instance.get_run_by_id(run.run_id)
        assert stored_run is not None
        return stored_run.status


@pytest.fixture(scope="session")
def instance() -> Iterator[dg.DagsterInstance]:
    """A real instance; making one takes seconds."""
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture
def daemon(instance: dg.DagsterInstance) -> Daemon:
    """A daemon without a past."""
    instance.wipe()
    for name in instance.get_dynamic_partitions("environments"):
        instance.delete_dynamic_partition("environments", name)
    return Daemon(instance)


@dataclass
class Files:
    """The environment files that the sensors see."""

    folder: Path

    def write(self, name: str, source: str = "", **fields: Any) -> None:
        """Fields set in the file `name`; a new one begins as a copy of `source`."""
        file = self.folder / f"{name}.yaml"
        data = yaml.safe_load((self.folder / f"{source or name}.yaml").read_text())
        file.write_text(yaml.safe_dump({**data, **fields}))

    def keep(self, *names: str) -> None:
        for file in self.folder.glob("*.yaml"):
            if file.stem not in names:
                file.unlink()


@pytest.fixture(autouse=True)
def incumbents(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the stacks of an environment's platform say that its file is called, in place of AWS; by default, the same.
    Without a name, nothing exists of it yet."""
    names: dict[str, str] = {}

    def check(context: Context) -> None:
        incumbent = names.get(context.env.name, context.env.name)
        if incumbent != context.env.name:
            raise ConfigError(f"its stacks name {incumbent or 'nobody'}")

    monkeypatch.setattr(polling, "check_incumbent", check)
    for kept in ("_clients", "_checked"):
        monkeypatch.setattr(polling, kept, {})
    return names


@pytest.fixture
def files(environments: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    return Files(environments)


@pytest.fixture
def materialize(account: Environment) -> Materialize:
    """Makes one unit exist in the environment `sandbox`."""

    def run(unit: AnyUnit) -> None:
        with dg.instance_for_test() as instance:
            instance.add_dynamic_partitions("environments", ["sandbox"])
            dg.materialize(
                [asset_for(unit, Registry.of([unit]), CodeLocation())],
                partition_key="sandbox",
                resources={"platform": Platform()},
                instance=instance,
            )

    return run


@pytest.fixture(autouse=True)
def anchored_gate(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What speaks against a deploy by the anchored gates, by environment: nothing, for files of accounts that are
    not there. tests/sensors/test_least_gate.py reads real anchors."""
    faults: dict[str, str] = {}
    monkeypatch.setattr(sensors.deploy, "gate_fault", lambda env: faults.get(env.name, ""))
    return faults
