"""Takes away what bootstrap made, once nothing of the environment stands: an administrator's act, under the lease."""

from __future__ import annotations

import time

from eks_assets.plan.wording import with_plural
from resources.bootstrap.removal import decisions_path, plan_bootstrap_removal, remove_bootstrap, remove_ledger
from resources.config.names import lease_table, ledger_bucket
from resources.context import Context
from resources.model.change import Change, FieldChange
from resources.model.errors import PipelineError, Refused
from resources.model.removal import Removal
from resources.records.bootstrap_entry import UNIT
from resources.records.change_entry import change_entry, record_change
from resources.records.lease import hold_lease
from resources.undeclared.inventory import Left, list_left

_SHOWN = 10  # of what still stands


def plan_removal_of_bootstrap(context: Context, *, delete_ledger: bool) -> Removal:
    """What would go and what would stay. Changes nothing.

    Raises Refused while anything of the environment stands, which it names, and as `plan_bootstrap_removal`."""
    _refuse_standing(context)
    return plan_bootstrap_removal(context, delete_ledger=delete_ledger)


def remove_all_of_bootstrap(context: Context, who: str, *, delete_ledger: bool, wait: float) -> Removal:
    """Remove it, and say what that was. The ledger has the last entry, unless it goes too. `who`: the administrator's
    ARN. Raises LeaseHeld where a run holds the environment, and as `plan_removal_of_bootstrap`; OperationFailed,
    WaitTimeout."""
    began = time.monotonic()
    planned = plan_removal_of_bootstrap(context, delete_ledger=delete_ledger)
    if not planned.removes:
        return planned
    objects = [*(one.object for one in planned.removes), *(one.object for one in planned.keeps)]
    # Where the table of leases is gone, an earlier removal has come so far.
    if any(name.endswith(f" {lease_table(context.env)}") for name in objects):
        with hold_lease(context, who=f"{who}, bootstrap", wait=wait, keep=False):
            planned = plan_removal_of_bootstrap(context, delete_ledger=delete_ledger)
            remove_bootstrap(context)
            if not delete_ledger:
                _record(context, planned, who, time.monotonic() - began)
    if delete_ledger:
        remove_ledger(context)
    return planned


def _record(context: Context, planned: Removal, who: str, seconds: float) -> None:
    fields = tuple(FieldChange(removed.object, "there", None) for removed in planned.removes)
    change = Change("delete", fields, "an administrator removed what bootstrap made")
    try:
        record_change(context, change_entry(context, UNIT, change, "done", seconds, {"who": who}))
    except PipelineError as error:
        context.progress(f"the ledger has no entry of it: {error.message}")


def _refuse_standing(context: Context) -> None:
    standing = [one for one in list_left(context) if not _goes_by_itself(one, context)]
    if not standing:
        return
    lines = [f"  {one} ({one.owner})" + (f": {one.command}" if one.command else "") for one in standing[:_SHOWN]]
    lines += [f"  and {len(standing) - _SHOWN} more"] if len(standing) > _SHOWN else []
    raise Refused(
        f"{context.env.name} still has {with_plural(len(standing), 'resource')} that bootstrap did not make; nothing "
        "was removed:\n" + "\n".join(lines),
        next_step=f"remove them first, data with --delete-data: eks-assets destroy {context.env.name} --plan",
    )


def _goes_by_itself(one: Left, context: Context) -> bool:
    """Whether it is bootstrap's, also once its stack is gone, or waits for its deletion."""
    env = context.env
    own = {ledger_bucket(env), lease_table(env)}
    name = one.identifier.rpartition(":")[2].removeprefix("table/")
    is_decision = decisions_path(context) in one.identifier
    return one.bootstrap or bool(one.waits) or (not one.unknown and (name in own or is_decision))
