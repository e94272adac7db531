"""The plan of a whole environment: every unit rendered, observed and compared, in parallel, nothing changed."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from eks_assets.engine.desired import desired_spec
from eks_assets.engine.provenance import source_of
from eks_assets.engine.reach import is_gate_everywhere, list_gated_reach
from eks_assets.engine.redacted import Redaction
from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.document import build_report
from eks_assets.plan.drift import ignored_in
from eks_assets.plan.keyed import secrets_in, without_secrets
from eks_assets.plan.model import PlanReport
from eks_assets.plan.unit_plan import CheckState, EnvironmentPlan, State, UnitPlan
from resources.context import Context
from resources.drivers.base import AnyDriver
from resources.drivers.helm.rendering import declare_releases
from resources.drivers.registry import driver_of
from resources.drivers.stack.drift import compare_stack
from resources.model.change import Change, FieldChange, Observed
from resources.model.errors import ConfigError, NotShown, OperationFailed, PipelineError, Transient
from resources.model.outputs import pending_fields
from resources.model.specs import GitManifests, GitTree, HelmRelease, Manifests, Parameter, Probes, Spec, Stack
from resources.probes.runner import run_probe
from resources.records.digest_key import load_digest_key
from resources.support.background import in_background

WIDTH = 24
_OTHERS = (GitManifests, GitTree, HelmRelease, Manifests, Parameter, Probes)
GRACE = 5.0  # seconds that looks under way have to end when planning is interrupted


def plan_environment(
    registry: Registry,
    context: Context,
    *,
    only: Collection[str] | None = None,
    with_checks: bool = True,
    with_preview: bool = False,
    progress: Callable[[UnitPlan], None] = lambda _: None,
) -> EnvironmentPlan:
    """Plan every unit (or `only` those named, reading the others' outputs as they are).

    `with_preview`: look into each change by what its driver can find out without changing anything (a change set that
    is deleted again, a rendered chart), for people and for the digest; a deploy does without.

    Raises WrongAccount, AccessDenied or ConfigError where the account can't be read at all; what goes wrong with one
    unit is in its `error`."""
    context.aws.check_account()
    if with_preview or context.env.approval is not None:
        expect_releases(registry, context)
    begin_comparisons(registry, context, only)
    done: dict[str, UnitPlan] = {}
    running: dict[Future[UnitPlan], str] = {}
    waiting = {u.name: u for u in registry.units}
    try:
        while waiting or running:
            ready = [u for u in waiting.values() if set(registry.needs[u.name]) <= done.keys()]
            for u in ready[: WIDTH - len(running)]:
                del waiting[u.name]
                wanted = only is None or u.name in only
                work = partial(
                    plan_unit,
                    registry,
                    u,
                    context,
                    done,
                    with_checks=with_checks and wanted,
                    with_preview=with_preview and wanted,
                    with_drift=wanted,
                )
                running[in_background(work, f"plan {u.name}")] = u.name
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                name = running.pop(future)
                done[name] = future.result()
                progress(done[name])
    except BaseException:
        # What is under way (a change set that is to be deleted again) may end; what does not answer is left.
        wait(running, timeout=GRACE)
        raise
    chosen = [u.name for u in registry.units if only is None or u.name in only]
    return EnvironmentPlan(context.env.name, tuple(done[name] for name in chosen), is_gate_everywhere(context))


def plan_unit(
    registry: Registry,
    unit: AnyUnit,
    context: Context,
    done: Mapping[str, UnitPlan],
    *,
    with_checks: bool,
    with_preview: bool = False,
    with_drift: bool = True,
) -> UnitPlan:
    """Plan one unit whose dependencies are planned."""
    began = time.monotonic()
    if not unit.is_enabled(context.env):
        return UnitPlan(unit.name, unit.wave, "disabled")
    needs = [done[name] for name in registry.needs[unit.name]]
    needed_outputs = {p.unit: p.outputs for p in needs if p.outputs is not None and p.change.action != "create"}
    redaction = Redaction(context)
    try:
        with redaction.errors():
            desired = desired_spec(registry, unit, needed_outputs, context)
            spec = redaction.spec = desired.spec
            observed, change = _compare(unit, spec, context, needs, with_preview=with_preview, with_drift=with_drift)
            reach = _reach(unit, spec, observed, change, context, needs)
            checks = _check(unit, spec, context) if with_checks and observed is not None else ()
    except PipelineError as error:
        return UnitPlan(unit.name, unit.wave, "unknown", error=error)
    except Exception as error:
        # Whatever is wrong with what this unit reads, the others are planned.
        unexpected = OperationFailed(f"unexpected {type(error).__name__}: {error}")
        unexpected.__cause__ = error
        return UnitPlan(unit.name, unit.wave, "unknown", error=unexpected)
    # A push makes another commit than the one that is there.
    keeps_outputs = not (change.is_needed and isinstance(spec, GitTree))
    planned = UnitPlan(
        unit.name,
        unit.wave,
        unit_state(
            change,
            observed.status if observed is not None else "",
            healthy=all(check.passed for check in checks),
            only_probes=isinstance(spec, Probes),
            needs_are_settled=not any(p.change.is_needed or p.error for p in needs),
            gated=unit.is_gated(context.env) or bool(reach),
        ),
        change,
        pending_fields(spec.model_dump(mode="python")) if change.is_needed else (),
        checks,
        outputs=observed.outputs if observed is not None and keeps_outputs else None,
        observed=start_of(observed),
        spec=spec,
        seconds=time.monotonic() - began,
        reach=reach,
        held=str(desired.hold or ""),
    )
    return redaction.redact_plan(planned)


def unit_state(
    change: Change, status: str, *, healthy: bool, only_probes: bool, needs_are_settled: bool, gated: bool
) -> State:
    """The state of a unit that could be planned. `status`: what is observed, empty where nothing exists; `healthy`:
    whether its checks pass; `only_probes`: whether the unit is its checks alone; `needs_are_settled`: whether nothing
    that it depends on would change or could not be planned."""
    if not change.is_needed and healthy:
        return "in_sync"
    has_failed = _is_failed(status) if change.is_needed else True
    # Checks of what is not there yet: nothing has gone wrong.
    if has_failed and not (only_probes and not needs_are_settled):
        return "failed"
    return "waiting" if gated else "pending"


def observe_drift(unit: AnyUnit, spec: Spec[Any], context: Context) -> Observed | None:
    """What exists of a unit, compared with what was applied last as well; but for what the environment's file sets
    aside and no deploy puts back."""
    ignores = context.env.drift.ignore if context.env.drift else ()
    is_ignored = ignored_in(unit.name, ignores, dt.datetime.now(dt.UTC).date().isoformat())
    driver = driver_of(spec)
    return driver.observe_drift(spec, driver.observe(spec, context), context, is_ignored)


def _compare(
    unit: AnyUnit, spec: Spec[Any], context: Context, needs: list[UnitPlan], *, with_preview: bool, with_drift: bool
) -> tuple[Observed | None, Change]:
    """What exists, and what applying the spec would change."""
    driver = driver_of(spec)
    try:
        observed = observe_drift(unit, spec, context) if with_drift else driver.observe(spec, context)
        change = driver.plan(spec, observed)
        if with_preview and change.is_needed:
            change = driver.preview(spec, observed, change, context)
    except NotShown as error:
        # It may differ or not: whoever deploys plans it again.
        return None, Change("update", (FieldChange("", None, None),), f"cannot be shown here: {error.message}")
    except PipelineError as error:
        # What it reads may be incomplete (a VPC without its subnets): it is planned again when that is done.
        if not any(p.needs_a_run for p in needs) or isinstance(error, ConfigError | Transient):
            raise
        observed, change = None, _planned_later(driver, spec, error)
        if with_preview and change.fields[0].path:
            change = driver.preview(spec, None, change, context)
    return observed, change


def _reach(
    unit: AnyUnit,
    spec: Spec[Any],
    observed: Observed | None,
    change: Change,
    context: Context,
    needs: list[UnitPlan],
) -> tuple[str, ...]:
    """What puts a change before the gate behind it. What cannot be told before something else has changed counts."""
    try:
        return list_gated_reach(unit, spec, observed, change, context)
    except PipelineError as error:
        if not any(p.needs_a_run for p in needs) or isinstance(error, ConfigError | Transient):
            raise
        return ("what nobody can tell yet",)


def _check(unit: AnyUnit, spec: Spec[Any], context: Context) -> tuple[CheckState, ...]:
    results = [(check, run_probe(check, spec, context)) for check in unit.checks]
    return tuple(CheckState(check.name, r.passed, r.detail, check.says, r.since) for check, r in results)


def _planned_later(driver: AnyDriver, spec: Spec[Any], error: PipelineError) -> Change:
    """What would be made from nothing; without fields where not even that can be said before its time."""
    if not isinstance(spec, HelmRelease | Manifests | Parameter | Stack):
        return Change("create", (FieldChange("", None, None),), f"later: {error.message}")
    planned = driver.plan(spec, None)
    return replace(planned, reason=f"later: {error.message}")


def expect_releases(registry: Registry, context: Context) -> None:
    """To be called before previews. What the environment's releases will serve counts when a chart asks the cluster
    what it serves; secrets of the environment's files are in no digest of what it renders to, but by a keyed hash."""
    if secrets := secrets_in(context.env.model_dump(mode="json")):
        context.hide = lambda document: without_secrets(document, load_digest_key(context), secrets)
    enabled = (u for u in registry.units if issubclass(u.spec_type, HelmRelease) and u.is_enabled(context.env))
    declare_releases(
        (spec for u in enabled if isinstance(spec := desired_spec(registry, u, {}, context).spec, HelmRelease)), context
    )


def begin_comparisons(registry: Registry, context: Context, only: Collection[str] | None) -> None:
    """Have AWS compare all stacks side by side. It takes seconds for each, and a unit is planned only after those that
    it needs."""
    for unit in registry.units:
        is_asked_for = unit.is_enabled(context.env) and (only is None or unit.name in only)
        if is_asked_for and not issubclass(unit.spec_type, _OTHERS):  # a unit may return one kind or another
            in_background(partial(_begin_comparison, registry, unit, context), f"compare {unit.name}")


def _begin_comparison(registry: Registry, unit: AnyUnit, context: Context) -> None:
    # What goes wrong here goes wrong again where the unit is planned, which says so.
    with suppress(Exception):
        spec = render_spec(registry, context.env, unit, {})
        if isinstance(spec, Stack):
            compare_stack(spec.name, context)


def start_of(observed: Observed | None) -> dict[str, str]:
    """What a change starts from, in words that stay the same while nobody changes it."""
    return {"status": observed.status, **observed.detail} if observed else {"status": "absent"}


def _is_failed(status: str) -> bool:
    return "FAILED" in status or "ROLLBACK" in status or status == "failed"


def plan_report(
    registry: Registry,
    context: Context,
    only: Collection[str] | None = None,
    progress: Callable[[UnitPlan], None] = lambda _: None,
    find_unwanted: Callable[[EnvironmentPlan], tuple[str, ...]] = lambda _: (),
) -> PlanReport:
    """Plan an environment (or `only` those units) in detail, as docs/plan.md describes it. `find_unwanted`: what of it
    stands and is no longer wanted, which is no change of a deploy. Changes nothing.

    Raises PipelineError where the account can't be read; what goes wrong with one unit is under `unknown`."""
    planned = plan_environment(registry, context, only=only, with_checks=False, with_preview=True, progress=progress)
    report = build_report(planned, registry, context.env, source_of(context))
    return report.model_copy(update={"unwanted": find_unwanted(planned)})
