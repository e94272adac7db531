"""What a drift run keeps of what it found, by the run before it: whose findings are news, and what stays open."""

from __future__ import annotations

import datetime as dt
from typing import Any

from eks_assets.engine.drift.record import drift_notification, follow_run
from eks_assets.plan.drift import DriftReport, IgnoredEntry, UncheckedEntry, build_finding
from resources.config.environment import Environment
from resources.model.change import FieldChange
from resources.model.drift import Finding
from resources.records.drift_runs import DriftRun

AT = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)


def entry(path: str) -> Any:
    return build_finding("u", Finding("helm", "ConfigMap/a/b", FieldChange(path, "secret-1", "secret-2"), "changed"))


def report(*paths: str, **more: Any) -> DriftReport:
    fields = {"environment": "e", "unknown": (), "pending": (), "seconds": 0.1, **more}
    return DriftReport(findings=tuple(entry(path) for path in paths), **fields)


def unknown(thing: str) -> dict[str, Any]:
    return {"unknown": (UncheckedEntry(unit="u", object=thing, reason="denied", failed=True),)}


def after(name: str, run: DriftRun, found: DriftReport) -> DriftRun:
    return follow_run((name, run), found, AT, "run")


def test_only_a_change_of_the_findings_is_news(sandbox_env: Environment) -> None:
    """The first findings, others, fewer, none, and the same ones again after that; each is an event of its own."""
    first = follow_run(None, report("x"), AT, "run")
    assert not first.is_told
    told = first.model_copy(update={"is_told": True})
    assert after("1", told, report("x")).is_told
    runs = [first, after("1", told, report("x", "y")), after("2", told, report()), after("3", told, report("z"))]
    assert [run.is_told for run in runs] == [False] * 4
    again = after("4", after("3", told, report()), report("x"))
    events = [drift_notification(sandbox_env, run).event_id for run in (*runs, again)]
    assert len(set(events)) == 5
    assert follow_run(None, report(), AT, "run").is_told


def test_what_could_not_be_told_is_told_by_the_next_run(sandbox_env: Environment) -> None:
    """As the same event, so that a mail which went out after all does not come twice."""
    first = after("1", follow_run(None, report(), AT, "run"), report("x"))
    second = after("2", first, report("x"))
    assert not second.is_told
    events = {drift_notification(sandbox_env, run).event_id for run in (first, second)}
    assert len(events) == 1


def test_finding_that_cannot_be_checked_is_not_gone() -> None:
    """It stays open while its unit, or its object, cannot be read: nobody hears that it is resolved."""
    found = follow_run(None, report("x"), AT, "run").model_copy(update={"is_told": True})
    for thing in ("u", "ConfigMap/a/b"):
        blind = after("1", found, report(**unknown(thing)))
        assert ([f.path for f in blind.unsettled], blind.findings, blind.is_told) == (["x"], (), True)
        assert after("2", blind, report()).open == ()
    assert after("1", found, report(**unknown("Secret/a/c"))).open == ()


def test_record_says_since_when_it_is_found_and_not_applied() -> None:
    """The first run that found it counts, until it is gone once, or its unit was applied since."""
    hour = dt.timedelta(hours=1)
    first = follow_run(None, report("x"), AT, "run")
    second = follow_run(("1", first), report("x", "y"), AT + hour, "run")
    assert [f.found_at for f in second.findings] == [AT, AT + hour]
    blind = follow_run(("2", second), report(**unknown("u")), AT + 2 * hour, "run")
    assert [f.found_at for f in blind.open] == [AT, AT + hour]
    third = follow_run(("3", blind), report("x"), AT + 3 * hour, "run", {"u": AT - hour})
    assert [f.found_at for f in third.findings] == [AT]
    fourth = follow_run(("4", third), report("x"), AT + 4 * hour, "run", {"u": AT + 3 * hour})
    assert [f.found_at for f in fourth.findings] == [AT + 4 * hour]
    again = follow_run(("5", follow_run(("4", third), report(), AT, "run")), report("x"), AT + 5 * hour, "run")
    assert [f.found_at for f in again.findings] == [AT + 5 * hour]


def test_what_a_deploy_did_not_put_back_is_no_new_finding() -> None:
    """It was changed before the unit was applied; else it would be repaired with every drift run."""
    hour = dt.timedelta(hours=1)
    first = follow_run(None, report("x"), AT, "run")
    for since, expected in ((AT - hour, AT), (AT + 2 * hour, AT + 3 * hour)):
        differing = entry("x").model_copy(update={"since": since.isoformat()})
        still = report().model_copy(update={"findings": (differing,)})
        second = follow_run(("1", first), still, AT + 3 * hour, "run", {"u": AT + hour})
        assert [f.found_at for f in second.findings] == [expected]


def test_record_names_the_units_of_what_is_ignored() -> None:
    """So that nobody repairs what somebody set aside."""
    ignored = IgnoredEntry(**entry("x").model_dump(), reason="agreed", until="9999-12-31")
    assert follow_run(None, report(ignored=(ignored,)), AT, "run").ignored_in == ("u",)


def test_record_holds_no_value_and_comes_after_the_one_before() -> None:
    """Nothing that reads the ledger reads a value of the cluster; the newest record is the last one written."""
    first = follow_run(None, report("x"), AT, "run")
    assert "secret-" not in first.model_dump_json()
    assert after("1", first, report("x")).at > first.at
