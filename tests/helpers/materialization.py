"""A unit made in a test, run as Dagster runs it: `dg.materialize` on the sandbox; and what its result says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg

from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from eks_assets.orchestration.assets import asset_for
from eks_assets.orchestration.code_location import CodeLocation
from eks_assets.orchestration.environments import Platform

Materialize = Callable[[AnyUnit], dg.ExecuteInProcessResult]


def materialize_unit(unit: AnyUnit) -> dg.ExecuteInProcessResult:
    """Materializes one unit for the environment `sandbox`; failures come back as the result, not as exceptions."""
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("environments", ["sandbox"])
        return dg.materialize(
            [asset_for(unit, Registry.of([unit]), CodeLocation())],
            partition_key="sandbox",
            resources={"platform": Platform()},
            instance=instance,
            raise_on_error=False,
        )


def shown(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    """The metadata of the materialization of an asset, as plain values."""
    events = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(name)]
    assert events, failure(result)
    return {key: value.value for key, value in events[0].materialization.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """The words of the step that failed."""
    data = result.get_step_failure_events()[0].step_failure_data
    assert data.user_failure_data is not None, data.error
    return str(data.user_failure_data.description)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str | None]]:
    """Whether each check passed, and what it saw."""
    return {e.check_name: (e.passed, e.description) for e in result.get_asset_check_evaluations()}
