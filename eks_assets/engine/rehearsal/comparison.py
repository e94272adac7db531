"""What differs between a plan and its rehearsal, and between the copy's objects before and after. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

# Of where a plan was made and when, not of what it changes.
_ELSEWHERE = ("commit", "code_commit", "inputs", "observed")
# Names that AWS makes up for each resource, suffixes that CloudFormation gives to names, hashes, and addresses of this
# machine: two accounts never have the same.
_MADE_UP = re.compile(
    r"\b(?:[a-z]{2,6}(?:-[a-z]+)*-[0-9a-f]{8,17}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|Z[0-9A-Z]{12,}|[0-9a-f]{32,})\b"
    r"|(?<=-)[A-Z0-9]{12,13}\b|https?://127\.0\.0\.1:\d+|127\.0\.0\.1:\d+"
)


def plan_differences(live: Mapping[str, Any], copy: Mapping[str, Any]) -> list[str]:
    """What the copy's plan has otherwise than the live one, beside identifiers that every account has its own of."""
    before, after = _entries(live), _entries(copy)
    lines = [f"{unit}: the copy's plan does not change it" for unit in before if unit not in after]
    lines += [f"{unit}: the copy's plan changes it, and the live one does not" for unit in after if unit not in before]
    for unit in before:
        if unit in after and before[unit] != after[unit]:
            lines += _fields(unit, before[unit], after[unit])
    unknown = {entry["unit"]: entry["reason"] for entry in copy["unknown"]}
    known = {entry["unit"] for entry in live["unknown"]}
    lines += [f"{unit}: it cannot be planned on the copy: {why}" for unit, why in unknown.items() if unit not in known]
    rest = {key for key in {*live, *copy} - {"changes", "unknown", *_ELSEWHERE} if live.get(key) != copy.get(key)}
    return lines + [f"{key} is {copy.get(key)} and not {live.get(key)}" for key in sorted(rest)]


def _entries(plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    kept = ({k: v for k, v in entry.items() if k not in ("facts", "observed", "minutes")} for entry in plan["changes"])
    return {entry["unit"]: json.loads(_MADE_UP.sub("ID", json.dumps(entry))) for entry in kept}


def _fields(unit: str, live: Mapping[str, Any], copy: Mapping[str, Any]) -> Iterator[str]:
    before, after = ({f["path"]: f for f in entry["fields"]} for entry in (live, copy))
    paths = [p for p in dict.fromkeys([*before, *after]) if before.get(p) != after.get(p)]
    for path in paths:
        what = "only live" if path not in after else "only on the copy" if path not in before else "other values"
        yield f"{unit}: {path or 'what nobody can tell yet'}: {what}"
    if not paths:
        yield f"{unit}: " + ", ".join(key for key in live if live[key] != copy.get(key)) + " differ"


Objects = Mapping[str, Mapping[str, Any]]


def changed_objects(before: Objects, after: Objects) -> list[str]:
    """The titles of objects whose wanted state changed, that are new or gone. `before`, `after`: by title, each with
    `uid`, `generation` and `owned`: whether another object makes it."""
    titles = [title for title in dict.fromkeys([*before, *after]) if before.get(title) != after.get(title)]
    return [title for title in titles if not (after.get(title) or before[title])["owned"]]


def unnamed_objects(changed: Collection[str], made: Mapping[str, str], plan: Mapping[str, Any]) -> list[str]:
    """Those that no unit of the plan makes, and no field of it names. `made`: the unit that makes each object, by
    title."""
    planned = {entry["unit"] for entry in plan["changes"]}
    paths = [field["path"] for entry in plan["changes"] for field in entry["fields"]]
    return [
        f"{title} ({made[title]})" if title in made else title
        for title in changed
        if made.get(title) not in planned and not any(title in path for path in paths)
    ]
