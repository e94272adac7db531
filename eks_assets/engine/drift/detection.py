"""Drift of a whole environment: every unit's driver compares what exists with what was applied last, side by side."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Any, TypeAlias

from eks_assets.engine.desired import desired_spec
from eks_assets.engine.drift.culprits import name_culprits
from eks_assets.engine.known_outputs import known_outputs
from eks_assets.engine.redacted import Redaction
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.drift import DriftReport, UncheckedEntry, build_finding, set_aside
from resources.bootstrap.reading_rights import lacks_new_rights
from resources.config.settings.drift import Drift as Settings
from resources.context import Context
from resources.drivers.registry import driver_of
from resources.model.change import FieldChange
from resources.model.drift import Drift, Finding, Unchecked
from resources.model.errors import AccessDenied, NotFound, NotShown, OperationFailed, PipelineError, WaitTimeout
from resources.model.specs import GitManifests, HelmRelease, Manifests, Parameter, Spec, Stack
from resources.records.applied_units import applied_at
from resources.support.background import in_background
from resources.undeclared.aws import undeclared_resources
from resources.undeclared.cluster import undeclared_objects

Work: TypeAlias = Callable[[], "Drift | PipelineError"]
Find: TypeAlias = Callable[[Collection[Spec[Any]], Context], Drift]
WIDTH = 24
# Where what no unit declares is looked for, given the specs of all units, in words that name it.
UNDECLARED: dict[str, Find] = {
    "undeclared objects of the cluster": undeclared_objects,
    "undeclared resources of AWS": undeclared_resources,
}
# What a spec of these says is what was applied; of the others the layer itself keeps that, and only their names count.
_KEPT_BY_NOBODY = (Manifests, GitManifests, Parameter)


def detect_drift(
    registry: Registry,
    context: Context,
    only: Collection[str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    deadline: float | None = None,
) -> DriftReport:
    """Compare every enabled unit (or `only` those) with what was applied last. Changes nothing. `deadline`: the seconds
    after which what has not answered cannot be checked; by default what the environment's file says.

    Raises WrongAccount, AccessDenied or ConfigError where the account can't be read at all; what goes wrong with one
    unit is under `unknown`."""
    settings = context.env.drift or Settings()
    seconds = settings.deadline_seconds if deadline is None else deadline
    began = time.monotonic()
    context.aws.check_account()
    units = [u for u in registry.units if (only is None or u.name in only) and u.is_enabled(context.env)]
    works: dict[str, Work] = {u.name: partial(_unit_drift, registry, u, context) for u in units}
    if only is None:
        works |= {name: partial(_find, find, registry, context) for name, find in UNDECLARED.items()}
    results = _results(works, progress, began + seconds)
    late = WaitTimeout(f"it has not answered within {seconds:g} s (drift.deadline)")
    drifts = {name: results.get(name, late) for name in works}
    named, notes = name_culprits(drifts, context, began + seconds)
    report = _report(context, named, notes, round(time.monotonic() - began, 1))
    is_whole = only is None and not any(isinstance(result, PipelineError) for result in drifts.values())
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return set_aside(report, settings.ignore, today, is_whole=is_whole)


def _results(works: dict[str, Work], progress: Callable[[str], None], ends: float) -> dict[str, Drift | PipelineError]:
    """What each of these says, by name, of those that answer before the clock says `ends`."""
    waiting, running = list(works), dict[Future["Drift | PipelineError"], str]()
    results: dict[str, Drift | PipelineError] = {}
    while waiting or running:
        while waiting and len(running) < WIDTH:
            name = waiting.pop(0)
            running[in_background(works[name], f"drift {name}")] = name
        finished, _ = wait(running, timeout=max(0.0, ends - time.monotonic()), return_when=FIRST_COMPLETED)
        if not finished:
            break
        for future in finished:
            name = running.pop(future)
            results[name] = future.result()
            progress(name)
    return results


def _find(find: Find, registry: Registry, context: Context) -> Drift | PipelineError:
    """What no unit declares, in one place where it is looked for."""
    try:
        units = [unit for unit in registry.units if unit.is_enabled(context.env)]
        return find([desired_spec(registry, unit, {}, context).spec for unit in units], context)
    except NotFound:
        return Drift()  # there is nothing yet in which it could be
    except PipelineError as error:
        return error
    except Exception as error:
        return OperationFailed(f"unexpected {type(error).__name__}: {error}")


def _unit_drift(registry: Registry, unit: AnyUnit, context: Context) -> Drift | PipelineError:
    redaction = Redaction(context)
    try:
        try:
            with redaction.errors():
                is_kept = not issubclass(unit.spec_type, _KEPT_BY_NOBODY)
                outputs = {} if is_kept else known_outputs(registry, unit, context)
                spec = redaction.spec = desired_spec(registry, unit, outputs, context).spec
                drift = driver_of(spec).drift(spec, context)
                return _gone(unit, spec, context) if drift.is_pending else drift
        except NotFound as error:
            return _unreached(unit, error, context)
    except PipelineError as error:
        return error
    except Exception as error:
        return OperationFailed(f"unexpected {type(error).__name__}: {error}")


def _unreached(unit: AnyUnit, error: NotFound, context: Context) -> Drift:
    """A unit that needs what is not there. What went, or goes by another name since, is a finding of its own; of what
    lies behind it nobody can tell, where the ledger says that the unit was applied."""
    if applied_at(context, unit.name) is None:
        return Drift(is_pending=True)
    return Drift(unchecked=(Unchecked(unit.name, error.message),))


def _gone(unit: AnyUnit, spec: Spec[Any], context: Context) -> Drift:
    """A unit of which nothing exists: removed where the ledger says that it was applied, else pending. Of what is named
    by the environment's file another name would be pending, too."""
    title = _whole(unit, spec)
    if title is None or (since := applied_at(context, unit.name)) is None:
        return Drift(is_pending=True)
    layer = "cloudformation" if isinstance(spec, Stack) else "helm" if isinstance(spec, HelmRelease) else "kubernetes"
    return Drift((Finding(layer, title, FieldChange("", f"applied at {since}", None), "missing"),))


