"""The commits on the environment's branch: the newest that the pipeline made, and those that others made after it.

Whoever can push to the branch can write our author and our trailers. So a commit is ours only if the ledger says so
(`pushes.py`). An older version recorded nothing: as long as the ledger has no record at all, the newest commit with the
trailers and the configured author is taken for ours, and the next deploy records it. See
docs/adr/0013-pinned-commit.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from resources.context import Context
from resources.drivers.git.pushes import has_records, is_recorded
from resources.drivers.git.repository import Git, Heads, check_object_id
from resources.model.errors import ConfigError, OperationFailed
from resources.model.specs import AnyGitTree

ENVIRONMENT_TRAILER, PLAN_TRAILER = "Eks-Assets-Environment", "Eks-Assets-Plan"
TEMPLATE_TRAILER, VARIABLES_TRAILER = "Eks-Assets-Template", "Eks-Assets-Variables"
LONGEST_TRAILER = 65536  # characters of variables
CANDIDATES = 100  # commits with our trailers that are asked about, the newest first
_SHOWN, _SUBJECT = 5, 72  # commits of others, and characters of each one's subject


@dataclass(frozen=True)
class Rendering:
    """A commit of the pipeline, and what it was made from. `is_recorded`: whether the ledger says that it is ours; an
    older version left no record."""

    commit: str
    template: str
    variables: Mapping[str, str]
    is_recorded: bool = True


@dataclass(frozen=True)
class _Candidate:
    commit: str
    author: str
    template: str
    variables: str


def last_rendering(git: Git, heads: Heads, spec: AnyGitTree, context: Context) -> Rendering | None:
    """Our newest commit on the branch; None where there is none. Raises ConfigError where somebody has rewritten it,
    OperationFailed where others' commits with our trailers are more than can be asked about."""
    if heads.branch_commit is None:
        return None
    last = newest_rendering(git, heads.branch_commit, spec, context)
    if last is None:
        git.fetch_all(heads)
        last = newest_rendering(git, heads.branch_commit, spec, context)
    return last


def newest_rendering(git: Git, head: str, spec: AnyGitTree, context: Context) -> Rendering | None:
    """Our newest commit among what is here of `head` and its ancestors. Raises as `last_rendering`."""
    candidates = list(_candidates(git, head, context.env.name))
    for candidate in candidates:
        if is_recorded(context, candidate.commit):
            return _rendering(git, candidate, recorded=True)
    if len(candidates) == CANDIDATES:
        raise OperationFailed(
            f"the newest {CANDIDATES} commits on {spec.branch} of {git.repository} that name this environment in their "
            "trailers are not the pipeline's",
            next_step="remove them from the branch, and see who may push to it",
        )
    if has_records(context):
        return None
    adopted = next((c for c in candidates if c.author == spec.author), None)
    return _rendering(git, adopted, recorded=False) if adopted else None


def _candidates(git: Git, head: str, environment: str) -> Iterator[_Candidate]:
    trailers = [f"%(trailers:key={key},valueonly,unfold)" for key in (TEMPLATE_TRAILER, VARIABLES_TRAILER)]
    form = "%x00".join(["%H", "%an <%ae>", *trailers])
    options = (f"--max-count={CANDIDATES}", "-z", "-E", f"--grep=^{ENVIRONMENT_TRAILER}: {environment}$")
    parts = git("log", *options, f"--format={form}", operands=[head]).split("\0")
    for commit, author, template, variables in zip(*(iter(parts),) * 4, strict=False):
        yield _Candidate(commit.strip(), author, template.strip(), variables.strip())


def _rendering(git: Git, candidate: _Candidate, *, recorded: bool) -> Rendering:
    where = f"the commit {candidate.commit[:12]} on the branch of {git.repository} has no usable"
    next_step = "someone has rewritten a commit of the pipeline; undo that, or delete the branch if nobody needs it"
    try:
        check_object_id(candidate.template, TEMPLATE_TRAILER)
    except ConfigError as error:
        raise ConfigError(f"{where} {TEMPLATE_TRAILER} trailer: {error.message}", next_step=next_step) from None
    try:
        if len(candidate.variables) > LONGEST_TRAILER:
            raise ValueError
        variables = {str(k): str(v) for k, v in json.loads(candidate.variables).items()}
    except (ValueError, AttributeError, RecursionError):
        raise ConfigError(f"{where} {VARIABLES_TRAILER} trailer", next_step=next_step) from None
    return Rendering(candidate.commit, candidate.template, variables, recorded)


def commits_of_others(git: Git, heads: Heads, last: Rendering | None) -> tuple[str, ...]:
    """The commits on the branch that came after our last one and are not on the base branch, newest first: commit,
    author and subject of each, and how many more there are."""
    if heads.branch_commit is None:
        return ()
    known = [f"^{commit}" for commit in (heads.base_commit, last.commit if last else "") if commit]
    operands = [heads.branch_commit, *known]
    parts = git("log", f"--max-count={_SHOWN}", "-z", "--format=%H%x00%an <%ae>%x00%s", operands=operands).split("\0")
    rows = zip(*(iter(parts),) * 3, strict=False)
    listed = [f"{commit.strip()[:12]} by {author} ({subject[:_SUBJECT]})" for commit, author, subject in rows]
    count = int(git("rev-list", "--count", operands=operands)) if len(listed) == _SHOWN else len(listed)
    return (*listed, *([f"{count - _SHOWN} more"] if count > _SHOWN else []))
