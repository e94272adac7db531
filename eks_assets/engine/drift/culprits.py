"""Who changed what has drifted: CloudTrail is asked for each resource of AWS, a bounded number of times, and the
cluster's audit log for objects."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from eks_assets.engine.drift.object_culprits import explain_failure, find_users, place_of, with_user
from resources.audit.cloudtrail import CloudTrail
from resources.audit.events import AwsEvent
from resources.context import Context
from resources.model.drift import AwsResource, Drift, Finding
from resources.model.errors import PipelineError

Results = Mapping[str, Drift | PipelineError]
LOOKUPS = 20  # ten seconds at AWS's two a second


def name_culprits(
    results: Results, context: Context, ends: float
) -> tuple[dict[str, Drift | PipelineError], list[str]]:
    """The drift of each unit with who changed its resources and objects, and what is to be said of those of which
    nobody knows. `ends`: the reading of the monotonic clock after which nothing is asked. Raises nothing: who did it is
    not worth losing what was done."""
    drifts = {unit: drift for unit, drift in results.items() if isinstance(drift, Drift)}
    resources = dict.fromkeys(f.resource for d in drifts.values() for f in d.findings if f.resource and not f.culprit)
    changes, notes = _look_up(list(resources), context, ends) if resources else ({}, [])
    findings = [finding for drift in drifts.values() for finding in drift.findings]
    users, more = find_users(findings, context) if time.monotonic() < ends else ({}, [])

    def named(finding: Finding) -> Finding:
        if place_of(finding) in users:
            return with_user(finding, users[place_of(finding)])
        change = changes.get(finding.resource) if finding.resource else None
        return replace(finding, culprit=change.words, since=change.time) if change and not finding.culprit else finding

    named_drifts = {u: replace(d, findings=tuple(map(named, d.findings))) for u, d in drifts.items()}
    return {**results, **named_drifts}, [*notes, *more]


def _look_up(
    resources: list[AwsResource | None], context: Context, ends: float
) -> tuple[dict[AwsResource | None, AwsEvent], list[str]]:
    trail = CloudTrail(context, LOOKUPS, ends)
    changes: dict[AwsResource | None, AwsEvent] = {}
    unknown = 0
    for index, resource in enumerate(filter(None, resources)):
        try:
            change = trail.newest_change(resource)
        except PipelineError as error:
            return changes, [f"who changed resources of AWS is not known: {explain_failure(error, context)}"]
        if trail.is_spent:
            left = len(resources) - index
            return changes, [*_late(unknown), f"who changed {left} more resources of AWS was not looked up in this run"]
        if change is None:
            unknown += 1
        else:
            changes[resource] = change
    return changes, _late(unknown)


def _late(unknown: int) -> list[str]:
    late = "CloudTrail shows events some minutes late and keeps those of 90 days; the next run asks again"
    return [f"who changed {unknown} resources of AWS is not known yet: {late}"] if unknown else []
