"""The verdict on an upgrade, as people and programs read it: `docs/upgrade.schema.json` is made from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Described

Severity = Literal["blocker", "unknown", "warning", "note"]
Verdict = Literal["READY", "READY_WITH_WARNINGS", "NOT_READY", "CANNOT_DETERMINE"]
# The gravest first: what is known to stand in the way, then what nobody could look at.
_VERDICTS: tuple[tuple[Severity, Verdict], ...] = (
    ("blocker", "NOT_READY"),
    ("unknown", "CANNOT_DETERMINE"),
    ("warning", "READY_WITH_WARNINGS"),
)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UpgradeFinding(_Model):
    """What one check found."""

    check: str = Described(description="What was looked at.")
    severity: Severity = Described(
        description="blocker: the upgrade fails or breaks something; unknown: it could not be looked at; warning: it "
        "may go wrong, or something is away for a while; note: good to know."
    )
    step: str = Described(description="The Kubernetes version whose step it stands before.")
    object: str = Described(description="What it is about: an object, an add-on, a subnet.")
    message: str = Described(description="What is so, and what that means for the upgrade.")
    evidence: tuple[str, ...] = Described(description="What was seen, and where.")
    way_out: str = Described(description="The command, or the change of a file; empty for a note.")


class UpgradeStep(_Model):
    """One minor version of the chain: EKS goes no further at a time."""

    before: str = Described(description="The Kubernetes version that the step starts from.")
    after: str = Described(description="The version that it brings.")
    verdict: Verdict = Described(description="Of this step, by what is known today.")


class UpgradeReport(_Model):
    """Whether an environment's cluster can go to another Kubernetes version: what `upgrade --json` prints."""

    environment: str
    current: str = Described(description="The version that the cluster runs.")
    target: str = Described(description="The version that it is to run.")
    verdict: Verdict = Described(
        description="NOT_READY with a blocker, else CANNOT_DETERMINE with something unknown, else READY_WITH_WARNINGS "
        "with a warning, else READY."
    )
    findings: tuple[UpgradeFinding, ...] = Described(description="By step; the gravest first.")
    steps: tuple[UpgradeStep, ...] = Described(description="The whole chain, one minor version each.")
    apis_recorded: str = Described(description="The day on which the APIs of the versions were recorded.")
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 where it can begin, else 1."""
        return 0 if self.verdict in ("READY", "READY_WITH_WARNINGS") else 1


def decide_verdict(findings: Iterable[UpgradeFinding]) -> Verdict:
    """The verdict that follows from findings."""
    severities = {finding.severity for finding in findings}
    return next((verdict for severity, verdict in _VERDICTS if severity in severities), "READY")


def sort_findings(findings: Iterable[UpgradeFinding]) -> tuple[UpgradeFinding, ...]:
    """By step, and in it the gravest first."""
    order: list[Severity] = ["blocker", "unknown", "warning", "note"]
    return tuple(
        sorted(findings, key=lambda f: (minor_number(f.step), order.index(f.severity), f.check, f.object, f.message))
    )


def minor_number(version: str) -> int:
    """34 for "1.34"."""
    return int(version.partition(".")[2])


def upgrade_schema() -> dict[str, Any]:
    """The JSON Schema of `upgrade --json`."""
    return UpgradeReport.model_json_schema(mode="serialization")
