"""Whether an approved plan covers what would change now. Pure.

Rule: what is pending must be a subset of what was approved. A field that has been applied meanwhile is no longer
pending, and may be missing; nothing may come in. What does not exist yet is made with all of it, or not at all. Values
that nobody knew when the plan was made are filled in first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from eks_assets.plan.model import Entry, Facts, Field, Plan, Surroundings
from resources.model.outputs import Outputs, fill_in

Progress = Literal["", "started", "done"]  # how far a unit has come under the grant

_OBJECT = re.compile(r"[A-Z][A-Za-z]+/")  # a field of a rendered object: Kind/namespace/name: spec.x
_LATER = ""  # the path of a change that nobody could plan in detail
_SURROUNDINGS = {
    "version": "the form of plans",
    "kind": "what it is a plan for",
    "environment": "the environment",
    "account": "the account",
    "region": "the region",
    "commit": "the commit of the environments' folder",
    "code_commit": "the commit of the code",
    "inputs": "the environment's files",
    "cluster_version": "the cluster's Kubernetes version",
}


def coverage_faults(
    approved: Plan, around: Surroundings, pending: Entry, outputs: Mapping[str, Outputs], progress: Progress
) -> tuple[str, ...]:
    """Why the approved plan does not cover a unit's pending change, a line each; empty where it does.

    `around`: what a plan made now would be a plan of; `outputs`: outputs by unit; `progress`: how far the unit has come
    under this very grant. Where it has `started` and failed on its way, what it starts from is our own doing."""
    used = f"{pending.unit} has been changed under this grant before; a grant is used once"
    return (
        *((used,) if progress == "done" else ()),
        *_surroundings_changed(approved, around),
        *_uncovered_entry(approved, pending, outputs, started=progress != ""),
    )


def _surroundings_changed(approved: Plan, now: Surroundings) -> tuple[str, ...]:
    return tuple(
        f"{what}: approved {_short(getattr(approved, key))}, now {_short(getattr(now, key))}"
        for key, what in _SURROUNDINGS.items()
        if getattr(approved, key) != getattr(now, key)
    )


def _uncovered_entry(
    approved: Plan, pending: Entry, outputs: Mapping[str, Outputs], *, started: bool
) -> tuple[str, ...]:
    entry = approved.entry(pending.unit)
    if entry is None:
        return (f"{pending.unit} had nothing to do in the approved plan, now: {pending.reason}",)
    if any(f.path == _LATER for f in (*entry.fields, *pending.fields)):
        return (f"{pending.unit} could not be planned in detail",)
    wanted = {f.path: f for f in _filled(entry.fields, outputs)}
    faults = [] if started else _start_changed(entry, pending)
    faults += _action_changed(entry, pending, started)
    for field in pending.fields:
        if (started and field.path == "status") or _is_derived(field, entry, pending):
            continue
        if fault := _field_fault(wanted.get(field.path), field, started):
            faults.append(f"{pending.unit} {field.path}: {fault}")
    if not started and entry.action == pending.action == "create":
        faults += _left_out(wanted, pending)
    return (*faults, *_facts_changed(entry, pending, started))


def _start_changed(entry: Entry, pending: Entry) -> list[str]:
    before, after = entry.observed, pending.observed
    return [
        f"{pending.unit}: {key} was {_short(before.get(key))} when approved and is {_short(after.get(key))}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _action_changed(entry: Entry, pending: Entry, started: bool) -> list[str]:
    if pending.action == entry.action or (started and (entry.action, pending.action) == ("create", "update")):
        return []
    return [f"{pending.unit}: approved to {entry.action}, now it would {pending.action}"]


def _field_fault(approved: Field | None, now: Field, started: bool) -> str:
    if approved is None:
        return f"not in the approved plan (would become {_short(now.after)})"
    if approved.after != now.after:
        return f"approved to become {_short(approved.after)}, now {_short(now.after)}"
    if approved.keyed_after not in (None, now.keyed_after):
        return "approved to become another secret than it would become now"
    if approved.before != now.before and not started:
        return f"was {_short(approved.before)} when approved and is {_short(now.before)}"
    if approved.keyed_before not in (None, now.keyed_before) and not started:
        return "was another secret when approved than it is now"
    if now.replaces and not approved.replaces:
        return "would replace the resource, which was not approved"
    return ""


def _left_out(wanted: Mapping[str, Field], pending: Entry) -> list[str]:
    """The approved fields of something new that it would not get: none of them can have been applied meanwhile. Not
    those that are there without it: an object of a chart that another made, a line that its template already has."""
    paths, is_chart = {field.path for field in pending.fields}, pending.facts.chart is not None
    return [
        f"{pending.unit} {path}: was approved and would be left out"
        for path, field in wanted.items()
        if path not in paths and field.before != field.after and not (is_chart and _OBJECT.match(path))
    ]


def _is_derived(field: Field, entry: Entry, pending: Entry) -> bool:
    """Whether the field only follows from others that are compared, and could not be shown yet when it was approved:
    the resources of a template that a change set names, the objects of a chart that was rendered later."""
    if field.replaces or field.after is None:
        return False
    incomplete = bool(entry.known_after_apply)
    if field.path.startswith("Resources."):
        return incomplete or entry.action == "create"
    rendered_later = pending.facts.manifest is not None and entry.facts.manifest is None
    return rendered_later and incomplete and bool(_OBJECT.match(field.path))


def _facts_changed(entry: Entry, pending: Entry, started: bool) -> list[str]:
    """The chart must be the very same; what is rendered too, unless values were unknown when it was approved, or the
    release exists since and helm renders it as an upgrade."""
    exact = ("chart", "commit") if entry.known_after_apply or started else tuple(Facts.model_fields)
    return [
        f"{pending.unit}: the {name} is not what was approved ({_short(approved)}, now {_short(now)})"
        for name in sorted(exact)
        if (approved := getattr(entry.facts, name)) is not None and approved != (now := getattr(pending.facts, name))
    ]


def _filled(fields: Iterable[Field], outputs: Mapping[str, Outputs]) -> list[Field]:
    """The approved fields with what has become known in place of its placeholders. A list of which nobody knew the
    length stands as its first element."""
    filled: list[Field] = []
    for field in fields:
        after = fill_in(field.after, outputs)
        if isinstance(after, list) and not isinstance(field.after, list) and field.path.endswith("[0]"):
            stem = field.path.removesuffix("[0]")
            filled += [field.model_copy(update={"path": f"{stem}[{i}]", "after": item}) for i, item in enumerate(after)]
        else:
            filled.append(field.model_copy(update={"after": after}))
    return filled


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
