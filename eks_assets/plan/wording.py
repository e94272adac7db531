"""A plan in words: what its text and its Markdown have in common. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eks_assets.plan.model import Entry, Field, Plan, PlanReport, Surroundings
from resources.model.change import MASK
from resources.model.display import escape_text
from resources.model.outputs import display_pending

MARKS = {"create": "+", "update": "~", "replace": "-/+", "delete": "-"}
LABELS = {
    "compensable": "can be undone by another change only",
    "time-boxed": "can be undone for a limited time only",
    "forward-only": "cannot be undone",
}
_TYPE = re.compile(r"template\.Resources\.\w+\.Type$")
_TEMPLATE = re.compile(r"(?:template|tags|policy)\b|protected$")


@dataclass(frozen=True)
class Row:
    """One field as it is shown: `mark` (+ comes, - goes, ~ changes), `path`, values in words (None: absent)."""

    mark: str
    path: str
    before: str | None
    after: str | None
    replaces: bool


def by_waves(plan: Plan) -> dict[str, list[Entry]]:
    """The changes of each wave, in order."""
    waves: dict[str, list[Entry]] = {}
    for entry in plan.changes:
        waves.setdefault(entry.wave, []).append(entry)
    return waves


def count_words(plan: Plan) -> str:
    """`3 to create, 1 to update`, or `nothing to do`."""
    actions = Counter[str](entry.action for entry in plan.changes)
    return ", ".join(f"{actions[action]} to {action}" for action in MARKS if actions[action]) or "nothing to do"


def duration_words(minutes: float) -> str:
    """Typical minutes in words."""
    whole = round(minutes)
    return "less than a minute" if minutes < 1 else f"about {whole} minute{'' if whole == 1 else 's'}"


def with_plural(number: int, noun: str) -> str:
    """`1 field`, `2 fields`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def resources_words(entry: Entry) -> str:
    """What a new stack is made of: `23 resources: 4 AWS::EC2::Subnet, ...`; empty for anything else."""
    if entry.action != "create":
        return ""
    kinds = Counter(str(f.after) for f in entry.fields if _TYPE.match(f.path))
    if not kinds:
        return ""
    parts = [kind if n == 1 else f"{n} {kind}" for kind, n in sorted(kinds.items(), key=lambda k: (-k[1], k[0]))]
    return f"{with_plural(sum(kinds.values()), 'resource')}: {', '.join(parts)}"


def field_rows(entry: Entry, *, full: bool) -> list[Row]:
    """The fields, those that replace something first. Of a new stack only the parameters, unless `full`."""
    fields: Iterable[Field] = [f for f in entry.fields if f.path]
    if not full and resources_words(entry):
        fields = [f for f in fields if not _TEMPLATE.match(f.path) and f.after != {}]
    return [_row(f, full=full) for f in sorted(fields, key=lambda f: not f.replaces)]


def field_count(entry: Entry) -> int:
    """How many fields differ; none where nobody can tell yet."""
    return sum(1 for field in entry.fields if field.path)


def size_words(entry: Entry) -> str:
    """`3 fields`, or that nobody can tell yet."""
    return with_plural(field_count(entry), "field") if field_count(entry) else "details later"


def change_reason(entry: Entry) -> str:
    """Why it changes, or why nobody can say in detail yet."""
    return entry.reason.replace("later: ", "planned in detail once that is there: ", 1)


def _row(field: Field, *, full: bool) -> Row:
    before, after = field.before, field.after
    mark = "+" if before is None else "-" if after is None else "~"

    def words(value: Any) -> str | None:
        return None if value is None else value_words(value, full=full)

    return Row(mark, escape_text(field.path), words(before), words(after), field.replaces)


def value_words(value: Any, *, full: bool) -> str:
    """A value on one line: JSON, but masks and values known after apply without quotes; what is long is counted."""
    if isinstance(value, dict) and not full and len(str(value)) > 60:
        return f"{{{with_plural(_leaves(value), 'field')}}}"
    if isinstance(value, list) and not full and len(str(value)) > 60:
        return f"[{with_plural(len(value), 'item')}]"
    if isinstance(value, str) and not full and value.count("\n") > 1:
        return f"(text of {with_plural(len(value.splitlines()), 'line')})"
    text = json.dumps(value, ensure_ascii=False)
    displayed = display_pending(text)
    return escape_text(displayed.strip('"') if displayed != text or value == MASK else displayed)


def _leaves(value: Any) -> int:
    items: Sequence[Any] | None = None
    if isinstance(value, dict):
        items = list(value.values())
    elif isinstance(value, list):
        items = value
    return 1 if not items else sum(_leaves(item) for item in items)


def cut_text(text: str, limit: int) -> str:
    """The text, or its beginning and how long it is."""
    if len(text) <= limit:
        return text
    note = f"... ({len(text):,} characters)"
    return text[: max(limit - len(note), 0)] + note


def label_meanings(plan: Plan) -> list[str]:
    """What the labels mean that stand in this plan."""
    present = {entry.reversibility for entry in plan.changes}
    return [f"{label}: {meaning}" for label, meaning in LABELS.items() if label in present]


def volatile_lines(plan: Plan) -> list[str]:
    """What was left out since it differs at every render: `unit: path, path`."""
    return [f"{entry.unit}: {', '.join(entry.volatile)}" for entry in plan.changes if entry.volatile]


def source_words(plan: Surroundings) -> dict[str, str]:
    """The commits that the plan was made with and how their trees differ from them, each under what it is of."""
    environments, code = _commit_words(plan.commit), _commit_words(plan.code_commit)
    return {"Commit": code} if environments == code else {"Code": code, "Files": environments}


def _commit_words(commit: str | None) -> str:
    if commit is None:
        return "unknown, outside of git"
    name, _, differs = commit.partition("+")
    return f"{name} with uncommitted changes {differs}" if differs else name


def unwanted_line(environment: str, unwanted: Collection[str]) -> str:
    """One line on what stands and is no longer wanted, with the command that removes it; empty where nothing does."""
    if not unwanted:
        return ""
    return f"{len(unwanted)} to remove by eks-assets destroy {environment} --removed: {', '.join(unwanted)}"


def gate_lines(report: PlanReport) -> list[str]:
    """Which changes wait behind the gate, and how they are approved; none where nothing waits."""
    gated, name = report.release, report.environment
    if gated is None or not gated.units:
        return []
    waves = dict.fromkeys(entry.wave for entry in report.changes if entry.unit in gated.units)
    what = f"{with_plural(len(gated.units), 'unit')} of {', '.join(waves)}"
    first = f"Behind the gate, waiting for {with_plural(gated.approvers, 'approval')}: {what}."
    why = reach_lines(gated.reach)
    if gated.digest is None:
        return [first, *why, f"eks-assets deploy {name}: applies what comes before the gate, then asks for approval."]
    return [
        first,
        *why,
        f"eks-assets deploy {name}: asks for approval of {gated.digest}.",
        f"eks-assets approve {name} --digest {gated.digest.removeprefix('sha256:')[:12]} --reason '...': "
        "approves exactly that.",
    ]


def reach_lines(reach: Mapping[str, Sequence[str]]) -> list[str]:
    """Why units before the gate are behind it, a line each. `reach`: what each changes of identity and reach."""
    because = "is behind the gate, since it changes identity or reach"
    return [f"{unit} {because}: {_listed(parts)}" for unit, parts in reach.items()]


def _listed(parts: Sequence[str], limit: int = 5) -> str:
    more = f" and {len(parts) - limit} more" if len(parts) > limit else ""
    return f"{', '.join(parts[:limit])}{more}"
