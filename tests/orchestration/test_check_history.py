"""Since when a check is as it is: by Dagster's record, for each environment apart."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from eks_assets.orchestration.check_history import result_since

ENVIRONMENTS = dg.StaticPartitionsDefinition(["blue", "green"])
PASSES = {"blue": True, "green": True}


@dg.asset(
    partitions_def=ENVIRONMENTS, check_specs=[dg.AssetCheckSpec("answers", asset="edge", partitions_def=ENVIRONMENTS)]
)
def edge(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
    passed = PASSES[context.partition_key]
    key = dg.AssetCheckKey(context.asset_key, "answers")
    began = result_since(context.instance, key, context.partition_key, passed)
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=passed, metadata={"since": began})])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def look(instance: dg.DagsterInstance, environment: str, passed: bool, clock: pytest.MonkeyPatch, second: int) -> str:
    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Clock":
            return cls(2026, 11, 28, 12, 0, second, tzinfo=tz)

    clock.setattr("eks_assets.orchestration.check_history.datetime", Clock)
    clock.setitem(PASSES, environment, passed)
    result = dg.materialize([edge], instance=instance, partition_key=environment)
    (evaluation,) = result.get_asset_check_evaluations()
    return str(evaluation.metadata["since"].value)


def test_check_keeps_time_of_its_last_change(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check's "since" is when its result last changed, for each environment apart."""
    assert look(instance, "blue", True, monkeypatch, 1) == "2026-11-28T12:00:01Z"
    assert look(instance, "green", True, monkeypatch, 2) == "2026-11-28T12:00:02Z"
    assert look(instance, "blue", True, monkeypatch, 3) == "2026-11-28T12:00:01Z"
    assert look(instance, "green", False, monkeypatch, 4) == "2026-11-28T12:00:04Z"
    assert look(instance, "blue", True, monkeypatch, 5) == "2026-11-28T12:00:01Z"
    assert look(instance, "blue", False, monkeypatch, 6) == "2026-11-28T12:00:06Z"
    assert look(instance, "blue", False, monkeypatch, 7) == "2026-11-28T12:00:06Z"
    assert look(instance, "blue", True, monkeypatch, 8) == "2026-11-28T12:00:08Z"
