"""The rounds of changes on a running sandbox with whatever charts it has: `python -m tests.injections.by_hand`.

Prints what became of each kind of change; ends with 1 where something was missed, found for nothing, or left.
docs/real-charts.md says how to put the real charts into a sandbox.
"""

from __future__ import annotations

import argparse
import sys

from resources.config.loader import load_environment
from tests.helpers.command_line import run_eks_assets
from tests.injections.sandbox_rounds import MOST, run_rounds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.injections.by_hand", description=__doc__)
    parser.add_argument("--rounds", type=int, default=MOST, help="at most so many")
    recall = run_rounds(load_environment("sandbox"), run_eks_assets, parser.parse_args().rounds)
    print(recall)
    faults = {"refused": recall.refused, "missed": recall.missed, "false": recall.false, "left": recall.left}
    for name, entries in faults.items():
        print(*(f"{name}: {entry}" for entry in entries), sep="\n", end="\n" if entries else "")
    return 1 if any(faults.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
