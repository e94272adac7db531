"""How a deploy ended: what each of its units came to, and from that the outcome and the exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from eks_assets.orchestration.run_tags import WAITING


class UnitResult(NamedTuple):
    """How one unit of a run ended. `state`: done, failed, interrupted, skipped, or waiting for approval; `reason`: its
    last message."""

    state: str
    reason: str


@dataclass(frozen=True)
class DeployResult:
    """`planned`: how many units the environment has; `rows`: the units that were launched, failed ones first;
    `waiting`: the approval that is missing, in the form of `deploy --json`, empty where none is; `unwanted`: what
    stands that the environment no longer has."""

    planned: int
    rows: Mapping[str, UnitResult] = field(default_factory=dict)
    waiting: Mapping[str, Any] = field(default_factory=dict)
    unwanted: tuple[str, ...] = ()

    @property
    def failed(self) -> dict[str, str]:
        """The reasons of the units that failed or were interrupted, by unit."""
        return self._reasons("failed", "interrupted")

    @property
    def skipped(self) -> dict[str, str]:
        """The reasons of the units that were not started, by unit."""
        return self._reasons("skipped")

    @property
    def is_waiting(self) -> bool:
        """Whether something of it waits for approval."""
        return bool(self.waiting or self._reasons(WAITING))

    @property
    def units(self) -> int:
        """How many units were deployed; where none was launched, how many there are."""
        return len(self._reasons("done")) if self.rows else self.planned

    @property
    def exit_code(self) -> int:
        """0 deployed or nothing to do, 1 failed, 3 waiting for approval, 130 interrupted."""
        if self._reasons("interrupted"):
            return 130
        # Units are skipped behind one that waits for approval, too: that alone is no failure.
        if self.failed or (self.skipped and not self.is_waiting):
            return 1
        return 3 if self.is_waiting else 0

    @property
    def outcome(self) -> str:
        """The same in words."""
        words = {130: "interrupted", 1: "failed", 3: WAITING, 0: "deployed" if self.rows else "nothing to do"}
        return words[self.exit_code]

    def as_json(self, environment: str, seconds: float, denied: str = "") -> dict[str, Any]:
        """What `deploy --json` prints. `seconds`: how long the deploy took; `denied`: the calls that AWS denied
        meanwhile, where a stack failed for a right that it does not name."""
        document: dict[str, Any] = {
            "environment": environment,
            "outcome": self.outcome,
            "units": self.units,
            "seconds": seconds,
            "failed": self.failed,
        }
        more = {"denied": denied, "approval": dict(self.waiting)}
        return document | {key: value for key, value in more.items() if value}

    def _reasons(self, *states: str) -> dict[str, str]:
        return {name: unit.reason for name, unit in self.rows.items() if unit.state in states}
