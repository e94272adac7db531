"""What became of a unit in a job that is none of assets, on the unit's own page, as a deploy would show it."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from eks_assets.engine.rollback_run import UnitEnd
from eks_assets.orchestration.metadata import build_metadata
from resources.config.environment import Environment
from resources.model.display import escape_lines

UnitEvent = dg.AssetMaterialization | dg.AssetCheckEvaluation


def unit_events(context: dg.OpExecutionContext, env: Environment, end: UnitEnd) -> Iterator[UnitEvent]:
    """The result and the checks; nothing but a line in the log where the unit failed."""
    if end.error is not None:
        context.log.error(escape_lines(f"{end.unit.name}: {end.error}"))
    if end.result is None:
        return
    key, partition = dg.AssetKey(end.unit.name), context.partition_key
    yield dg.AssetMaterialization(key, partition=partition, metadata=build_metadata(end.unit, end.result, env))
    for check, result in end.result.checks:
        yield dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=check.name,
            passed=result.passed,
            metadata={"expected": dg.MetadataValue.text(check.says)},
            description=escape_lines(result.detail),
            partition=partition,
        )