def _whole(unit: AnyUnit, spec: Spec[Any]) -> str | None:
    """What all of a unit is called; None where the environment's file may have given it another name since."""
    if isinstance(spec, Stack):
        return f"stack {spec.name}"
    if isinstance(spec, HelmRelease):
        return f"release {spec.namespace}/{spec.name}"
    is_something = (isinstance(spec, Manifests) and spec.objects) or (isinstance(spec, GitManifests) and spec.paths)
    return f"every object of {unit.name}" if is_something else None


def _report(
    context: Context, results: dict[str, Drift | PipelineError], notes: list[str], seconds: float
) -> DriftReport:
    drifts = {name: drift for name, drift in results.items() if isinstance(drift, Drift)}
    errors = {name: error for name, error in results.items() if isinstance(error, PipelineError)}
    return DriftReport(
        environment=context.env.name,
        findings=tuple(build_finding(_unit(name), f) for name, drift in drifts.items() for f in drift.findings),
        unknown=(
            *(_unread(name, error, context) for name, error in errors.items()),
            *(
                UncheckedEntry(unit=_unit(name), object=each.object, reason=each.reason, failed=False)
                for name, drift in drifts.items()
                for each in drift.unchecked
            ),
        ),
        pending=tuple(name for name, drift in drifts.items() if drift.is_pending),
        notes=tuple(notes),
        seconds=seconds,
    )


def _unit(name: str) -> str | None:
    return None if name in UNDECLARED else name


def _unread(name: str, error: PipelineError, context: Context) -> UncheckedEntry:
    """The entry of a unit (or of what none declares) of which nothing could be compared: a failure, except where it is
    late, or where whom we read as may not read it, by design or until bootstrap has been applied again."""
    reason, is_failure = error.message, not isinstance(error, NotShown | WaitTimeout)
    if isinstance(error, AccessDenied) and lacks_new_rights(context, error):
        command = f"eks-assets bootstrap {context.env.name} --apply"
        reason, is_failure = f"{reason}; an administrator gives the missing rights: {command}", False
    return UncheckedEntry(unit=_unit(name), object=name, reason=reason, failed=is_failure)
