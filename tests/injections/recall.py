"""What was changed, what was found, and what was restored, as a table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Recall:
    """Counts by kind of change. `refused`: changes that nobody can make; `missed`,
    `false` and `left`: what went wrong; all in words."""

    injected: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    restored: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def note(self, kind: str, name: str, *, is_found: bool) -> None:
        """One change, and whether a finding is about it."""
        self.injected[kind] += 1
        self.found[kind] += is_found
        if not is_found:
            self.missed.append(f"{kind}: {name}")

    def note_after(self, kind: str, name: str, *, is_restored: bool) -> None:
        """One change, after a deploy."""
        self.restored[kind] += is_restored
        if not is_restored:
            self.left.append(f"{kind}: {name}")

    @property
    def total(self) -> str:
        """All kinds, in a line."""
        total = f"{len(self.injected)} kinds: {self.injected.total()} injected, {self.found.total()} found, "
        return total + f"{len(self.false)} false, {self.restored.total()} restored"

    def __str__(self) -> str:
        rows = [
            f"{kind:40}{self.injected[kind]:9}{self.found[kind]:7}{self.restored[kind]:10}" for kind in self.injected
        ]
        return "\n".join([f"{'kind':40}{'injected':>9}{'found':>7}{'restored':>10}", *rows, self.total])
