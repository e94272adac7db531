"""What the status of an Application or an ApplicationSet of Argo CD says. Pure.

Sources: Argo CD, "Multiple Sources for an Application", "Resource Health", "Sync Phases and Waves" (an operation's
phase) and "ApplicationSet Specification" (conditions).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import zip_longest
from typing import Any

from resources.drivers.git.object_metadata import REFRESH
from resources.drivers.git.pinning import place_of
from resources.kubernetes.objects import Object, find_condition

_RUNNING, _FAILED = ("Running", "Terminating"), ("Failed", "Error")
# Where something else is true, Argo CD has not compared with what it should compare by now.
_COMPARED = ("repoURL", "chart", "path", "targetRevision", "ref")
# Somebody suspended these; a Rollout goes on by itself.
_SUSPENDED_FOR_GOOD = ("CronJob", "Deployment", "Job")


def is_being_deleted(obj: Object) -> bool:
    """Whether somebody has deleted it, and it is only waited for."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def application_set_fault(live: Object) -> str:
    """What is wrong with a live ApplicationSet: its generators or its template fail, so that what it made is as old as
    the last time that they did not; empty when nothing is."""
    error = find_condition(live, "ErrorOccurred") or {}
    if error.get("status") == "True":
        return str(error.get("message") or error.get("reason") or "an error occurred")
    return _refresh("ApplicationSet", live)


def application_fault(
    application: Object,
    followed: tuple[str, str] | None,
    commit: str | None,
    kept: Collection[str] | None = None,
) -> str:
    """What is wrong with an Application; empty when nothing is. `followed`: address and branch of the repository whose
    `commit` it has to be at, with those of its sources that follow it; others (a chart, a product's own repository)
    have revisions of their own. `kept`: where the commit is pinned, the revisions of that repository that stay as they
    are."""
    status, spec = application.get("status") or {}, application.get("spec") or {}
    sync = status.get("sync") or {}
    conditions = "; ".join(str(c.get("message", "")) for c in status.get("conditions") or [])
    if waiting := _refresh("Application", application) or _not_compared(spec, sync.get("comparedTo") or {}):
        return waiting
    sources = _sources(spec)
    revisions = sync.get("revisions") or [] if spec.get("sources") else [sync.get("revision")]
    # A source that was added a moment ago has none yet, and is at no commit then.
    pairs = zip_longest(sources, revisions[: len(sources)])
    ours = [revision for source, revision in pairs if _is_at_commit(source, followed, kept)]
    if sync.get("status") != "Synced" or any(revision != commit for revision in ours):
        revision = next((r for r in ours if r != commit), None) or next((r for r in revisions if r), "no commit")
        where = f"{sync.get('status', 'unknown')} at {revision[:12]}"
        return ": ".join(part for part in (where, conditions, _operation(status)) if part)
    return ": ".join(part for part in (_health(status, conditions), _operation(status)) if part)


def is_suspended_for_good(application: Object) -> bool:
    """Whether it is Suspended because of something that goes on only when somebody resumes it."""
    status = application.get("status") or {}
    suspended = [r for r in status.get("resources") or [] if (r.get("health") or {}).get("status") == "Suspended"]
    is_so = (status.get("health") or {}).get("status") == "Suspended"
    return is_so and any(resource.get("kind") in _SUSPENDED_FOR_GOOD for resource in suspended)


def _health(status: Mapping[str, Any], conditions: str) -> str:
    health = status.get("health") or {}
    if health.get("status") == "Healthy":
        return ""
    bad = [r for r in status.get("resources") or [] if (r.get("health") or {}).get("status") not in (None, "Healthy")]
    reasons = "; ".join(f"{r['kind']} {r['name']}: {r['health'].get('message', r['health']['status'])}" for r in bad)
    return ": ".join(part for part in (str(health.get("status", "unknown")), reasons, conditions) if part)


def _refresh(kind: str, obj: Object) -> str:
    annotations = obj["metadata"].get("annotations") or {}
    return "Argo CD has not refreshed it yet, so its status is of before" if REFRESH[kind] in annotations else ""


def _sources(holder: Mapping[str, Any]) -> list[dict[str, Any]]:
    return holder.get("sources") or [holder.get("source") or {}]


def _not_compared(spec: Mapping[str, Any], compared: Mapping[str, Any]) -> str:
    """Its status is that of other sources, before its ApplicationSet changed them."""
    if not compared.get("source") and not compared.get("sources"):
        return ""
    before, now = ([[s.get(key) or "" for key in _COMPARED] for s in _sources(holder)] for holder in (compared, spec))
    return "" if before == now else "Argo CD has not compared it with its present source yet"


def _operation(status: Mapping[str, Any]) -> str:
    """What the last sync says, hooks included: that it has not ended, or that it failed, though what is live may be as
    it should be."""
    operation = status.get("operationState") or {}
    phase, message = operation.get("phase"), str(operation.get("message") or "")
    if phase in _RUNNING:
        return ": ".join(part for part in ("its sync is running", message) if part)
    if phase not in _FAILED:
        return ""
    results = (operation.get("syncResult") or {}).get("resources") or []
    wrong = [r for r in results if r.get("hookPhase") in _FAILED or r.get("status") == "SyncFailed"]
    reasons = "; ".join(f"{r.get('kind')} {r.get('name')}: {r.get('message', '')}" for r in wrong)
    return ": ".join(part for part in ("its last sync failed", message, reasons) if part)


def _is_at_commit(source: Mapping[str, Any], followed: tuple[str, str] | None, kept: Collection[str] | None) -> bool:
    """Whether the commit is what the source has to be at."""
    if followed is None or source.get("chart"):
        return False
    address, branch = followed
    if place_of(str(source.get("repoURL"))) != place_of(address):
        return False
    # One that is pinned names the commit before for a moment, until its ApplicationSet has been read again.
    revision = source.get("targetRevision")
    return revision == branch if kept is None else revision not in kept
