"""What is left of an environment in AWS once its units are gone, in words: the proof of a removal."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from eks_assets.plan.teardown_wording import describe_kept
from eks_assets.plan.wording import with_plural
from resources.context import Context
from resources.model.errors import PipelineError
from resources.model.removal import Kept
from resources.undeclared.inventory import Left, list_left


def list_remains(context: Context, keeps: Collection[Kept]) -> Iterator[str]:
    """What is left, a line each, with why it is kept and what that costs, or with the command that removes it; last,
    how much of it bootstrap made. Changes nothing, and raises nothing of AWS."""
    kept_by_name = {kept.object: kept for kept in keeps}
    try:
        left = list_left(context)
    except PipelineError as error:
        yield f"what is left cannot be listed: {error.message}"
        left = ()
    yield from (_describe(one, kept_by_name.pop(str(one), None)) for one in left if not one.bootstrap)
    yield from (f"kept {describe_kept(kept)}" for kept in kept_by_name.values())
    if count := sum(one.bootstrap for one in left):
        yield f"what bootstrap made stays: {with_plural(count, 'resource')}, the ledger among them"


def _describe(one: Left, kept: Kept | None) -> str:
    if one.unknown:
        return f"not known whether anything is left: {one}: {one.owner}"
    if one.waits:
        return f"left {one}: waits for its deletion until {one.waits}"
    if kept is not None:
        return f"kept {describe_kept(kept)}"
    return f"left {one} ({one.owner})" + (f": {one.command}" if one.command else "")
