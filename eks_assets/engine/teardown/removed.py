"""What was applied and the environment no longer has: units that are switched off or were taken out of its file, and
objects of a unit that its files no longer name. It is removed as a whole environment is, and nothing else with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial

from eks_assets.engine.desired import desired_spec
from eks_assets.engine.known_outputs import known_outputs
from eks_assets.engine.planner import plan_environment
from eks_assets.engine.redacted import Redaction
from eks_assets.engine.teardown.planning import explain_no_cluster, plan_unit, plan_units
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.teardown import TeardownPlan, UnitTeardown
from eks_assets.plan.unit_plan import EnvironmentPlan
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.products import list_roots
from resources.drivers.registry import driver_of
from resources.model.errors import NotFound, PipelineError, Refused
from resources.model.products import Products
from resources.model.removal import Removal
from resources.model.specs import GitManifests
from resources.records.applied_units import applied_at

# Kinds of specs whose driver leaves there what is no longer wanted.
_KEEPING = (GitManifests,)
_SHOWN = 5  # objects that still stand in the way


def plan_removed(registry: Registry, context: Context, *, delete_data: bool) -> TeardownPlan:
    """What the removal of all that the environment no longer has would do.

    Raises Refused where something that the environment has still needs it; else as `plan_teardown`."""
    context.aws.check_account()
    units = [unit for unit in registry.units if _may_be_unwanted(unit, context)]
    if not units:
        return TeardownPlan(context.env.name, delete_data, (), scope="removed")
    no_cluster = explain_no_cluster(registry, context)
    look = partial(_plan_unit, registry, context, delete_data=delete_data, has_cluster=not no_cluster)
    planned = tuple(each for each in plan_units(units, look) if each.removes or each.own.keeps or each.error)
    whole = [each.unit for each in planned if each.removes and not each.is_part]
    _refuse_needed(registry, whole, context)
    gone = {removed.object for each in planned for removed in each.own.removes}
    for each in planned:
        if each.products is not None and not no_cluster:
            refuse_products(each.products, context, gone)
    return TeardownPlan(context.env.name, delete_data, planned, no_cluster, scope="removed")


def list_unwanted(registry: Registry, context: Context, planned: EnvironmentPlan) -> tuple[str, ...]:
    """What was applied, still stands and is no longer wanted: units, and in brackets of a unit that goes on what of it
    is not. `planned`: the environment's plan. Changes nothing, and raises nothing of AWS: what was applied and
    cannot be looked at is named."""
    return tuple(_list_unwanted(registry, context, planned))


def is_managed(unit: AnyUnit, env: Environment) -> bool:
    """Whether EKS itself runs the controller of a unit that is switched off."""
    products = unit.products
    return products is not None and products.in_auto_mode and env.cluster.auto_mode and not unit.is_enabled(env)


def _are_left(unit: AnyUnit, env: Environment) -> bool:
    """Whether EKS goes on with what the controller of the unit made, or has such objects of its own."""
    return is_managed(unit, env) or bool(unit.products and unit.products.left_to_auto_mode and env.cluster.auto_mode)


def refuse_products(products: Products, context: Context, gone: Collection[str]) -> None:
    """Raises Refused where somebody still wants what the controller made, beside what is `gone` before it."""
    if left := [name for name in list_roots(products, context) if name not in gone]:
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        raise Refused(
            f"{products.controller} cannot go while there are {products.name} of {', '.join(left[:_SHOWN])}{more}: "
            "nothing would clear them up",
            next_step=f"remove these first, or switch {products.controller} on again",
        )


def _may_be_unwanted(unit: AnyUnit, context: Context) -> bool:
    if unit.is_enabled(context.env) and not issubclass(unit.spec_type, _KEEPING):
        return False
    return applied_at(context, unit.name) is not None


def _plan_unit(
    registry: Registry, context: Context, unit: AnyUnit, *, delete_data: bool, has_cluster: bool
) -> UnitTeardown:
    if unit.is_enabled(context.env):
        return _plan_part(registry, context, unit, delete_data=delete_data) if has_cluster else UnitTeardown(unit)
    planned = plan_unit(registry, unit, context, delete_data=delete_data, has_cluster=has_cluster)
    # Karpenter's NodePools go with the unit of theirs.
    return replace(planned, made=Removal(), keeps_products=True) if _are_left(unit, context.env) else planned


def _plan_part(registry: Registry, context: Context, unit: AnyUnit, *, delete_data: bool) -> UnitTeardown:
    """What of a unit that goes on is no longer wanted."""
    redaction = Redaction(context)
    try:
        with redaction.errors():
            spec = redaction.spec = desired_spec(registry, unit, known_outputs(registry, unit, context), context).spec
            part = driver_of(spec).find_unwanted(spec, context)
            own = driver_of(part).plan_removal(part, context, delete_data=delete_data) if part else Removal()
    except PipelineError as error:
        return UnitTeardown(unit, error=error, is_part=True, keeps_products=True)
    return UnitTeardown(unit, part, own, is_part=True, keeps_products=True)


def _refuse_needed(registry: Registry, units: Collection[AnyUnit], context: Context) -> None:
    """Raises Refused where an enabled unit needs one of them, or may as long as it is not deployed anew."""
    users: dict[str, list[str]] = {}
    for unit in units:
        others = [other for other in registry.units if unit.name in registry.needs[other.name]]
        others = [other for other in others if other.is_enabled(context.env)]
        if needing := [other.name for other in others if _needs(other, unit, context.env)]:
            raise Refused(
                f"{unit.name} is still needed by {', '.join(needing)}; nothing was removed",
                next_step=f"switch these off too, or {unit.name} on again",
            )
        for other in others:
            users.setdefault(other.name, []).append(unit.name)
    if not users:
        return
    for user in plan_environment(registry, context, only=users, with_checks=False).units:
        if user.unit in users and user.error is not None:
            raise Refused(
                f"nobody can tell whether {user.unit} still uses {', '.join(users[user.unit])}: {user.error.message}; "
                "nothing was removed",
                next_step=user.error.next_step,
            )
        if user.unit in users and user.change.is_needed:
            raise Refused(
                f"a deploy has yet to change {user.unit}, which may still use {', '.join(users[user.unit])}; nothing "
                "was removed",
                next_step=f"eks-assets deploy {context.env.name}; then this again",
            )


def _needs(other: AnyUnit, unit: AnyUnit, env: Environment) -> bool:
    """Whether the other cannot be without the unit, whoever else may bring what it brings."""
    if unit.gives_cluster_access and other.spec_type.needs_cluster:
        return True
    if any(kind is unit.outputs and parameter not in other.optional for parameter, kind in other.inputs.items()):
        return True
    return not env.addon(unit.name).enabled and unit.name in other.follows


def _list_unwanted(registry: Registry, context: Context, planned: EnvironmentPlan) -> Iterator[str]:
    for each in planned.units:
        unit = registry[each.unit]
        if each.state == "disabled":
            if _stands(registry, unit, context):
                yield unit.name
            continue
        strays = each.observed.get("no longer wanted")
        if strays and isinstance(each.spec, GitManifests) and not each.spec.prune:
            yield f"{unit.name} ({strays})"


def _stands(registry: Registry, unit: AnyUnit, context: Context) -> bool:
    """Whether the unit was applied and is still there."""
    try:
        if applied_at(context, unit.name) is None:
            return False
    except PipelineError:
        return False
    planned = plan_unit(registry, unit, context, delete_data=False, has_cluster=True)
    # What was in a cluster that does not exist is gone with it.
    is_gone = isinstance(planned.error, NotFound)
    return bool(planned.own.removes or planned.spec is None or planned.error) and not is_gone
