"""What taking an environment away would do, and did, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from eks_assets.plan.teardown import KeptObject, TeardownReport, UnitOutcome
from eks_assets.plan.wording import with_plural
from resources.model.removal import Kept


def describe_outcome(outcome: UnitOutcome) -> str:
    """One line on what became of a unit."""
    if outcome.state == "removed":
        return f"{outcome.unit}: removed {with_plural(len(outcome.removed), 'object')} in {outcome.seconds:.1f} s"
    words = {"failed": "failed", "skipped": "not removed", "nothing": "nothing to do"}[outcome.state]
    return f"{outcome.unit}: {words}" + (f": {outcome.reason}" if outcome.reason else "")


def describe_kept(kept: Kept | KeptObject) -> str:
    """One line on what stays, with what it costs."""
    cost = kept.monthly_cost
    words = "cost unknown" if cost is None else "costs nothing" if cost == 0 else f"about ${cost:.2f} a month"
    return f"{kept.object}: {kept.why} ({words})"


def report_lines(report: TeardownReport) -> Iterator[str]:
    """What would go, unit by unit in the order in which they go, and what would stay."""
    if report.no_cluster:
        yield report.no_cluster
    for unit, objects in groupby(report.removes, key=lambda removed: removed.unit):
        yield unit
        yield from (f"  - {each.object}{f': {each.why}' if each.why else ''}" for each in objects)
    if report.keeps:
        yield "kept:"
        yield from (f"  {describe_kept(kept)}" for kept in report.keeps)
    for unknown in report.unknown:
        yield f"nobody can tell what of {unknown.unit} would go: {unknown.reason}"
    yield summary_line(report)


def summary_line(report: TeardownReport) -> str:
    """How much would go and stay, and what the latter is known to cost."""
    if not report.removes:
        nothing = "nothing to remove" if not report.unwanted_alone else "nothing stands that it no longer has"
        return f"{report.environment}: {nothing}"
    costs = [kept.monthly_cost for kept in report.keeps if kept.monthly_cost]
    cost = f", at about ${sum(costs):.2f} a month" if costs else ""
    removed = with_plural(len(report.removes), "object")
    return f"{report.environment}: {removed} would be removed, {len(report.keeps)} kept{cost}"
