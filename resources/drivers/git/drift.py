"""What others did to the environment's branch since the pipeline pushed to it last.

Measured against our newest commit, which is what was applied, and never against today's templates and variables: what
those would change is pending. Where Argo CD follows the branch, commits by people are how it is meant to be used.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from resources.context import Context
from resources.drivers.git.file_changes import file_changes, gitops_files
from resources.drivers.git.objects import compare_trees
from resources.drivers.git.pushes import has_records, is_branch_known, pushed_at
from resources.drivers.git.renderings import last_rendering
from resources.drivers.git.repository import Git, Heads
from resources.model.change import FieldChange
from resources.model.drift import EXISTS, Drift, Finding, FindingKind, Unchecked
from resources.model.errors import NotFound, OperationFailed
from resources.model.specs import AnyGitTree

LAYER = "git"
_MOST_COMMITS = 1000  # whose authors are looked up, the newest first
_COMMIT = re.compile(r"\x01(?P<commit>[0-9a-f]{40,64})\x01(?P<author>.*)\x01(?P<time>[^\x01]*)", re.DOTALL)


@dataclass(frozen=True)
class Commit:
    """Who made a commit and when, as the commit itself says; anybody can write that."""

    id: str
    author: str
    time: str

    @property
    def culprit(self) -> str:
        return f"{self.author} in {self.id[:12]}"


def branch_drift(spec: AnyGitTree, context: Context) -> Drift:
    """The branch against our newest commit on it. Raises what reading the repository raises, and OperationFailed for a
    repository that has been pushed to and is gone."""
    with Git.open(spec, context) as git:
        was_pushed = is_branch_known(context, spec)
        try:
            heads = git.heads()
        except NotFound as error:
            if was_pushed:
                raise OperationFailed(error.message, next_step=error.next_step) from None
            raise
        if heads.branch_commit is None:
            return _not_there(spec, context, was_pushed=was_pushed)
        git.fetch(heads)
        last = last_rendering(git, heads, spec, context)
        if last is None:
            return Drift((_rewritten(git, spec, heads.branch_commit),)) if was_pushed else Drift(is_pending=True)
        if not spec.pinned or last.commit == heads.branch_commit:
            return Drift()
        return Drift(tuple(_pushed_by_others(git, spec, heads, last.commit)))


def commits_by_others(spec: AnyGitTree, context: Context, since: dt.datetime) -> list[Commit]:
    """The commits on the branch that its base has not, that the pipeline did not push, and that came after its last
    push before then, the newest first. A commit's own time is its author's to choose and decides nothing.

    Raises what reading the repository raises; NotFound also where there is no branch yet."""
    with Git.open(spec, context) as git:
        heads = git.heads()
        if heads.branch_commit is None or not has_records(context):
            return []
        git.fetch(heads)
        known = [heads.branch_commit, f"^{heads.base_commit}"]
        before = _pushed_before(git, known, context, since)
        if before is None:
            git.fetch_all(heads)
            before = _pushed_before(git, known, context, since)
        after = [*known, *([f"^{before}"] if before else [])]
        commits = [commit for commit, _ in _commits(git, after, most=_MOST_COMMITS)]
    return [commit for commit in commits if pushed_at(context, commit.id) is None]


def _pushed_before(git: Git, operands: list[str], context: Context, since: dt.datetime) -> str | None:
    """The newest of the commits that the pipeline had pushed by then."""
    for commit, _ in _commits(git, operands, most=_MOST_COMMITS):
        at = pushed_at(context, commit.id)
        if at is not None and at <= since:
            return commit.id
    return None


def _not_there(spec: AnyGitTree, context: Context, *, was_pushed: bool) -> Drift:
    title = _title(spec)
    if was_pushed:
        return Drift((Finding(LAYER, title, FieldChange("", EXISTS, None), "missing"),))
    if has_records(context):
        reason = "it is not there, and the version that pushed last did not note to which branch"
        return Drift(unchecked=(Unchecked(title, reason),))
    return Drift(is_pending=True)


def _rewritten(git: Git, spec: AnyGitTree, head: str) -> Finding:
    """The branch is there and none of our commits is on it: somebody has pushed over them by force."""
    (commit,) = (commit for commit, _ in _commits(git, [head], most=1))
    field = FieldChange("head", "a commit of the pipeline's own, or one after it", head)
    return Finding(LAYER, _title(spec), field, "changed", commit.culprit, commit.time)


def _pushed_by_others(git: Git, spec: AnyGitTree, heads: Heads, ours: str) -> Iterator[Finding]:
    """A finding a field that differs between our commit and the head, or one of the head where no file does."""
    head = heads.branch_commit or ""
    newest, by_path = _last_writers(git, ours, head)
    differences = compare_trees(git, ours, head)
    before, after = gitops_files(git, ours), gitops_files(git, head)
    if not differences:
        field = FieldChange("head", ours, head)
        yield Finding(LAYER, _title(spec), field, "changed", newest.culprit, newest.time)
    for difference in differences:
        commit = by_path.get(difference.path, newest)
        for change in file_changes(difference, before, after):
            kind: FindingKind = "extra" if change.before is None else "missing" if change.after is None else "changed"
            title = f"{difference.path} on {spec.branch}"
            yield Finding(LAYER, title, change, kind, commit.culprit, commit.time)


def _last_writers(git: Git, ours: str, head: str) -> tuple[Commit, dict[str, Commit]]:
    """The newest commit since ours, and by path the newest that touched it."""
    by_path: dict[str, Commit] = {}
    commits = list(_commits(git, [head, f"^{ours}"], most=_MOST_COMMITS))
    for commit, paths in commits:
        for path in paths:
            by_path.setdefault(path, commit)
    return commits[0][0], by_path


def _commits(git: Git, operands: list[str], *, most: int) -> Iterator[tuple[Commit, list[str]]]:
    """Commits, the newest first, and the paths that each touched."""
    form = "%x01%H%x01%an <%ae>%x01%aI"
    commit: Commit | None = None
    paths: list[str] = []
    options = ("-m", "-z", "--name-only", f"--max-count={most}", f"--format={form}")
    for part in git("log", *options, operands=operands).split("\0"):
        if match := _COMMIT.fullmatch(part.strip("\n")):
            if commit is not None:
                yield commit, paths
            commit, paths = Commit(match["commit"], match["author"], match["time"]), []
        elif part:
            paths.append(part.removeprefix("\n"))
    if commit is not None:
        yield commit, paths


def _title(spec: AnyGitTree) -> str:
    return f"branch {spec.branch}"
