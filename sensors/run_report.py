"""What a finished run did, and why it failed, read from its events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg

CHANGED = ("created", "updated", "replaced", "deleted")


@dataclass(frozen=True)
class RunFailure:
    """Where a run failed first, and what to do. `unit`: its step, or `the run` where no step had begun."""

    unit: str
    reason: str
    next_step: str


def failure_of(instance: dg.DagsterInstance, run_id: str) -> RunFailure:
    """The first failure of a run. Reasons are the project's own words, secrets masked; of an error that nobody
    expected it gives only the kind."""
    for entry in _events(instance, run_id, dg.DagsterEventType.STEP_FAILURE):
        unit = entry.step_key or "the run"
        data: Any = entry.get_dagster_event().step_failure_data
        user = data.user_failure_data
        if user is not None:
            step = user.metadata.get("next_step")
            return RunFailure(unit, _without_next(str(user.description or user.label)), str(step.value) if step else "")
        if checks := _failed_checks(instance, run_id, unit):
            return RunFailure(unit, "\n".join(checks), "")
        return RunFailure(unit, f"unexpected {_kind(data.error)}; the run's log has all of it", "")
    return RunFailure("the run", "it could not be started or was lost; the run's log says why", "")


def changes_of(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """What a run changed, a line a unit."""
    lines = []
    for entry in _events(instance, run_id, dg.DagsterEventType.ASSET_MATERIALIZATION):
        materialization = entry.get_dagster_event().step_materialization_data.materialization
        result = materialization.metadata.get("result")
        text = str(result.value) if result else ""
        if text.startswith(CHANGED):
            lines.append(f"{materialization.asset_key.to_user_string()}: {text}")
    return lines


def _failed_checks(instance: dg.DagsterInstance, run_id: str, unit: str) -> list[str]:
    lines = []
    for entry in _events(instance, run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        evaluation = entry.get_dagster_event().asset_check_evaluation_data
        if entry.step_key == unit and not evaluation.passed:
            lines.append(f"check {evaluation.check_name}: {evaluation.description or 'failed'}")
    return lines


def _events(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> Iterator[dg.EventLogEntry]:
    page = instance.get_records_for_run(run_id, of_type=kind, limit=500)
    return (record.event_log_entry for record in page.records)


def _without_next(text: str) -> str:
    """`failure` in eks_assets/orchestration/environments.py writes the next step behind the message as well."""
    return text.partition("\nNext: ")[0]


def _kind(error: Any) -> str:
    while error is not None and error.cause is not None:
        error = error.cause
    return str(error.cls_name) if error is not None else "failure"
