"""The loop, the same for every unit: render, observe, plan, gate, apply, probe, read outputs back. Knows no Dagster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from eks_assets.engine.change_account import account_for_change
from eks_assets.engine.desired import desired_spec
from eks_assets.engine.drift.repair import check_repair
from eks_assets.engine.gate import approved_change
from eks_assets.engine.known_outputs import known_outputs
from eks_assets.engine.planner import expect_releases, observe_drift, start_of
from eks_assets.engine.reach import list_gated_reach
from eks_assets.engine.redacted import Redaction
from eks_assets.engine.upgrade.guard import refuse_outside_flow
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.unit_plan import UnitPlan
from resources.aws.session import caller_arn
from resources.bootstrap.boundary_check import check_boundaries
from resources.context import NO_RUN, Context
from resources.drivers.base import AnyDriver
from resources.drivers.registry import driver_of
from resources.model.change import Change, Observed
from resources.model.checks import Check
from resources.model.errors import PipelineError
from resources.model.outputs import Outputs
from resources.model.specs import Probes, Spec, Stack
from resources.probes.result import CheckResult
from resources.probes.runner import wait_for_check
from resources.records.change_entry import change_entry, record_change
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER, hold_lease
from resources.records.lease_table import Holder, launch_hold
from resources.records.rollbacks import Hold
from resources.records.validations import record_validation


@dataclass(frozen=True)
class Result:
    """What the loop did to one unit. `observed`: what exists now."""

    change: Change
    spec: Spec[Any]
    observed: Observed | None
    checks: tuple[tuple[Check, CheckResult], ...]
    seconds: float


@dataclass(frozen=True)
class _Observation:
    """One unit as it is now: what should exist, what does, and the difference."""

    outputs: dict[str, Outputs]
    spec: Spec[Any]
    driver: AnyDriver
    observed: Observed | None
    change: Change
    hold: Hold | None = None


def run_unit(registry: Registry, unit: AnyUnit, context: Context) -> Result:
    """Make one unit exist as the environment wants it, and wait until it is healthy.

    Checks that fail are returned, not raised. Raises PipelineError where it can't be applied, ApprovalMissing where it
    lies behind a closed gate, LeaseHeld where another run holds the environment, Refused where a repair would do more
    than repair."""
    redaction = Redaction(context)
    with redaction.working():
        result = _run(registry, unit, context, redaction)
    change = replace(result.change, reason=redaction.redact_text(result.change.reason))
    checks = tuple((check, replace(r, detail=redaction.redact_text(r.detail))) for check, r in result.checks)
    return replace(result, change=change, checks=checks)


def _run(registry: Registry, unit: AnyUnit, context: Context, redaction: Redaction) -> Result:
    began = time.monotonic()
    context.aws.check_account()
    held = launch_hold(context)
    observation = _observe(registry, unit, context, redaction)
    settled = not observation.change.is_needed
    if settled:
        context.progress(f"{unit.name}: nothing to do")
    else:
        observation = _apply_under_lease(registry, unit, context, redaction, observation, held)
    checks = run_checks(unit, observation.spec, context)
    if isinstance(observation.spec, Probes):
        _record_validation(context, checks)
    driver, spec = observation.driver, observation.spec
    observed = observation.observed if settled else driver.observe(spec, context)
    return Result(observation.change, spec, observed, checks, time.monotonic() - began)


def _observe(registry: Registry, unit: AnyUnit, context: Context, redaction: Redaction) -> _Observation:
    outputs = known_outputs(registry, unit, context)
    desired = desired_spec(registry, unit, outputs, context)
    spec = redaction.spec = desired.spec
    driver = driver_of(spec)
    observed = observe_drift(unit, spec, context)
    return _Observation(outputs, spec, driver, observed, driver.plan(spec, observed), desired.hold)


def _apply_under_lease(
    registry: Registry,
    unit: AnyUnit,
    context: Context,
    redaction: Redaction,
    observation: _Observation,
    held: Holder | None,
) -> _Observation:
    """Apply what was observed while the environment was held, so that nobody has changed it between the observation,
    the gate and the change. `held`: the launch's hold before the observation. The token grows whenever somebody takes
    it, so the same token means that the launch has held it all the time; else it is observed again."""
    # Who joins what his own launch holds need not say again who he is.
    starter = held.who.rpartition(", ")[0] if held else caller_arn(context.env)
    who = held.who if held else f"{starter}, {unit.name}"
    with hold_lease(context, who=who, wait=OUTLIVES_A_DEAD_HOLDER) as lease:
        if held is None or held.token != lease.token:
            context.cache.clear()
            observation = _observe(registry, unit, context, redaction)
        spec, driver, change = observation.spec, observation.driver, observation.change
        if not change.is_needed:
            context.progress(f"{unit.name}: another run has done it meanwhile")
            return observation
        if observation.hold is None:
            refuse_outside_flow(registry, unit, spec, context)
        repair = check_repair(registry, unit, spec, context) if context.repairs is not None else None
        if isinstance(spec, Stack):
            check_boundaries(context)
        if context.env.approval is not None:
            expect_releases(registry, context)
        reach = list_gated_reach(unit, spec, observation.observed, change, context)
        is_gated = unit.is_gated(context.env) or bool(reach)
        if is_gated:
            change = driver.preview(spec, observation.observed, change, context)
        start = start_of(observation.observed)
        pending = UnitPlan(unit.name, unit.wave, "pending", change, observed=start, reach=reach)
        with approved_change(unit, pending, observation.outputs, context) as grant:
            context.approved = observation.observed if is_gated else None
            context.progress(f"{unit.name}: {change.action}: {change.reason}")
            why = {"repair": repair, "rollback": observation.hold.run if observation.hold else None}
            account = partial(account_for_change, context, unit, pending, spec, starter, grant, redaction, why)
            _apply(pending, driver, spec, context, redaction, account)
        return replace(observation, change=change)


def _apply(
    pending: UnitPlan,
    driver: AnyDriver,
    spec: Spec[Any],
    context: Context,
    redaction: Redaction,
    account: Callable[[], Mapping[str, Any]],
) -> None:
    """Apply the spec and record it. `account`: asked for once that has been tried."""
    began = time.monotonic()
    change = replace(pending.change, reason=redaction.redact_text(pending.change.reason))

    def record(outcome: str) -> None:
        seconds = time.monotonic() - began
        record_change(context, change_entry(context, pending.unit, change, outcome, seconds, account()))

    try:
        with redaction.errors():
            driver.apply(spec, context)
    except PipelineError as error:
        try:
            record(error.message.splitlines()[0])
        except PipelineError as unwritten:
            context.progress(f"the ledger has no entry of this failure: {unwritten.message}")
        raise
    record("done")


def _record_validation(context: Context, checks: Iterable[tuple[Check, CheckResult]]) -> None:
    """How it ended, by which a rollback finds the last good run."""
    try:
        record_validation(context, context.run_id or NO_RUN, tuple(c.name for c, result in checks if not result.passed))
    except PipelineError as error:
        context.progress(f"the ledger has no entry of this validation: {error.message}")


def run_checks(unit: AnyUnit, spec: Spec[Any], context: Context) -> tuple[tuple[Check, CheckResult], ...]:
    """Wait for each check of the unit, in order; after one that failed the others get a single look's time."""
    results: list[tuple[Check, CheckResult]] = []
    for check in unit.checks:
        failed_before = any(not result.passed for _, result in results)
        results.append(
            (
                check,
                wait_for_check(check.model_copy(update={"deadline": 0.1}) if failed_before else check, spec, context),
            )
        )
    return tuple(results)
