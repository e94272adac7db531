"""An earlier content of the environment's branch, wanted again in a rollback: as a new commit, never by force.

The commit says in its trailers what the earlier content was rendered from, so that a later merge (`merge.py`) brings
everything since then back once the rollback no longer holds.
"""

from __future__ import annotations

import datetime as dt

from resources.context import Context
from resources.drivers.git.objects import tree_of
from resources.drivers.git.pushes import is_recorded
from resources.drivers.git.renderings import CANDIDATES, Rendering, last_rendering, newest_rendering
from resources.drivers.git.repository import Git, Heads
from resources.model.errors import NotFound
from resources.model.specs import AnyGitTree, Restore


def find_restore(spec: AnyGitTree, context: Context, at: dt.datetime) -> Restore | None:
    """What the branch held at that time, as its commits say: where it is pinned, in the newest commit of ours. None
    where it is the same now.

    Raises NotFound where there was no commit of ours yet, AccessDenied, Transient."""
    with Git.open(spec, context) as git:
        heads = git.heads()
        if heads.branch_commit is None:
            return None
        git.fetch(heads)
        git.fetch_all(heads)
        last = last_rendering(git, heads, spec, context)
        now = last.commit if spec.pinned and last else heads.branch_commit
        commit = _newest_before(git, heads.branch_commit, spec, context, at)
        if commit is None:
            raise NotFound(
                f"{spec.branch} of {git.repository} has no commit of the pipeline from before "
                f"{at:%Y-%m-%d %H:%M:%S} UTC"
            )
        if tree_of(git, commit) == tree_of(git, now):
            return None
        return Restore(commit=commit, base=heads.base_commit, head=heads.branch_commit)


def _newest_before(git: Git, head: str, spec: AnyGitTree, context: Context, at: dt.datetime) -> str | None:
    options = ("--first-parent", f"--max-count={CANDIDATES}", f"--min-age={int(at.timestamp())}")
    commits = git("rev-list", *options, operands=[head]).split()
    if spec.pinned:
        return next((commit for commit in commits if is_recorded(context, commit)), None)
    return commits[0] if commits and newest_rendering(git, commits[0], spec, context) else None


def wanted_restore(
    git: Git, heads: Heads, last: Rendering | None, spec: AnyGitTree, context: Context
) -> tuple[str, Rendering] | None:
    """The tree that is wanted again, and what it was rendered from; None where that no longer counts, since somebody
    has moved a branch. Raises NotFound where the commit is gone."""
    restore = spec.restore
    if restore is None or heads.branch_commit is None or heads.base_commit != restore.base:
        return None
    git.fetch_commit(restore.commit)
    tree = tree_of(git, restore.commit)
    is_done = last is not None and last.commit == heads.branch_commit and tree_of(git, last.commit) == tree
    if heads.branch_commit != restore.head and not is_done:
        return None
    git.fetch_all(heads)
    rendering = newest_rendering(git, restore.commit, spec, context)
    if rendering is None:
        raise NotFound(f"the commit {restore.commit[:12]} on {spec.branch} is not after one of the pipeline's own")
    return tree, rendering
