"""Drift of a whole environment: every unit's driver compares what exists with what was applied last, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial

from eks_assets.engine.redacted import Redaction
from eks_assets.engine.runner import known_outputs
from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.drift import DriftReport, UncheckedEntry, build_finding
from resources.context import Context
from resources.drivers.registry import driver_of
from resources.model.drift import Drift
from resources.model.errors import NotFound, OperationFailed, PipelineError
from resources.model.specs import GitManifests, Manifests, Parameter
from resources.support.background import in_background

WIDTH = 24
# What a spec of these says is what was applied; of the others the layer itself keeps that, and only their names count.
_KEPT_BY_NOBODY = (Manifests, GitManifests, Parameter)


def detect_drift(
    registry: Registry,
    context: Context,
    only: Collection[str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> DriftReport:
    """Compare every enabled unit (or `only` those) with what was applied last. Changes nothing.

    Raises WrongAccount, AccessDenied or ConfigError where the account can't be read at all; what goes wrong with one
    unit is under `unknown`."""
    began = time.monotonic()
    context.aws.check_account()
    units = [u for u in registry.units if (only is None or u.name in only) and u.is_enabled(context.env)]
    waiting, running = list(units), dict[Future["Drift | PipelineError"], AnyUnit]()
    results: dict[str, Drift | PipelineError] = {}
    while waiting or running:
        while waiting and len(running) < WIDTH:
            unit = waiting.pop(0)
            running[in_background(partial(_unit_drift, registry, unit, context), f"drift {unit.name}")] = unit
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            name = running.pop(future).name
            results[name] = future.result()
            progress(name)
    return _report(context.env.name, {u.name: results[u.name] for u in units}, round(time.monotonic() - began, 1))


def _unit_drift(registry: Registry, unit: AnyUnit, context: Context) -> Drift | PipelineError:
    redaction = Redaction(context)
    try:
        with redaction.errors():
            is_kept = not issubclass(unit.spec_type, _KEPT_BY_NOBODY)
            outputs = {} if is_kept else known_outputs(registry, unit, context)
            spec = redaction.spec = render_spec(registry, context.env, unit, outputs)
            return driver_of(spec).drift(spec, context)
    except NotFound:
        # What it needs is not there: it cannot have been applied either, or what went is a finding of its own.
        return Drift(is_pending=True)
    except PipelineError as error:
        return error
    except Exception as error:
        return OperationFailed(f"unexpected {type(error).__name__}: {error}")


def _report(environment: str, results: dict[str, Drift | PipelineError], seconds: float) -> DriftReport:
    drifts = {unit: drift for unit, drift in results.items() if isinstance(drift, Drift)}
    failed = {unit: error for unit, error in results.items() if isinstance(error, PipelineError)}
    return DriftReport(
        environment=environment,
        findings=tuple(build_finding(unit, f) for unit, drift in drifts.items() for f in drift.findings),
        unknown=(
            *(UncheckedEntry(unit=u, object=u, reason=error.message, failed=True) for u, error in failed.items()),
            *(
                UncheckedEntry(unit=unit, object=each.object, reason=each.reason, failed=False)
                for unit, drift in drifts.items()
                for each in drift.unchecked
            ),
        ),
        pending=tuple(unit for unit, drift in drifts.items() if drift.is_pending),
        seconds=seconds,
    )
