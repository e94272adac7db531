"""Drift of many objects in one release, of foreign objects beside them, and of a whole environment.

Each figure is of a process of its own, after its imports, beside `kubectl diff --server-side` of the same objects in
the same run. `requests`: to the API server; `mebibytes`: the peak of memory above that before the comparison.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import urllib3
import yaml

from benchmarks.stage import command, fresh_sandbox, timed
from eks_assets.cli.opened import open_environment
from eks_assets.engine.drift.detection import detect_drift
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.context import Context
from resources.drivers.helm.release_drift import release_drift
from resources.drivers.programs import find_program
from resources.model.specs import HelmRelease
from resources.undeclared.cluster import undeclared_objects
from sandbox.paths import PROJECT, StateDirectory

SIZES = (1000, 5000)
NAMESPACE = "bench"
_VERSION = "1.0.0"


def run() -> dict[str, float]:
    """Medians would hide nothing here: one measurement each, in seconds, requests and MiB, and ratios to kubectl."""
    results: dict[str, float] = {}
    with fresh_sandbox() as folder:
        command("deploy", "sandbox")
        results |= {f"environment_{name}": value for name, value in measure("environment").items()}
        for size in SIZES:
            objects = config_maps("mine", size)
            install(folder, objects)
            released = measure("release")
            diff = kubectl("diff", "--server-side", "--namespace", NAMESPACE, "--filename", written(folder, objects))
            kubectl("create", "--filename", written(folder, config_maps("foreign", size)))
            beside = measure("release")
            kubectl("delete", "namespace", NAMESPACE)
            results |= {f"{size}_in_release_{name}": value for name, value in released.items()}
            results |= {f"{size}_foreign_beside_{name}": value for name, value in beside.items()}
            results |= {
                f"{size}_kubectl_diff_seconds": diff,
                f"{size}_in_release_to_kubectl_diff": released["seconds"] / diff,
            }
    return {name: round(value, 3) for name, value in results.items()}


def measure(what: str) -> dict[str, float]:
    """Drift of the environment, or of the release, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.drift", what], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"measuring the {what} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def config_maps(prefix: str, number: int) -> list[dict[str, Any]]:
    """Objects of about a kilobyte each."""
    data = {f"key-{i}": "a value of some length, as settings have it" for i in range(16)}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{prefix}-{i}", "namespace": NAMESPACE},
            "data": data,
        }
        for i in range(number)
    ]


def written(folder: Path, objects: list[dict[str, Any]]) -> str:
    """A file with these objects."""
    path = folder / "objects.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return str(path)


def install(folder: Path, objects: list[dict[str, Any]]) -> None:
    """A release that is made of these objects."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        chart = Path(name, NAMESPACE)
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": NAMESPACE, "version": _VERSION}))
        (chart / "templates" / "all.yaml").write_text("\n---\n".join(json.dumps(obj) for obj in objects))
        helm = program("helm")
        arguments = ["install", NAMESPACE, str(chart), "--namespace", NAMESPACE, "--create-namespace"]
        timed([helm, *arguments, *kubeconfig(), "--timeout", "15m"])


def kubectl(*arguments: str) -> float:
    """Seconds that it takes."""
    return timed([program("kubectl"), *kubeconfig(), *arguments])


def program(name: str) -> str:
    """The path of one of the sandbox's."""
    return find_program(name, load_environment("sandbox", PROJECT / "environments"))


def kubeconfig() -> list[str]:
    """The administrator's, of the sandbox that is up."""
    cluster = load_environment("sandbox", PROJECT / "environments").cluster_name
    return ["--kubeconfig", str(StateDirectory.default().cluster(cluster) / "admin.kubeconfig")]


def compare(what: str) -> dict[str, float]:
    """In this process: what its comparison takes, once everything is imported and the cluster's address is known."""
    context = open_environment(load_environment("sandbox", PROJECT / "environments"), planning=True)
    registry = load_registry()
    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with counted_requests() as requests:
        began = time.monotonic()
        if what == "release":
            compare_release(context)
        else:
            detect_drift(registry, context)
        seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "requests": len(requests), "mebibytes": (peak - peak_before) / 1024}


def compare_release(context: Context) -> None:
    """Its objects with what helm applied, and what nobody declared. SystemExit where it says that one has changed."""
    spec = HelmRelease(
        name=NAMESPACE, namespace=NAMESPACE, repository="https://charts.test", chart=NAMESPACE, version=_VERSION
    )
    if findings := release_drift(spec, context).findings:
        raise SystemExit(f"nothing has changed, and there are {len(findings)} findings")
    undeclared_objects([spec], context)


@contextmanager
def counted_requests() -> Iterator[list[str]]:
    """Within it, the addresses that the cluster's client asks."""
    asked: list[str] = []
    send = urllib3.PoolManager.request

    def request(pool: urllib3.PoolManager, method: str, url: str, **keywords: Any) -> urllib3.BaseHTTPResponse:
        asked.append(url)
        return send(pool, method, url, **keywords)

    with patch.object(urllib3.PoolManager, "request", request):
        yield asked


if __name__ == "__main__":
    print(json.dumps(compare(sys.argv[1])))
