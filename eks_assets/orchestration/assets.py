"""Turns units into Dagster assets with their inline checks: the one module that knows both worlds."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from eks_assets.engine.runner import Result, run_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from eks_assets.orchestration.check_history import result_since
from eks_assets.orchestration.code_location import CodeLocation
from eks_assets.orchestration.environments import ENVIRONMENTS, Platform, open_step
from eks_assets.orchestration.metadata import build_metadata
from eks_assets.orchestration.recorded_results import recorded_result
from eks_assets.orchestration.run_tags import WAITING, record_outcome
from resources.config.environment import Environment
from resources.config.waves import WAVES, Wave
from resources.model.checks import Check
from resources.model.display import escape_lines
from resources.model.errors import ApprovalMissing
from resources.model.specs import HelmRelease, Manifests, Spec, Stack
from resources.probes.result import CheckResult

RELEASE_PLAN = "release_plan"
_KINDS: tuple[tuple[type[Spec[Any]], set[str]], ...] = (
    (Stack, {"aws", "cloudformation"}),
    (HelmRelease, {"helm", "kubernetes"}),
    (Manifests, {"kubernetes"}),
    (Spec, {"aws"}),
)


def group_name(wave: Wave) -> str:
    """The Dagster group of a wave; the number makes groups sort."""
    return f"{WAVES.index(wave) + 1}_{wave}"


def build_assets(registry: Registry, location: CodeLocation) -> list[dg.AssetsDefinition]:
    """One asset a unit, in dependency order."""
    return [asset_for(unit, registry, location) for unit in registry.units]


def asset_for(unit: AnyUnit, registry: Registry, location: CodeLocation) -> dg.AssetsDefinition:
    """The asset of one unit: partitioned by environment, its health checks inline and blocking."""

    @dg.asset(
        name=unit.name,
        group_name=group_name(unit.wave),
        deps=[*registry.needs[unit.name], *_gate(unit, registry)],
        # A unit that waits for approval has nothing to show, and is no failure either.
        output_required=False,
        partitions_def=ENVIRONMENTS,
        description=unit.fn.__doc__,
        kinds=next(kinds for kind, kinds in _KINDS if issubclass(unit.spec_type, kind)),
        owners=location.owners,
        tags={"wave": unit.wave, "reversibility": unit.reversibility},
        # Of the steps that can start, those that most depends on start first.
        op_tags={"dagster/priority": str(round(registry.minutes_left[unit.name] * 60))},
        metadata={**location.code_reference(unit.fn), "typical_minutes": unit.minutes},
        check_specs=check_specs(unit),
    )
    def body(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[_Result]:
        try:
            with open_step(context, platform, unit.name) as unit_context:
                result = recorded_result(context.run.run_id, unit)
                if result is None and unit.is_enabled(unit_context.env):
                    result = run_unit(registry, unit, unit_context)
        except ApprovalMissing as closed:
            context.log.warning(escape_lines(str(closed)))
            record_outcome(context.instance, context.run, WAITING)
            yield from _waiting(unit, closed)
        else:
            yield _done(context, unit, result, unit_context.env) if result else _disabled(unit, unit_context.env)

    return body


_Result = dg.MaterializeResult[Any] | dg.AssetCheckResult


def _done(
    context: dg.AssetExecutionContext, unit: AnyUnit, result: Result, env: Environment
) -> dg.MaterializeResult[Any]:
    def checked(check: Check, outcome: CheckResult) -> dg.AssetCheckResult:
        key = dg.AssetCheckKey(context.asset_key, check.name)
        began = outcome.since or result_since(context.instance, key, context.partition_key, outcome.passed)
        return dg.AssetCheckResult(
            check_name=check.name,
            passed=outcome.passed,
            description=escape_lines(outcome.detail),
            metadata={"expected": check.says, "since": began},
        )

    checks = [checked(check, outcome) for check, outcome in result.checks]
    return dg.MaterializeResult(metadata=build_metadata(unit, result, env), check_results=checks)


def _waiting(unit: AnyUnit, closed: ApprovalMissing) -> Iterator[dg.AssetCheckResult]:
    for check in unit.checks:
        yield dg.AssetCheckResult(
            check_name=check.name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=escape_lines(str(closed)),
        )


def _gate(unit: AnyUnit, registry: Registry) -> list[str]:
    """The roots of what lies behind the approval wave come after the release plan, in the picture and in a run."""
    needs = [registry[name] for name in registry.needs[unit.name]]
    is_root = unit.is_behind("approval") and not any(need.is_behind("approval") for need in needs)
    return [RELEASE_PLAN] if is_root else []


def check_specs(unit: AnyUnit) -> list[dg.AssetCheckSpec]:
    """The unit's health checks as Dagster knows them."""
    return [
        dg.AssetCheckSpec(c.name, asset=unit.name, blocking=True, partitions_def=ENVIRONMENTS, description=c.says)
        for c in unit.checks
    ]


def _disabled(unit: AnyUnit, env: Environment) -> dg.MaterializeResult[Any]:
    reason = f"{unit.name} is switched off in {env.name}"
    return dg.MaterializeResult(
        metadata={"result": reason},
        check_results=[dg.AssetCheckResult(check_name=c.name, passed=True, description=reason) for c in unit.checks],
    )
