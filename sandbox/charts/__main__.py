"""Package the stand-in charts and push them to an OCI registry: `python -m sandbox.charts --help`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from sandbox.charts.packaging import ChartArchive, ChartError, archive_of, chart_names, package
from sandbox.charts.registry import has, push

AT_ONCE = 2


def publish(registry: str, tools: Path, make: Callable[[], ChartArchive]) -> str:
    """Make one chart archive, push it unless the registry has it, and return the line that says so."""
    chart = make()
    present = has(registry, chart)
    if not present:
        push(registry, chart, tools)
    return f"{chart.name} {chart.version} sha256:{chart.sha256[:12]} {'unchanged' if present else 'pushed'}"


def publish_all(registry: str, tools: Path, source: Path | None) -> list[str]:
    """Publish every chart, two at a time, printing one line each; return the failures as sentences."""
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="charts-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        jobs: list[Callable[[], ChartArchive]]
        if source is None:
            jobs = [partial(package, name, tools, Path(folder)) for name in chart_names()]
        else:
            jobs = [partial(archive_of, path) for path in sorted(source.glob("*.tgz"))]
        for done in [pool.submit(publish, registry, tools, job) for job in jobs]:
            try:
                print(done.result(), flush=True)
            except ChartError as error:
                failures.append(str(error))
        if not jobs:
            failures.append(f"{source} holds no *.tgz chart")
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.charts", description=__doc__)
    parser.add_argument("--registry", required=True, help="host:port of an OCI registry that speaks plain HTTP")
    parser.add_argument("--tools", required=True, type=Path, help="folder with helm")
    parser.add_argument("--from", dest="source", type=Path, help="push the *.tgz charts of this folder instead of ours")
    options = parser.parse_args()
    failures = publish_all(options.registry, options.tools, options.source)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
