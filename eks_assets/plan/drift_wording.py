"""A report of drift in words: what its text and Dagster's UI have in common. Pure."""

from __future__ import annotations

from eks_assets.plan.drift import DriftReport, FindingEntry, UncheckedEntry
from eks_assets.plan.wording import value_words


def report_words(report: DriftReport) -> str:
    """How many findings there are, and what is no finding."""
    counts = f"{len(report.findings)} findings, {len(report.unknown)} cannot be compared"
    counts += f", {len(report.ignored)} ignored" if report.ignored else ""
    return f"{counts} ({report.seconds} s)"


def finding_words(finding: FindingEntry) -> str:
    """One finding: its id, what differs, from what to what, and who did it."""
    at = f": {finding.path}" if finding.path else ""
    who = f", by {finding.culprit}" if finding.culprit else ""
    since = f" at {finding.since}" if finding.since else ""
    values = f"{value_words(finding.expected, full=False)} -> {value_words(finding.observed, full=False)}"
    return f"{finding.id} {finding.kind} {finding.object}{at}: {values}{who}{since}"


def account_words(report: DriftReport) -> str:
    """The command that shows every call since the first of the findings; empty where no time of one is known."""
    times = sorted(finding.since for finding in report.findings if finding.since)
    if not times:
        return ""
    return f"every call since the first of them: eks-assets account-for {report.environment} --since {times[0]}"


def unchecked_words(entry: UncheckedEntry) -> str:
    """What could not be compared, and why; the unit stands before it."""
    return entry.reason if entry.object == entry.unit else f"{entry.object}: {entry.reason}"


def age_words(seconds: float) -> str:
    """How long ago something was, in the largest unit of which it is two: `37 min`."""
    for name, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {name}"
    return f"{int(seconds)} s"
