"""The verdict on an upgrade in sentences, for every place that shows it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from eks_assets.plan.wording import with_plural
from resources.upgrade.findings import Severity, UpgradeFinding, UpgradeReport, Verdict

VERDICT_STYLES: dict[Verdict, str] = {
    "READY": "bold green",
    "READY_WITH_WARNINGS": "bold yellow",
    "NOT_READY": "bold red",
    "CANNOT_DETERMINE": "bold magenta",
}
SEVERITY_STYLES: dict[Severity, str] = {"blocker": "red", "unknown": "magenta", "warning": "yellow", "note": "dim"}
_COUNTED: dict[Severity, str] = {"blocker": "blocker", "warning": "warning"}


def verdict_words(report: UpgradeReport) -> str:
    """One line: from where to where, the verdict, and how much of what there is."""
    counts = {severity: sum(f.severity == severity for f in report.findings) for severity in SEVERITY_STYLES}
    words = [with_plural(counts[severity], name) for severity, name in _COUNTED.items() if counts[severity]]
    words += [f"{counts['unknown']} could not be looked at"] if counts["unknown"] else []
    counted = f" ({', '.join(words)})" if words else ""
    way = f"from Kubernetes {report.current} to {report.target}"
    return f"Upgrade of {report.environment} {way}: {report.verdict}{counted}"


def step_lines(report: UpgradeReport) -> Iterator[str]:
    """A line for each minor version of a chain; none for a single one."""
    if len(report.steps) > 1:
        yield from (f"{step.before} -> {step.after}: {step.verdict}" for step in report.steps)


def finding_words(finding: UpgradeFinding, report: UpgradeReport) -> str:
    """What was found, in one line; of a chain with the version that it stands before."""
    step = f" before {finding.step}" if len(report.steps) > 1 else ""
    return f"{finding.severity}{step}: {finding.object}: {finding.message}"
