"""`python -m benchmarks [NAME ...]`: run some or all benchmarks, print and write their results."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks import addons, deploy, drift, idle, ledger, plan, start

BENCHMARKS = {
    "start": start.run,
    "idle": idle.run,
    "plan": plan.run,
    "addons": addons.run,
    "deploy": deploy.run,
    "drift": drift.run,
    "ledger": ledger.run,
}
RESULTS = Path(__file__).parent / "results"


def main(names: list[str]) -> None:
    """Run them in order; exit 2 for an unknown name."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise SystemExit(f"there is no benchmark {', '.join(unknown)}; allowed: {', '.join(BENCHMARKS)}")
    RESULTS.mkdir(exist_ok=True)
    for name in names or BENCHMARKS:
        print(f"{name}: running", flush=True)
        result = BENCHMARKS[name]()
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
        print(f"{name}: {json.dumps(result)}", flush=True)


main(sys.argv[1:])
