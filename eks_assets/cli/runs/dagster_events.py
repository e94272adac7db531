"""The events of a run, read from Dagster's event log."""

from __future__ import annotations

import logging
from typing import Any

import dagster as dg

from eks_assets.cli.runs.event_log import Event

_KINDS = {
    dg.DagsterEventType.RUN_START: "run_started",
    dg.DagsterEventType.STEP_START: "unit_started",
    dg.DagsterEventType.STEP_RESTARTED: "unit_started",
    dg.DagsterEventType.STEP_SUCCESS: "unit_succeeded",
    dg.DagsterEventType.STEP_FAILURE: "unit_failed",
    dg.DagsterEventType.STEP_SKIPPED: "unit_skipped",
    dg.DagsterEventType.STEP_UP_FOR_RETRY: "unit_retry",
}
_LEVELS = {
    "unit_failed": "error",
    "unit_interrupted": "error",
    "check_failed": "error",
    "unit_retry": "warning",
    "unit_skipped": "warning",
    "unit_waiting": "warning",
}


def event_of(entry: dg.EventLogEntry) -> Event | None:
    """The event in a record of Dagster's event log; None for those of Dagster's own workings."""
    step, happened = entry.step_key or None, entry.dagster_event
    if happened is None:
        if step is None:
            return None
        level = logging.getLevelName(entry.level).lower()
        return Event("progress", entry.user_message, entry.timestamp, level, entry.run_id, step)
    kind, message = _KINDS.get(happened.event_type, ""), ""
    if happened.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = happened.asset_check_evaluation_data
        kind = "check_passed" if evaluation.passed else "check_failed"
        message = f"check {evaluation.check_name}: {evaluation.description}"
        if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.WARN:
            # A unit's own checks are all errors; a warning is the gate's.
            kind, message = "unit_waiting", str(evaluation.description)
    elif happened.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
        result = happened.step_materialization_data.materialization.metadata.get("result")
        kind, message = "progress", str(result.value) if result else ""
    elif kind in ("unit_failed", "unit_retry"):
        kind, message = _failure(kind, happened)
    if not kind:
        return None
    return Event(kind, message, entry.timestamp, _LEVELS.get(kind, "info"), entry.run_id, step)


def _failure(kind: str, happened: dg.DagsterEvent) -> tuple[str, str]:
    """The kind and the reason. A check that failed has said why in an event of its own."""
    error = _root_error(happened)
    name = str(error.cls_name) if error is not None else ""
    if name == "DagsterExecutionInterruptedError":
        return "unit_interrupted", ""
    if name == "DagsterAssetCheckFailedError":
        return kind, ""
    user = getattr(happened.event_specific_data, "user_failure_data", None)
    if user is not None and user.description:
        return kind, str(user.description)
    return kind, str(error.message).strip() if error is not None else ""


def _root_error(happened: dg.DagsterEvent) -> Any:
    """The error at the bottom of the event's chain of causes; None where it has none."""
    error = getattr(happened.event_specific_data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    return error
