"""The environment's branch of the application repository, by git. `merge.py` says how its content is made."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from resources.context import Context
from resources.drivers.base import Driver
from resources.drivers.git.drift import branch_drift
from resources.drivers.git.file_changes import file_changes
from resources.drivers.git.merge import READINGS, Reading, load_reading, read_with
from resources.drivers.git.objects import commit_tree
from resources.drivers.git.pushes import record_push
from resources.drivers.git.renderings import (
    ENVIRONMENT_TRAILER,
    PLAN_TRAILER,
    TEMPLATE_TRAILER,
    VARIABLES_TRAILER,
    last_rendering,
)
from resources.drivers.git.repository import BranchMoved, Git, address_of
from resources.model.change import NOTHING_TO_DO, Change, FieldChange, Observed
from resources.model.digests import digest_of
from resources.model.drift import Drift
from resources.model.errors import AccessDenied, ApprovalStale, NotFound, OperationFailed
from resources.model.outputs import Outputs, pending_fields
from resources.model.removal import Kept, Removal
from resources.model.specs import AnyGitTree, GitTree

PUSHES = 5


class GitTreeDriver(Driver[GitTree[Any]]):
    """Observes, plans and applies a `GitTree`."""

    def observe(self, spec: GitTree[Any], context: Context) -> Observed | None:
        """The files of the branch, and those that it should have. Without outputs while there is no branch."""
        return _observed(spec, load_reading(spec, context))

    def outputs(self, spec: GitTree[Any], context: Context) -> Outputs | None:
        """The head of the branch, or our own newest commit where that is pinned. What should be on the branch depends
        on variables that may be pending here."""
        with Git.open(spec, context) as git:
            heads = git.heads()
            commit = heads.branch_commit
            if spec.pinned and commit:
                git.fetch(heads)
                last = last_rendering(git, heads, spec, context)
                commit = last.commit if last else None
            return _outputs(spec, commit, git.repository)

    def plan(self, spec: GitTree[Any], observed: Observed | None) -> Change:
        """The fields of the files that differ; for files that are no GitOps files, their versions."""
        if observed is None:
            return Change("create", (FieldChange("branch", None, spec.branch),), "the repository is not there yet")
        fields, adopted = _changes(observed), observed.desired["adopted"]
        notes = _noted(observed.desired["notes"]) + _others(spec, observed.desired["others"])
        facts = {"tree": observed.desired["tree"]}
        if observed.status == "absent":
            reason = f"branch {spec.branch} does not exist{notes}"
            return Change("create", (FieldChange("branch", None, spec.branch), *fields), reason, facts)
        if adopted:
            fields = (FieldChange("recorded", None, adopted), *fields)
            notes = f"; {adopted[:12]} was pushed by an earlier version and is recorded as the pipeline's own{notes}"
        elif observed.outputs is None:
            fields = (FieldChange("pinned", None, "a commit of the pipeline's own"), *fields)
        if not fields:
            return replace(NOTHING_TO_DO, reason=f"{NOTHING_TO_DO.reason}{notes}")
        return Change("update", fields, f"{_files(observed)} on {spec.branch}{notes}", facts)

    def apply(self, spec: GitTree[Any], context: Context) -> None:
        """Commit what differs and push it; on a branch that moves meanwhile, onto its new head, up to five times.
        Behind the gate only what was approved: on those very heads, and once.

        Raises ApprovalStale where a branch has moved since it was approved, OperationFailed where the branch is
        protected or never holds still, AccessDenied, Transient, and NotFound while a variable has no value yet."""
        if missing := pending_fields(spec.variables):
            raise NotFound(f"{', '.join(missing)} is not known yet", next_step="deploy the unit that makes it first")
        context.cache.invalidate(READINGS)
        with Git.open(spec, context) as git:
            for attempt in range(1, PUSHES + 1):
                current = read_with(git, spec, context)
                if current.is_done:
                    return
                _check_approved(current, context)
                try:
                    self._push(git, current, spec, context)
                    return
                except BranchMoved:
                    if context.approved is not None:
                        raise _stale(current.heads.branch, context) from None
                    context.progress(
                        f"{spec.branch} has moved (push {attempt} of {PUSHES}); rebasing onto its new head"
                    )
        raise OperationFailed(
            f"{spec.branch} of {git.repository} moved at each of {PUSHES} pushes; nothing of ours was pushed",
            next_step="see who else pushes to that branch, then run again",
        )

    def drift(self, spec: GitTree[Any], context: Context) -> Drift:
        """What others did to the branch since our last push: see `drift.py`."""
        return branch_drift(spec, context)

    def plan_removal(self, spec: GitTree[Any], context: Context, *, delete_data: bool) -> Removal:
        """Nothing: the branch is kept. Whoever destroys need not have credentials to look at it."""
        repository = address_of(spec, context)
        why = f"it is people's history; to delete it: git push {repository} --delete {spec.branch}"
        try:
            with Git.open(spec, context) as git:
                if git.heads().branch_commit is None:
                    return Removal()
        except (AccessDenied, NotFound):
            why += " (not looked at)"
        return Removal(keeps=(Kept(f"branch {spec.branch} of {repository}", why, 0.0),))

    def _push(self, git: Git, current: Reading, spec: GitTree[Any], context: Context) -> None:
        """Commit the wanted tree, where any file differs or the commit is what is applied, record the commit, and push.
        Raises BranchMoved."""
        commit = current.heads.branch_commit or current.heads.base_commit
        if current.adopted and not current.differences:
            context.before_change()
            record_push(context, spec, current.adopted, {"adopted": True})
            context.progress(f"recorded {current.adopted[:12]} of {current.heads.branch} as the pipeline's own")
            return
        if current.differences or spec.pinned:
            change = self.plan(spec, _observed(spec, current))
            commit = commit_tree(git, current.tree, commit, _message(current, change, context.env.name))
            context.before_change()
            record_push(context, spec, commit, {"template": current.template, "tree": current.tree})
        context.before_change()
        git.push(commit)
        context.progress(f"pushed {commit[:12]} to {current.heads.branch}: {len(current.differences)} files differ")


def _observed(spec: AnyGitTree, current: Reading) -> Observed:
    head = current.heads.branch_commit
    return Observed(
        "pushed" if head else "absent",
        {
            "files": current.current,
            "wanted": current.wanted,
            "differences": current.differences,
            "tree": current.tree,
            "notes": current.notes,
            "others": current.others,
            "adopted": current.adopted,
        },
        _outputs(spec, current.start, current.repository),
        {"branch": current.heads.branch, "commit": head or "", "template": current.heads.base_commit},
    )


def _check_approved(current: Reading, context: Context) -> None:
    """Raises ApprovalStale where what would be pushed, or what it starts from, is not what was approved."""
    if (approved := context.approved) is None:
        return
    heads, detail = current.heads, approved.detail
    for branch, commit, key in (
        (heads.base, heads.base_commit, "template"),
        (heads.branch, heads.branch_commit or "", "commit"),
    ):
        if commit != detail[key]:
            raise _stale(branch, context, f"from {detail[key][:12] or 'none'} to {commit[:12] or 'none'}")
    if current.tree != approved.desired["tree"] or current.differences != approved.desired["differences"]:
        raise _stale(heads.branch, context, "in what is rendered onto it")


def _stale(branch: str, context: Context, how: str = "while it was pushed to") -> ApprovalStale:
    return ApprovalStale(
        f"{branch} has moved since it was approved, {how}; nothing was pushed",
        next_step=f"eks-assets deploy {context.env.name} puts the plan as it is now up for approval",
    )


def _noted(notes: Collection[str]) -> str:
    """What follows a reason: the faults of files that concern nobody here."""
    return f"; wrong, but the environment does not apply it: {'; '.join(notes)}" if notes else ""


def _others(spec: AnyGitTree, commits: Collection[str]) -> str:
    """What follows a reason: the commits that the pipeline did not make."""
    if not commits:
        return ""
    state = "not applied before this is approved" if spec.pinned else "applied already, and approved by nobody"
    return f"; pushed to {spec.branch} by others, {state}: {', '.join(commits)}"


def _files(observed: Observed) -> str:
    paths = [difference.path for difference in observed.desired["differences"]]
    return f"{', '.join(paths[:3]) or 'no file'}{' and others' if len(paths) > 3 else ''}"


def _outputs(spec: AnyGitTree, commit: str | None, repository: str) -> Outputs | None:
    values = {"commit": commit, "branch": spec.branch, "repository": repository}
    kind = spec.outputs_type()
    return kind(**{name: values[name] for name in kind.model_fields}) if commit else None


def _message(current: Reading, change: Change, environment: str) -> tuple[str, str, str]:
    """The paragraphs of the commit that carries out the change; a later reading parses the trailers."""
    heads = current.heads
    trailers = {
        ENVIRONMENT_TRAILER: environment,
        PLAN_TRAILER: plan_digest(change),
        TEMPLATE_TRAILER: current.template,
        VARIABLES_TRAILER: json.dumps(current.variables, sort_keys=True),
    }
    verb = "Restore" if current.is_restored else "Render"
    return (
        f"{verb} the applications of {environment}",
        f"From {heads.base} at {current.template[:12]}, by eks-assets.",
        "\n".join(f"{key}: {value}" for key, value in trailers.items()),
    )


def plan_digest(change: Change) -> str:
    """SHA-256 of the change as RFC 8785 JSON: the same in a plan and in the commit that carries it out."""
    fields: list[Any] = [{"path": f.path, "before": f.before, "after": f.after} for f in change.fields]
    return digest_of({"action": change.action, "fields": fields})


def _changes(observed: Observed) -> tuple[FieldChange, ...]:
    files, wanted = observed.desired["files"], observed.desired["wanted"]
    fields: list[FieldChange] = []
    for difference in observed.desired["differences"]:
        there = difference if observed.status != "absent" else replace(difference, before=None)
        for change in file_changes(there, files, wanted):
            fields.append(replace(change, path=f"{difference.path} {change.path}".strip()))
    return tuple(fields)
