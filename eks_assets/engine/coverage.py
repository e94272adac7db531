"""Whether what would change now is what was approved. Pure.

Rule: what is pending must be a subset of what was approved. A field that has been applied meanwhile is no longer
pending, and may be missing; nothing may come in. What does not exist yet is made with all of it, or not at all. Values
that nobody knew when the plan was made are filled in first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from resources.model.outputs import Outputs, fill_in

_OBJECT = re.compile(r"[A-Z][A-Za-z]+/")  # a field of a rendered object: Kind/namespace/name: spec.x
LATER = ""  # the path of a change that nobody could plan in detail


def context_deviations(approved: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """What differs around the changes: account, region, commit, the environment's files, the cluster's version."""
    words = {
        "version": "the form of plans",
        "environment": "the environment",
        "account": "the account",
        "region": "the region",
        "commit": "the project's commit",
        "inputs": "the environment's files",
        "cluster_version": "the cluster's Kubernetes version",
    }
    return tuple(
        f"{what}: approved {_short(approved.get(key))}, now {_short(now.get(key))}"
        for key, what in words.items()
        if approved.get(key) != now.get(key)
    )


def unit_deviations(
    approved: Mapping[str, Any], now: Mapping[str, Any], known: Mapping[str, Outputs], *, started: bool
) -> tuple[str, ...]:
    """Where one unit's pending change is not part of its approved entry. `approved`: a plan document; `now`: the entry
    as of now; `known`: outputs by unit; `started`: it was begun under this very grant and failed on its way, so what
    it starts from is our own doing."""
    name = now["unit"]
    entry = next((e for e in approved["changes"] if e["unit"] == name), None)
    if entry is None:
        return (f"{name} had nothing to do in the approved plan, now: {now['reason']}",)
    if any(f["path"] == LATER for f in (*entry["fields"], *now["fields"])):
        return (f"{name} could not be planned in detail",)
    found = [] if started else _start(name, entry, now)
    if now["action"] != entry["action"] and not (entry["action"] == "create" and now["action"] == "update" and started):
        found.append(f"{name}: approved to {entry['action']}, now it would {now['action']}")
    wanted = {f["path"]: f for f in _filled(entry["fields"], known)}
    for field in now["fields"]:
        if (started and field["path"] == "status") or _is_derived(field, entry, now):
            continue
        if fault := _field_fault(wanted.get(field["path"]), field, started):
            found.append(f"{name} {field['path']}: {fault}")
    if not started and entry["action"] == now["action"] == "create":
        found += _left_out(wanted, now)
    return (*found, *_fact_faults(name, entry, now, started))


def _start(name: str, entry: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    before, after = entry["observed"], now["observed"]
    return [
        f"{name}: {key} was {_short(before.get(key))} when approved and is {_short(after.get(key))}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _field_fault(approved: Mapping[str, Any] | None, now: Mapping[str, Any], started: bool) -> str:
    if approved is None:
        return f"not in the approved plan (would become {_short(now['after'])})"
    if approved["after"] != now["after"]:
        return f"approved to become {_short(approved['after'])}, now {_short(now['after'])}"
    if approved["before"] != now["before"] and not started:
        return f"was {_short(approved['before'])} when approved and is {_short(now['before'])}"
    if now["replaces"] and not approved["replaces"]:
        return "would replace the resource, which was not approved"
    return ""


def _left_out(wanted: Mapping[str, Mapping[str, Any]], now: Mapping[str, Any]) -> list[str]:
    """The approved fields of something new that it would not get: none of them can have been applied meanwhile. Not
    those that are there without it: an object of a chart that another made, a line that its template already has."""
    pending, is_chart = {field["path"] for field in now["fields"]}, "chart" in now["facts"]
    return [
        f"{now['unit']} {path}: was approved and would be left out"
        for path, field in wanted.items()
        if path not in pending and field["before"] != field["after"] and not (is_chart and _OBJECT.match(path))
    ]


def _is_derived(field: Mapping[str, Any], entry: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether the field only follows from others that are compared, and could not be shown yet when it was approved:
    the resources of a template that a change set names, the objects of a chart that was rendered later."""
    if field["replaces"] or field["after"] is None:
        return False
    path, incomplete = str(field["path"]), bool(entry["known_after_apply"])
    if path.startswith("Resources."):
        return incomplete or entry["action"] == "create"
    rendered_later = "manifest" in now["facts"] and "manifest" not in entry["facts"]
    return rendered_later and incomplete and bool(_OBJECT.match(path))


def _fact_faults(name: str, entry: Mapping[str, Any], now: Mapping[str, Any], started: bool) -> list[str]:
    """The chart must be the very same; what is rendered too, unless values were unknown when it was approved, or the
    release has come into being since and helm renders it as an upgrade."""
    exact = {"chart"} if entry["known_after_apply"] or started else set(entry["facts"])
    before, after = entry["facts"], now["facts"]
    return [
        f"{name}: the {key} is not what was approved ({_short(before[key])}, now {_short(after.get(key))})"
        for key in sorted(exact & set(before))
        if before[key] != after.get(key)
    ]


def _filled(fields: list[Mapping[str, Any]], known: Mapping[str, Outputs]) -> list[dict[str, Any]]:
    """The approved fields with what has become known in place of its placeholders. A list of which nobody knew the
    length stands as its first element."""
    filled: list[dict[str, Any]] = []
    for field in fields:
        after = fill_in(field["after"], known)
        if isinstance(after, list) and not isinstance(field["after"], list) and field["path"].endswith("[0]"):
            stem = field["path"].removesuffix("[0]")
            filled += [{**field, "path": f"{stem}[{i}]", "after": item} for i, item in enumerate(after)]
        else:
            filled.append({**field, "after": after})
    return filled


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
