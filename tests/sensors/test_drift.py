"""When drift is looked for: each environment at its own times, each time once, missed times made up once."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.remote_origin import RemoteInstigatorOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)

from eks_assets.definitions import defs
from eks_assets.orchestration.run_tags import DESTROYED, record_outcome
from resources.config.settings.drift import Drift
from sandbox.paths import PROJECT
from sensors.drift import drift_schedule, due_times
from tests.sensors.conftest import _REPOSITORY, Daemon, Files

NOON = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
HOURLY = {"cron": "0 * * * *"}


@dataclass
class Clock:
    """The daemon with a clock that a test moves: it evaluates the schedule, queues the runs and notes the tick."""

    daemon: Daemon
    now: dt.datetime = NOON
    said: str = ""
    runs: list[dg.DagsterRun] = field(default_factory=list)

    def tick(self, at: dt.datetime) -> list[str]:
        """The run keys of what the tick at that time launched."""
        self.now = at
        instance = self.daemon.instance
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=at, repository_def=defs().get_repository_def()
        )
        tick = drift_schedule.evaluate_tick(context)
        requests = tick.run_requests or []
        self.said = tick.skip_message or ""
        self.runs = [
            self.daemon.add(str(r.partition_key), job_name="drift", tags={**r.tags, "dagster/run_key": str(r.run_key)})
            for r in requests
        ]
        keys = [str(request.run_key) for request in requests]
        self.note(keys)
        return keys

    def note(self, keys: list[str]) -> None:
        origin, kind = RemoteInstigatorOrigin(_REPOSITORY, "drift"), InstigatorType.SCHEDULE
        data = ScheduleInstigatorData("* * * * *")
        state, instance = InstigatorState(origin, kind, InstigatorStatus.DECLARED_IN_CODE, data), self.daemon.instance
        if instance.get_instigator_state(state.instigator_origin_id, state.selector_id) is None:
            instance.add_instigator_state(state)
        tick = TickData(
            instigator_origin_id=state.instigator_origin_id,
            instigator_name="drift",
            instigator_type=kind,
            status=TickStatus.SUCCESS if keys else TickStatus.SKIPPED,
            timestamp=self.now.timestamp(),
            run_ids=[run.run_id for run in self.runs],
            run_keys=keys,
            selector_id=state.selector_id,
        )
        instance.create_tick(tick)

    def end(self) -> None:
        """The runs of the last tick succeed."""
        for run in self.runs:
            self.daemon.set(run, dg.DagsterRunStatus.SUCCESS)


@pytest.fixture
def clock(daemon: Daemon, files: Files) -> Clock:
    # Wiping an instance leaves its ticks, which other tests made.
    assert daemon.instance.schedule_storage is not None
    daemon.instance.schedule_storage.wipe()
    files.keep("acme-dev", "acme-prod")
    files.write("acme-dev", drift=HOURLY)
    files.write("acme-prod", drift={"cron": "30 6 * * *", "timezone": "Europe/Zurich"})
    daemon.instance.add_dynamic_partitions("environments", ["acme-dev", "acme-prod"])
    return Clock(daemon)


def at(hour: int, minute: int = 0) -> dt.datetime:
    return NOON.replace(hour=hour, minute=minute)


def test_environment_is_looked_at_when_its_own_cron_comes(clock: Clock) -> None:
    """Each at its own times, in its own time zone; the others say when they are next."""
    assert clock.tick(at(11, 59)) == []
    assert "acme-dev: next due 2026-11-30 12:00 UTC" in clock.said
    assert "acme-prod: next due 2026-12-01 06:30 CET" in clock.said
    assert clock.tick(at(12)) == ["acme-dev/2026-11-30T12:00:00+00:00"]
    (run,) = clock.runs
    assert (run.tags["eks-assets/from"], run.tags["dagster/priority"]) == ("drift schedule", "-1")
    clock.end()
    assert clock.tick(at(12, 1)) == []
    clock.tick(at(5, 29) + dt.timedelta(days=1))
    clock.end()
    assert clock.tick(at(5, 30) + dt.timedelta(days=1)) == ["acme-prod/2026-12-01T05:30:00+00:00"]


def test_missed_times_are_made_up_once(clock: Clock) -> None:
    """The daemon was down for hours: one run, for the last of the times missed."""
    clock.tick(at(12))
    clock.end()
    assert clock.tick(at(17, 20)) == ["acme-dev/2026-11-30T17:00:00+00:00"]
    clock.end()
    assert clock.tick(at(17, 21)) == []
    assert clock.tick(at(18)) == ["acme-dev/2026-11-30T18:00:00+00:00"]


def test_missed_times_are_made_up_where_nothing_was_launched_before(clock: Clock) -> None:
    """What came between two ticks came; what came before the first tick, or before the file said when, did not."""
    assert clock.tick(at(12, 20)) == []
    assert clock.tick(at(14, 20)) == ["acme-dev/2026-11-30T14:00:00+00:00"]


def test_run_that_goes_on_is_not_doubled(clock: Clock) -> None:
    """A time that comes while the last run waits in the queue is made up when that has ended."""
    clock.tick(at(12))
    waiting = clock.runs
    assert clock.tick(at(13)) == []
    assert f"due since 2026-11-30 13:00 UTC; it is looked at after run {waiting[0].run_id[:8]} (queued)" in clock.said
    clock.runs = waiting
    clock.end()
    assert clock.tick(at(13, 1)) == ["acme-dev/2026-11-30T13:00:00+00:00"]


def test_made_up_tags_launch_and_hold_back_nothing(clock: Clock) -> None:
    """Whoever may launch anything copies a run with its tags; only the schedule's own ticks say what it launched."""
    clock.tick(at(11, 59))
    tags = {"dagster/run_key": "acme-dev/2026-11-30T12:00:00+00:00", "eks-assets/from": "drift schedule"}
    run = clock.daemon.add("acme-dev", job_name="drift", tags=tags)
    clock.daemon.set(run, dg.DagsterRunStatus.SUCCESS)
    assert clock.tick(at(12)) == ["acme-dev/2026-11-30T12:00:00+00:00"]


