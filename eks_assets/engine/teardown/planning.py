"""What would go, unit by unit, all of them looked at in parallel. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from functools import partial
from typing import Any

from eks_assets.engine.kept_specs import read_kept_spec
from eks_assets.engine.planner import GRACE, WIDTH
from eks_assets.engine.redacted import Redaction
from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.teardown import TeardownPlan, UnitTeardown
from resources.context import Context
from resources.drivers.products import plan_products
from resources.drivers.registry import driver_of
from resources.model.errors import AccessDenied, NotFound, OperationFailed, PipelineError, Transient
from resources.model.removal import Removal
from resources.model.specs import Spec
from resources.records.applied_units import applied_spec
from resources.support.background import in_background

_TRIES, _PAUSE = 3, 3.0  # of an API server that does not answer


def plan_teardown(registry: Registry, context: Context, *, delete_data: bool) -> TeardownPlan:
    """What the removal of the environment would do: of every unit, also of those that are switched off by now.

    Raises WrongAccount, AccessDenied where the account can't be read at all; what goes wrong with one unit is in its
    `error`."""
    context.aws.check_account()
    no_cluster = explain_no_cluster(registry, context)
    look = partial(plan_unit, registry, context=context, delete_data=delete_data, has_cluster=not no_cluster)
    return TeardownPlan(context.env.name, delete_data, plan_units(registry.units, look), no_cluster)


def plan_units(units: Collection[AnyUnit], look: Callable[[AnyUnit], UnitTeardown]) -> tuple[UnitTeardown, ...]:
    """What `look` finds of each of the units, which are in the order of the graph; in the order in which they go."""
    done: dict[str, UnitTeardown] = {}
    waiting = list(units)
    running: dict[Future[UnitTeardown], str] = {}
    try:
        while waiting or running:
            for unit in waiting[: WIDTH - len(running)]:
                running[in_background(partial(look, unit), f"plan the removal of {unit.name}")] = unit.name
                waiting.remove(unit)
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                done[running.pop(future)] = future.result()
    except BaseException:
        wait(running, timeout=GRACE)
        raise
    return tuple(done[unit.name] for unit in reversed(list(units)))


def plan_unit(
    registry: Registry, unit: AnyUnit, context: Context, *, delete_data: bool, has_cluster: bool
) -> UnitTeardown:
    """What the removal of one unit would do."""
    redaction = Redaction(context)
    spec: Spec[Any] | None = None
    try:
        with redaction.errors():
            spec = redaction.spec = find_spec(registry, unit, context)
            made = own = Removal()
            if unit.products is not None and has_cluster:
                made = plan_products(unit.products, context, delete_data=delete_data)
            if spec is not None and (has_cluster or not spec.needs_cluster):
                own = driver_of(spec).plan_removal(spec, context, delete_data=delete_data)
    except PipelineError as error:
        return UnitTeardown(unit, spec, error=error)
    except Exception as error:
        # Whatever is wrong with what this unit reads, the others are looked at.
        unexpected = OperationFailed(f"unexpected {type(error).__name__}: {error}")
        unexpected.__cause__ = error
        return UnitTeardown(unit, spec, error=unexpected)
    return UnitTeardown(unit, spec, own, made)


def find_spec(registry: Registry, unit: AnyUnit, context: Context) -> Spec[Any] | None:
    """The spec, with all that other units give pending: what names a thing never depends on that. Of a unit that is
    switched off the one that was applied last, where the ledger has it and whom we read as may know; else what its
    function still makes of the environment, None where that is nothing. Raises Transient."""
    env = context.env
    if unit.is_enabled(env):
        return render_spec(registry, env, unit, {})
    digest = applied_spec(context, unit.name)
    with suppress(AccessDenied, NotFound, OperationFailed):
        if digest is not None:
            return read_kept_spec(context, digest)
    with suppress(Exception):  # the environment's file may lack what it needs
        return render_spec(registry, env, unit, {})
    return None


def explain_no_cluster(registry: Registry, context: Context) -> str:
    """Why nothing in the cluster can be looked at, because it is gone or goes with the cluster; empty where it can.

    Raises AccessDenied where we have no access though the unit that gives it exists."""
    name = context.env.cluster_name
    for attempt in range(1, _TRIES + 1):
        try:
            context.cluster.api  # noqa: B018 - asks the API server for its version
            return ""
        except NotFound as error:
            return f"{error.message}: what was in it is gone with it"
        except Transient as error:
            reason = error.message
        except AccessDenied:
            if _has_access_unit(registry, context):
                raise
            return f"the access to {name} has been removed, which happens once all that is in it has been"
        if attempt < _TRIES:
            context.progress(f"{reason}; trying again")
            time.sleep(_PAUSE)
    return (
        f"the API server of {name} does not answer ({reason}): what is in it goes with the cluster, and what its "
        "controllers made in AWS is looked for there"
    )


def _has_access_unit(registry: Registry, context: Context) -> bool:
    """Whether the unit that gives access to the cluster exists."""
    for unit in registry.units:
        if unit.gives_cluster_access:
            spec = render_spec(registry, context.env, unit, {})
            return bool(driver_of(spec).observe(spec, context))
    return True
