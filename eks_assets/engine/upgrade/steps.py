"""What each step of a minor version does; `RUN` has them by name."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from eks_assets.engine.rollback_run import UnitEnd
from eks_assets.engine.runner import Result, run_unit
from eks_assets.engine.upgrade.approval import ask_approval
from eks_assets.engine.upgrade.chain import Minor, Step, context_as_of, settings_of
from eks_assets.engine.upgrade.preparation import plan_preparation
from eks_assets.engine.upgrade.watch import list_red_checks
from resources.context import Context
from resources.drivers.stack.cluster_state import cluster_version
from resources.model.errors import ApprovalMissing, OperationFailed, Transient
from resources.support.polling import Poll, wait_until
from resources.upgrade.backup import back_up_cluster
from resources.upgrade.evictions import explain_eviction_failure
from resources.upgrade.karpenter import await_karpenter_nodes

if TYPE_CHECKING:
    from eks_assets.engine.upgrade.flow import Flow

_LOOK = 30.0  # seconds between two looks of a bake, at most
_AGAIN = 5.0  # seconds after which a check that is red is looked at once more


def _prepare(flow: Flow, minor: Minor) -> Iterator[UnitEnd]:
    if cluster_version(flow.context) == minor.after:
        return
    context, names, moves = plan_preparation(flow.registry, flow.context, minor.before, minor.after)
    for addon, version in moves.items():
        flow.context.progress(f"the add-on {addon} goes to {version}, which fits both versions, first")
    yield from _apply(flow, context, names)
    ask_approval(flow.registry, _context_of(flow, minor), flow.asked)


def _back_up(flow: Flow, minor: Minor) -> Iterator[UnitEnd]:
    vault = settings_of(flow.context.env).backup
    if vault is None:
        flow.context.progress("no backup: the environment's file names no vault under upgrade.backup")
    else:
        point = back_up_cluster(flow.context, vault, f"{flow.upgrade.begun.id}-{minor.after}")
        flow.context.progress(f"the cluster is backed up: {point}")
    yield from ()


def _raise_control_plane(flow: Flow, minor: Minor) -> Iterator[UnitEnd]:
    yield from _bring(flow, minor, "control_plane")
    _await_green(flow, minor)


def _update_addons(flow: Flow, minor: Minor) -> Iterator[UnitEnd]:
    yield from _bring(flow, minor, "addons")


def _bake(flow: Flow, minor: Minor) -> Iterator[UnitEnd]:
    """Watch the checks with the environment given back; a check that turns red and stays so stops it."""
    seconds = settings_of(flow.context.env).bake_seconds
    until = flow.step_began + dt.timedelta(seconds=seconds)
    flow.hold.release()
    while True:
        _refuse_red(flow, minor)
        left = (until - dt.datetime.now(dt.UTC)).total_seconds()
        if left <= 0:
            break
        time.sleep(min(left, _LOOK, max(1.0, seconds / 5)))
        flow.obey_orders()
    flow.hold.take()
    if (live := cluster_version(flow.context)) != minor.after:
        raise OperationFailed(f"the cluster runs Kubernetes {live} after the bake, and not {minor.after}")
    yield from ()


def _update_nodes(flow: Flow, minor: Minor) -> Iterator[UnitEnd]:
    try:
        yield from _bring(flow, minor, "nodes")
    except OperationFailed as error:
        raise explain_eviction_failure(flow.context, error) from error


def _await_karpenter(flow: Flow, minor: Minor) -> Iterator[UnitEnd]:
    if any(unit.spec_type.needs_cluster and unit.is_enabled(flow.context.env) for unit in flow.registry.units):
        count = await_karpenter_nodes(flow.context, minor.after)
        flow.context.progress(f"{count} nodes of Karpenter, none older than {minor.after}")
    yield from ()


def _validate(flow: Flow, minor: Minor) -> Iterator[UnitEnd]:
    _await_green(flow, minor)
    yield from _bring(flow, minor, "validation")


RUN: dict[Step, Callable[[Flow, Minor], Iterator[UnitEnd]]] = {
    "preparation": _prepare,
    "backup": _back_up,
    "control_plane": _raise_control_plane,
    "addons": _update_addons,
    "bake": _bake,
    "nodes": _update_nodes,
    "karpenter": _await_karpenter,
    "validation": _validate,
}


def _context_of(flow: Flow, minor: Minor) -> Context:
    return context_as_of(flow.context, minor.after, minor.after)


def _bring(flow: Flow, minor: Minor, step: Step) -> Iterator[UnitEnd]:
    yield from _apply(flow, _context_of(flow, minor), minor.units[step])


def _apply(flow: Flow, context: Context, names: tuple[str, ...]) -> Iterator[UnitEnd]:
    """Bring the units to what the context says, in the graph's order, until one fails."""
    for name in names:
        try:
            result = _run_patiently(flow, name, context)
        except ApprovalMissing:
            ask_approval(flow.registry, context, flow.asked)
            result = _run_patiently(flow, name, context)
        end = UnitEnd(flow.registry[name], result)
        yield end
        if not end.is_good:
            raise OperationFailed(f"{name}: {end.reason}")


def _run_patiently(flow: Flow, name: str, context: Context) -> Result:
    """Run the unit, again where that failed for a moment, as often as the environment's settings allow."""
    retry, attempt = context.env.retry, 1
    while True:
        context.cache.clear()
        try:
            return run_unit(flow.registry, flow.registry[name], context)
        except Transient as error:
            if attempt == retry.attempts:
                raise
            context.progress(f"{name}: attempt {attempt}: {error.message}")
            time.sleep(error.retry_after or retry.seconds)
            attempt += 1


def _new_red(flow: Flow, minor: Minor) -> dict[str, str]:
    red = list_red_checks(flow.registry, _context_of(flow, minor))
    return {name: detail for name, detail in red.items() if name not in flow.upgrade.begun.red}


def _await_green(flow: Flow, minor: Minor) -> None:
    """An API server that has just restarted, and what has to find it again, gets a check's time."""

    def poll() -> Poll[bool]:
        red = _new_red(flow, minor)
        return Poll(None if red else True, "; ".join(f"{name}: {detail}" for name, detail in red.items()))

    deadline = flow.context.env.deadlines.probe
    wait_until(poll, what="checks", deadline=deadline, interval=_AGAIN, progress=flow.context.progress)


def _refuse_red(flow: Flow, minor: Minor) -> None:
    """Raises OperationFailed for checks that are red twice in a row."""
    before = _new_red(flow, minor)
    if not before:
        return
    time.sleep(_AGAIN)
    if red := {name: detail for name, detail in _new_red(flow, minor).items() if name in before}:
        raise OperationFailed("; ".join(f"{name} turned red: {detail}" for name, detail in red.items()))
