"""The timeline of runs, and what decided how long one took."""

from __future__ import annotations

import datetime as dt

from eks_assets.plan.history import Event, EventKind
from eks_assets.report.gantt import critical_path, list_runs

NEEDS = {"network": (), "cluster": ("network",), "nodes": ("cluster",), "efs": ("network",), "loki": ("nodes", "efs")}
AT = dt.datetime(2026, 11, 30, 12, 0, tzinfo=dt.UTC)


def event(unit: str, end: float, seconds: float, run: str = "run-1", kind: EventKind = "changed") -> Event:
    return Event(at=AT + dt.timedelta(seconds=end), kind=kind, unit=unit, run=run, seconds=seconds)


def test_critical_path_is_the_longest_way_through_the_graph() -> None:
    """By the seconds that were spent, whatever number of units it has."""
    spent = {"network": 10.0, "cluster": 5.0, "nodes": 5.0, "efs": 30.0, "loki": 1.0}
    assert critical_path(spent, NEEDS) == ("network", "efs", "loki")
    assert critical_path(spent | {"cluster": 26.0}, NEEDS) == ("network", "cluster", "nodes", "loki")


def test_critical_path_goes_through_what_was_not_changed() -> None:
    """The cluster took no time, and loki came after the network all the same."""
    assert critical_path({"network": 10.0, "loki": 3.0, "efs": 1.0}, NEEDS) == ("network", "efs", "loki")
    assert critical_path({"network": 10.0, "loki": 3.0}, NEEDS) == ("network", "loki")
    assert critical_path({}, NEEDS) == ()


def test_bars_begin_where_the_change_began() -> None:
    """The ledger has the end of a change, and how long it took."""
    (run,) = list_runs([event("network", 10, 10), event("efs", 25, 10), event("cluster", 70, 60)], NEEDS, 5)
    assert (run.at, run.seconds) == (AT, 70.0)
    assert [(bar.unit, bar.begin, bar.seconds) for bar in run.bars] == [
        ("network", 0.0, 10.0),
        ("cluster", 10.0, 60.0),
        ("efs", 15.0, 10.0),
    ]
    assert [bar.unit for bar in run.bars if bar.is_critical] == ["network", "cluster"] == list(run.critical)
    assert run.part(35) == 50.0


def test_newest_runs_come_first_and_only_changes_count() -> None:
    """A bootstrap is no unit's, a request changes nothing, and a run beyond the limit is left out."""
    events = [event("network", number * 100, 1, f"run-{number}") for number in range(4)]
    events += [event("bootstrap", 900, 1), event("network", 950, 1, kind="planned"), event("network", 960, 1, run="")]
    assert [run.run for run in list_runs(events, NEEDS, 3)] == ["run-3", "run-2", "run-1"]


def test_run_failed_at_what_did_not_succeed_later_in_it() -> None:
    """A change that was retried and then done is no failure."""
    events = [event("network", 10, 10, kind="failed"), event("network", 30, 10), event("efs", 40, 5, kind="failed")]
    (run,) = list_runs(events, NEEDS, 1)
    assert run.failed == ("efs",)
    assert list_runs([event("network", 0, 0)], NEEDS, 1)[0].part(0) == 0.0
