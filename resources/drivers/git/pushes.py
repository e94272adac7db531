"""Which commits the pipeline has pushed: one object of the ledger each, written before the push.

A commit's author and trailers are whatever its writer made them; nobody but the pipeline writes the ledger. The planner
may read `pushes/`, and list nothing: a key that is not there answers it as a forbidden one does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from resources.aws.ledger_bucket import put_new_object, read_object
from resources.context import NO_RUN, Context
from resources.model.digests import hex_digest_of
from resources.model.errors import AccessDenied, AlreadyThere, NotFound
from resources.model.specs import AnyGitTree
from resources.support.memory_cache import CacheKey

# Written with the first of them: from then on a commit without an object is somebody else's.
FIRST = "pushes/first.json"
_RECORDED: CacheKey[bool] = CacheKey("whether the ledger has an object, by key")


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")

    at: AwareDatetime


def is_recorded(context: Context, commit: str) -> bool:
    """Whether the pipeline has recorded the commit as its own. Raises AccessDenied, Transient."""
    return _exists(context, f"pushes/{commit}.json")


def pushed_at(context: Context, commit: str) -> dt.datetime | None:
    """When the pipeline recorded the commit as its own; None for one of others. Raises AccessDenied, Transient."""
    key = f"pushes/{commit}.json"
    if not _exists(context, key):
        return None
    try:
        return _Record.model_validate_json(read_object(context.aws, key)).at
    except ValidationError:
        return None


def has_records(context: Context) -> bool:
    """Whether any commit has been recorded yet; an older version pushed without. Raises AccessDenied, Transient."""
    return _exists(context, FIRST)


def is_branch_known(context: Context, spec: AnyGitTree) -> bool:
    """Whether the pipeline has noted that it pushed to this branch; an earlier version noted the commit alone. Raises
    AccessDenied, Transient."""
    return _exists(context, _branch_key(spec))


def record_push(context: Context, spec: AnyGitTree, commit: str, facts: Mapping[str, Any]) -> None:
    """Say in the ledger that the commit is the pipeline's; what is there stays. Raises NotFound where the environment
    has not been bootstrapped, AccessDenied, Transient."""
    document = {
        **facts,
        "commit": commit,
        "repository": spec.repository,
        "branch": spec.branch,
        "environment": context.env.name,
        "run": context.run_id or NO_RUN,
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
    }
    # In this order: should it end between them, the commit is recorded, and nothing else is shut out.
    for key in (f"pushes/{commit}.json", FIRST, _branch_key(spec)):
        try:
            put_new_object(context.aws, key, document)
        except AlreadyThere:
            continue
    context.cache.invalidate(_RECORDED)


def _branch_key(spec: AnyGitTree) -> str:
    return f"pushes/branches/{hex_digest_of([spec.repository, spec.branch])[:32]}.json"


def _exists(context: Context, key: str) -> bool:
    def ask() -> bool:
        try:
            read_object(context.aws, key)
        except NotFound:
            return False
        except AccessDenied:
            if not context.aws.planning:
                raise
            return False
        return True

    return context.cache.get(_RECORDED, ask, item=key)
