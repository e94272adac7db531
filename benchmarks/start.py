"""How long the sandbox takes to come up with a warm cache."""

from __future__ import annotations

import statistics

from benchmarks.stage import command, fresh_sandbox

ROUNDS = 3


def run() -> dict[str, float]:
    """Medians in seconds: from nothing, and again with what was left by `down` (no cluster in it)."""
    with fresh_sandbox():
        again, anew = [], []
        for _ in range(ROUNDS):
            command("sandbox", "down")
            again.append(command("sandbox", "up"))
            command("sandbox", "reset")
            anew.append(command("sandbox", "up"))
    return {"up_from_nothing_seconds": statistics.median(anew), "up_again_seconds": statistics.median(again)}
