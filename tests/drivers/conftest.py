"""A unit made in a test, run as Dagster runs it: `dg.materialize` on the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from eks_assets.factory import Platform, asset_for
from eks_assets.registry import Registry
from eks_assets.unit import AnyUnit

Materialize = Callable[[AnyUnit], dg.ExecuteInProcessResult]


@pytest.fixture
def materialize() -> Materialize:
    """Materializes one unit for the environment `sandbox`; failures come back as the result, not as exceptions."""

    def run(unit: AnyUnit) -> dg.ExecuteInProcessResult:
        with dg.instance_for_test() as instance:
            instance.add_dynamic_partitions("environments", ["sandbox"])
            return dg.materialize(
                [asset_for(unit, Registry.of([unit]))],
                partition_key="sandbox",
                resources={"platform": Platform()},
                instance=instance,
                raise_on_error=False,
            )

    return run


def shown(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    """The metadata of the materialization of an asset, as plain values."""
    events = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(name)]
    return {key: value.value for key, value in events[0].materialization.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """The words of the step that failed."""
    data = result.get_step_failure_events()[0].step_failure_data
    assert data.user_failure_data is not None
    return str(data.user_failure_data.description)
