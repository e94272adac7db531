"""Who changed an object of the cluster: the user's name in the audit log, beside the field manager's in the object."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from resources.audit.kubernetes_audit import AuditEvent, how_to_switch_on, is_audit_on, list_audit_events
from resources.bootstrap.reading_rights import lacks_new_rights
from resources.context import Context
from resources.model.drift import Finding
from resources.model.errors import AccessDenied, NotFound, PipelineError

_LAYERS = frozenset({"argocd", "helm", "kubernetes"})
_DAY = dt.timedelta(days=1)
_PAGES = 20
# The API server notes the second in which a request began, and audits when it ended.
_APART = dt.timedelta(seconds=3)
_TITLE = re.compile(r"([A-Z][A-Za-z0-9]*)[/ ](?:([a-z0-9.-]+)/)?([A-Za-z0-9.:_-]+)")
_RELEASE = re.compile(r"release ([a-z0-9.-]+)/([a-z0-9.-]+)")

Place: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True)
class _Named:
    """An object as a finding names it."""

    kind: str
    namespace: str
    name: str

    def is_of(self, event: AuditEvent) -> bool:
        """Whether an event is about it; an event has the kind in the plural."""
        kind = self.kind.lower()
        plurals = (kind, f"{kind}s", f"{kind}es", f"{kind[:-1]}ies")
        in_its_place = not self.namespace or event.namespace == self.namespace
        return event.name == self.name and in_its_place and event.resource.partition("/")[0] in plurals


def find_users(findings: Iterable[Finding], context: Context) -> tuple[dict[Place, AuditEvent], list[str]]:
    """The change behind each finding in the cluster, by `place_of` it, as far as the audit log has it, and what is to
    be said where it has none. Raises nothing."""
    objects = [(f, named) for f in findings if f.layer in _LAYERS and (named := _named(f)) is not None]
    if not objects:
        return {}, []
    try:
        if not is_audit_on(context):
            return {}, [how_to_switch_on(context)]
        names, since = {named.name for _, named in objects}, _earliest(finding for finding, _ in objects)
        events = list(list_audit_events(context, since.timestamp(), names, _PAGES))
    except NotFound:
        return {}, []  # no log yet: the next run asks again
    except PipelineError as error:
        return {}, [f"who changed objects of the cluster is not known: {explain_failure(error, context)}"]
    changes = {place_of(finding): _change(finding, [e for e in events if n.is_of(e)]) for finding, n in objects}
    return {where: change for where, change in changes.items() if change is not None}, []


def place_of(finding: Finding) -> Place:
    """What one change explains: findings of one object that were made at one time in one way."""
    return finding.object, finding.since, finding.kind


def with_user(finding: Finding, change: AuditEvent) -> Finding:
    """The finding with the user beside the field manager, where there is one."""
    if not finding.culprit:
        return replace(finding, culprit=f"{change.actor} ({change.verb})", since=change.time)
    return replace(finding, culprit=f"{finding.culprit} (user {change.actor})")


def _named(finding: Finding) -> _Named | None:
    if release := _RELEASE.fullmatch(finding.object):
        # helm keeps each revision in a Secret of its own.
        revision = f"sh.helm.release.v1.{release[2]}.v{finding.field.after}"
        return _Named("Secret", release[1], revision) if finding.field.path == "revision" else None
    match = _TITLE.fullmatch(finding.object)
    return _Named(match[1], match[2] or "", match[3]) if match else None


def _earliest(findings: Iterable[Finding]) -> dt.datetime:
    """When to begin to read: before the first change whose time is known, and a day ago where one is not."""
    times = [_time(finding.since) - _APART if finding.since else dt.datetime.now(dt.UTC) - _DAY for finding in findings]
    return min(times)


def _change(finding: Finding, events: list[AuditEvent]) -> AuditEvent | None:
    """The change at the time that the object notes; of what is gone, the last deletion."""
    if finding.since:
        at = _time(finding.since)
        events = [event for event in events if event.verb != "delete" and abs(_time(event.time) - at) <= _APART]
        return min(events, key=lambda event: abs(_time(event.time) - at), default=None)
    deletions = [event for event in events if event.verb == "delete"]
    return deletions[-1] if finding.kind == "missing" and deletions else None


def _time(text: str) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return dt.datetime.now(dt.UTC)
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def explain_failure(error: PipelineError, context: Context) -> str:
    """Why nobody could be asked who did it; where only bootstrap is of an earlier version, with the command."""
    if isinstance(error, AccessDenied) and lacks_new_rights(context, error):
        command = f"eks-assets bootstrap {context.env.name} --apply"
        return f"{error.message}; an administrator gives the missing rights: {command}"
    return error.message