def test_faulty_file_is_named_and_holds_up_nobody(clock: Clock, files: Files) -> None:
    """A file that is broken, a cron that is, one without any, and a new environment without its partition."""
    files.write("acme-prod", drift={"cron": "0 25 * * *"})
    files.write("off", source="acme-dev", tenant="off", drift={"deadline": "5m"})
    files.write("new", source="acme-dev", tenant="new", drift=HOURLY)
    (files.folder / "broken.yaml").write_text("tenant: [")
    assert clock.tick(at(11, 59)) == []
    assert "broken: not looked at: " in clock.said
    assert "acme-prod: not looked at: " in clock.said
    assert "off: off, as its file has no drift.cron" in clock.said
    assert clock.tick(at(12)) == ["acme-dev/2026-11-30T12:00:00+00:00"]
    assert clock.tick(at(12, 1)) == []


def test_new_environment_waits_for_its_partition(clock: Clock, files: Files) -> None:
    """Dagster launches nothing for a partition that it does not know yet, and refuses the whole tick."""
    clock.tick(at(11, 59))
    files.write("new", source="acme-dev", tenant="new", drift=HOURLY)
    files.write("acme-dev", drift={"deadline": "5m"})
    assert clock.tick(at(12)) == []
    assert "new: due since 2026-11-30 12:00 UTC; its partition is made first" in clock.said


def test_destroyed_environment_is_left_alone(clock: Clock) -> None:
    """Nobody wants to hear every hour that what was destroyed is gone, also after somebody looked once by hand."""
    run = clock.daemon.add("acme-dev")
    record_outcome(clock.daemon.instance, run, DESTROYED)
    clock.daemon.set(run, dg.DagsterRunStatus.SUCCESS)
    looked = clock.daemon.add("acme-dev", job_name="drift")
    clock.daemon.set(looked, dg.DagsterRunStatus.SUCCESS)
    clock.tick(at(11, 59))
    assert clock.tick(at(12)) == []
    assert "acme-dev: not looked at: it has been destroyed" in clock.said


def test_stopped_sandbox_is_looked_at_once_it_is_up(
    clock: Clock, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run fails every hour because a sandbox is down."""
    monkeypatch.setenv("EKS_ASSETS_SANDBOX_DIR", str(files.folder))
    shutil.copy(PROJECT / "environments/sandbox.yaml", files.folder / "mine.yaml")
    files.write("mine", drift=HOURLY)
    files.write("acme-dev", drift={"deadline": "5m"})
    clock.daemon.instance.add_dynamic_partitions("environments", ["mine"])
    clock.tick(at(11, 59))
    assert clock.tick(at(12)) == []
    assert "mine: due since 2026-11-30 12:00 UTC; it is looked at later: " in clock.said


@pytest.mark.parametrize(
    ("now", "last", "following"),
    [
        # The clock goes back at 03:00 on 25 October, and forward at 02:00 on 29 March.
        ("2026-10-25T01:31+00:00", "2026-10-25T02:30+01:00", "2026-10-26T02:30+01:00"),
        ("2026-03-29T12:00+00:00", "2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"),
        ("2026-07-01T00:30+00:00", "2026-07-01T02:30+02:00", "2026-07-02T02:30+02:00"),
    ],
)
def test_times_follow_the_clocks_of_the_time_zone(now: str, last: str, following: str) -> None:
    """A daily time comes once a day, also on the days when the clocks change."""
    zurich = Drift(cron="30 2 * * *", timezone="Europe/Zurich")
    times: Callable[[str], dt.datetime] = dt.datetime.fromisoformat
    found = due_times(zurich, times(now))
    assert [time.astimezone(ZoneInfo("Europe/Zurich")).isoformat() for time in found] == [
        times(text).astimezone(ZoneInfo("Europe/Zurich")).isoformat() for text in (last, following)
    ]
