"""A plan document in words: what its text and its Markdown have in common. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resources.model.change import MASK
from resources.model.outputs import display

MARKS = {"create": "+", "update": "~", "replace": "-/+", "delete": "-"}
LABELS = {
    "compensable": "can be undone by another change only",
    "time-boxed": "can be undone for a limited time only",
    "forward-only": "cannot be undone",
}
_TYPE = re.compile(r"template\.Resources\.\w+\.Type$")
_TEMPLATE = re.compile(r"(?:template|tags|policy)\b|protected$")
Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One field as it is shown: `mark` (+ comes, - goes, ~ changes), `path`, values in words (None: absent)."""

    mark: str
    path: str
    before: str | None
    after: str | None
    replaces: bool


def by_waves(document: Mapping[str, Any]) -> dict[str, list[Entry]]:
    """The changes of each wave, in order."""
    waves: dict[str, list[Entry]] = {}
    for entry in document["changes"]:
        waves.setdefault(entry["wave"], []).append(entry)
    return waves


def counts(document: Mapping[str, Any]) -> str:
    """`3 to create, 1 to update`, or `nothing to do`."""
    found = Counter(entry["action"] for entry in document["changes"])
    return ", ".join(f"{found[action]} to {action}" for action in MARKS if found[action]) or "nothing to do"


def duration(minutes: float) -> str:
    """Typical minutes in words."""
    whole = round(minutes)
    return "less than a minute" if minutes < 1 else f"about {whole} minute{'' if whole == 1 else 's'}"


def plural(number: int, noun: str) -> str:
    """`1 field`, `2 fields`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def resources(entry: Entry) -> str:
    """What a new stack is made of: `23 resources: 4 AWS::EC2::Subnet, ...`; empty for anything else."""
    if entry["action"] != "create":
        return ""
    kinds = Counter(str(f["after"]) for f in entry["fields"] if _TYPE.match(f["path"]))
    if not kinds:
        return ""
    parts = [kind if n == 1 else f"{n} {kind}" for kind, n in sorted(kinds.items(), key=lambda k: (-k[1], k[0]))]
    return f"{plural(sum(kinds.values()), 'resource')}: {', '.join(parts)}"


def rows(entry: Entry, *, full: bool) -> list[Row]:
    """The fields, those that replace something first. Of a new stack only the parameters, unless `full`."""
    fields: Iterable[Entry] = [f for f in entry["fields"] if f["path"]]
    if not full and resources(entry):
        fields = [f for f in fields if not _TEMPLATE.match(f["path"]) and f["after"] != {}]
    return [_row(f, full=full) for f in sorted(fields, key=lambda f: not f["replaces"])]


def size(entry: Entry) -> int:
    """How many fields differ; none where nobody can tell yet."""
    return sum(1 for field in entry["fields"] if field["path"])


def size_words(entry: Entry) -> str:
    """`3 fields`, or that nobody can tell yet."""
    return plural(size(entry), "field") if size(entry) else "details later"


def reason(entry: Entry) -> str:
    """Why it changes, or why nobody can say in detail yet."""
    return str(entry["reason"]).replace("later: ", "planned in detail once that is there: ", 1)


def _row(field: Entry, *, full: bool) -> Row:
    before, after = field["before"], field["after"]
    mark = "+" if before is None else "-" if after is None else "~"

    def words(value: Any) -> str | None:
        return None if value is None else value_words(value, full=full)

    return Row(mark, field["path"], words(before), words(after), field["replaces"])


def value_words(value: Any, *, full: bool) -> str:
    """A value on one line: JSON, but masks and values known after apply without quotes; what is long is counted."""
    if isinstance(value, dict) and not full and len(str(value)) > 60:
        return f"{{{plural(_leaves(value), 'field')}}}"
    if isinstance(value, list) and not full and len(str(value)) > 60:
        return f"[{plural(len(value), 'item')}]"
    if isinstance(value, str) and not full and value.count("\n") > 1:
        return f"(text of {plural(len(value.splitlines()), 'line')})"
    text = json.dumps(value, ensure_ascii=False)
    shown = display(text)
    return shown.strip('"') if shown != text or value == MASK else shown


def _leaves(value: Any) -> int:
    items: Sequence[Any] | None = None
    if isinstance(value, dict):
        items = list(value.values())
    elif isinstance(value, list):
        items = value
    return 1 if not items else sum(_leaves(item) for item in items)


def cut(text: str, limit: int) -> str:
    """The text, or its beginning and how long it is."""
    if len(text) <= limit:
        return text
    note = f"... ({len(text):,} characters)"
    return text[: max(limit - len(note), 0)] + note


def labels(document: Mapping[str, Any]) -> list[str]:
    """What the labels mean that stand in this plan."""
    found = {entry["reversibility"] for entry in document["changes"]}
    return [f"{label}: {meaning}" for label, meaning in LABELS.items() if label in found]


def volatile(document: Mapping[str, Any]) -> list[str]:
    """What was left out since it differs at every render: `unit: path, path`."""
    return [f"{entry['unit']}: {', '.join(entry['volatile'])}" for entry in document["changes"] if entry["volatile"]]


def gate_lines(document: Mapping[str, Any]) -> list[str]:
    """Which changes wait behind the gate, and how they are approved; none where nothing waits."""
    release, name = document.get("release"), document["environment"]
    if not release or not release["units"]:
        return []
    waves = dict.fromkeys(e["wave"] for e in document["changes"] if e["unit"] in release["units"])
    what = f"{plural(len(release['units']), 'unit')} of {', '.join(waves)}"
    need = plural(release["approvers"], "approval")
    first = f"Behind the gate, waiting for {need}: {what}."
    if release["digest"] is None:
        return [first, f"eks-assets deploy {name}: applies what comes before the gate, then asks for approval."]
    short = release["digest"].removeprefix("sha256:")[:12]
    return [
        first,
        f"eks-assets deploy {name}: asks for approval of {release['digest'][:19]}.",
        f"eks-assets approve {name} --digest {short} --reason '...': approves exactly that.",
    ]
