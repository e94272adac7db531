"""Takes a deploy that failed back, where the environment's file says `on_failure: rollback`, whoever started it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

from eks_assets.engine.declared import list_entries
from eks_assets.engine.rollback import RollbackPlan, keep_reversible, plan_rollback, target_before
from eks_assets.engine.rollback_run import UnitEnd, run_rollback
from eks_assets.graph.registry import Registry
from resources.context import NO_RUN, Context
from resources.model.errors import Refused
from resources.records.bootstrap_entry import UNIT
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER, hold_lease


def undo_deploy(
    registry: Registry,
    context: Context,
    began: dt.datetime,
    who: str,
    *,
    run: str | None = None,
    report: Callable[[RollbackPlan], None] = lambda _: None,
) -> Iterator[UnitEnd]:
    """Bring the reversible units that were changed since then back as they were, the last one first until one cannot
    go back, and hold them. Behind a gate each needs its grant, like any change. `run`: the one that failed, where it is
    known: then nothing goes back that others have changed since; `report`: called with what goes back and what stays.

    Raises Refused where others have changed something, and as `run_rollback`."""
    with hold_lease(context, who=f"{who}, rollback", wait=OUTLIVES_A_DEAD_HOLDER):
        if run is not None:
            _refuse_others(context, began, run)
        plan = keep_reversible(registry, plan_rollback(registry, context, target_before(began)))
        report(plan)
        if plan.holds:
            yield from run_rollback(registry, context, plan, who, undo=True)


def _refuse_others(context: Context, began: dt.datetime, run: str) -> None:
    own = {run, context.run_id, "", NO_RUN}
    others = [e for e in list_entries(context, began, []) if e.at >= began and e.by not in own and e.unit != UNIT]
    if others:
        raise Refused(
            f"run {others[0].by[:8]} has changed {others[0].unit} since the deploy that failed; nothing is taken back",
            next_step=f"eks-assets rollback {context.env.name} --plan shows what would go back",
        )
