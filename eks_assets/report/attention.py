"""What on a page asks for somebody's attention, the worst first: one line a cause, not one a unit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from eks_assets.plan.unit_plan import UnitPlan
from eks_assets.plan.wording import with_plural
from eks_assets.report.model import LEVELS, Attention, EnvironmentPage, Level, Run
from resources.doctor.checks import Line

_NAMED = 4  # units of one cause that are named
_OF_LINE: dict[str, Level] = {"error": "failed", "warning": "warning"}


def list_attention(
    page: EnvironmentPage, units: Sequence[UnitPlan], offers: Iterable[Line], unwanted: str
) -> tuple[Attention, ...]:
    """Everything that is not as it should be. `units`: their errors say what to do; `offers`: what EKS says of its
    versions; `unwanted`: a line on what stands and is no longer wanted."""
    found_by = (
        _unhealthy(units, page.environment),
        describe_runs(page.runs),
        describe_offers(offers),
        _pending(page),
        _drift(page),
        _approvals(page),
        _unread(page),
        [Attention(level="warning", what=unwanted, section="changes")] if unwanted else [],
    )
    every = [attention for part in found_by for attention in part]
    return tuple(sorted(every, key=lambda each: LEVELS.index(each.level)))


def name_units(units: Sequence[str]) -> str:
    """`loki`, `loki and efs`, or the first few of many."""
    if len(units) > _NAMED:
        return f"{', '.join(units[:_NAMED])} and {len(units) - _NAMED} more"
    return " and ".join(filter(None, (", ".join(units[:-1]), units[-1])))


def _unhealthy(units: Sequence[UnitPlan], environment: str) -> Iterator[Attention]:
    """Failed units, then those that nobody could look at; units of one cause together."""
    for state, words, verb in (("failed", "failed", "deploy"), ("unknown", "cannot be looked at", "doctor")):
        causes: dict[str, list[UnitPlan]] = {}
        for unit in units:
            if unit.state == state:
                causes.setdefault(unit.trouble, []).append(unit)
        for cause, members in causes.items():
            error = members[0].error
            fix = error.next_step if error and error.next_step else f"eks-assets {verb} {environment}"
            names = name_units([unit.unit for unit in members])
            yield Attention(level="failed", what=f"{names} {words}", detail=cause, fix=fix, section="health")


def describe_runs(runs: Sequence[Run]) -> Iterator[Attention]:
    """That the newest run failed at something."""
    if runs and runs[0].failed:
        what = f"The last run failed at {name_units(runs[0].failed)}"
        yield Attention(level="failed", what=what, detail=f"run {runs[0].run[:8]}", section="runs")


def describe_offers(lines: Iterable[Line]) -> Iterator[Attention]:
    """What EKS no longer offers, or will soon not."""
    for line in lines:
        if line.level != "ok":
            yield Attention(level=_OF_LINE[line.level], what=line.message, fix=line.fix, section="versions")


def _pending(page: EnvironmentPage) -> Iterator[Attention]:
    gates: tuple[tuple[bool, Level, str], ...] = (
        (False, "warning", ""),
        (True, "waiting", " behind the approval gate"),
    )
    for is_gated, level, behind in gates:
        changes = [change for change in page.changes if change.is_gated is is_gated]
        if changes:
            what = f"A deploy would change {with_plural(len(changes), 'unit')}{behind}"
            names = name_units([change.unit for change in changes])
            fix = f"eks-assets plan {page.environment}, then eks-assets deploy {page.environment}"
            yield Attention(level=level, what=what, detail=names, fix=fix, section="changes")


def _drift(page: EnvironmentPage) -> Iterator[Attention]:
    drift = page.drift
    if drift is not None and drift.findings:
        what = f"The drift run {drift.age} ago had {with_plural(len(drift.findings), 'finding')}"
        names = name_units(list(dict.fromkeys(finding.unit or finding.place for finding in drift.findings)))
        yield Attention(
            level="warning", what=what, detail=names, fix=f"eks-assets drift {page.environment}", section="drift"
        )


def _approvals(page: EnvironmentPage) -> Iterator[Attention]:
    for approval in page.approvals:
        if approval.status == "waiting":
            fix = approval.commands[0] if approval.commands else ""
            yield Attention(level="waiting", what=approval.line, detail=approval.asked, fix=fix, section="approvals")


def _unread(page: EnvironmentPage) -> Iterator[Attention]:
    """What could not be read is no proof that all is well."""
    for section, reason in page.unread.items():
        yield Attention(level="warning", what=f"Could not be read: {section}", detail=reason, section=section)
