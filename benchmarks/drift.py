"""Drift of many objects in one release, of as many foreign objects beside them, and of a whole environment.

Each figure is of a process of its own, after its imports, beside `kubectl diff --server-side` of the same objects in
the same run. `requests`: to the API server; `mebibytes`: the peak of memory above that before the comparison.
"""

from __future__ import annotations

import copy
import gc
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
from eks_assets.cli import COLLECTED
from eks_assets.engine.drift.detection import detect_drift
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.context import Context
from resources.drivers.helm.drift import objects_findings
from resources.drivers.helm.storage import newest_release
from resources.drivers.programs import find_program
from resources.model.specs import HelmRelease
from resources.undeclared.cluster import undeclared_objects
from sandbox.paths import PROJECT, StateDirectory

SIZES = (1000, 5000)
INJECTED = 50  # objects of the release that somebody changes by hand
NAMESPACE = "bench"
_VERSION = "1.0.0"
Figures = dict[str, Any]


def run() -> list[Figures]:
    """Seconds, requests and MiB, one measurement each, and ratios to kubectl; an entry a size."""
    with fresh_sandbox() as folder:
        command("deploy", "sandbox")
        return [of_size(size, folder) for size in SIZES]


def of_size(size: int, folder: Path) -> Figures:
    """Of a release of so many objects: in sync, with some of them changed, and with foreign ones beside them."""
    environment = measure("environment")
    objects = config_maps("mine", size)
    install(folder, objects)
    in_sync = measure("release")
    diff = kubectl("diff", "--server-side", "--namespace", NAMESPACE, "--filename", written(folder, objects))
    injected = {f"ConfigMap/{NAMESPACE}/{obj['metadata']['name']}" for obj in objects[:INJECTED]}
    changed = written(folder, [edited(obj) for obj in objects[:INJECTED]])
    kubectl("apply", "--server-side", "--force-conflicts", "--filename", changed)
    found = set(measure("release")["found"])
    kubectl("create", "--filename", written(folder, config_maps("foreign", size)))
    beside, undeclared = measure("release"), measure("undeclared")
    kubectl("delete", "namespace", NAMESPACE)
    return {
        "objects": size,
        "ours_seconds": in_sync["seconds"],
        "kubectl_diff_seconds": round(diff, 3),
        "injected": len(injected),
        "found": len(found & injected),
        "false_positives": len(found - injected) + len(in_sync["found"]),
        "ours_to_kubectl_diff": round(in_sync["seconds"] / diff, 4),
        **{name: in_sync[name] for name in ("requests", "mebibytes")},
        **{f"foreign_{name}": beside[name] for name in ("seconds", "requests", "mebibytes")},
        **{f"undeclared_{name}": undeclared[name] for name in ("seconds", "requests", "mebibytes")},
        "undeclared_found": len(undeclared["found"]),
        **{f"environment_{name}": environment[name] for name in ("seconds", "requests", "mebibytes")},
    }


def measure(what: str) -> Figures:
    """Drift of the environment, or of the release, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.drift", what], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"measuring the {what} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    figures: Figures = json.loads(done.stdout)
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


def edited(obj: dict[str, Any]) -> dict[str, Any]:
    """The object as somebody changes it by hand: one value."""
    changed = copy.deepcopy(obj)
    changed["data"]["key0"] = "theirs"
    return changed


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
        timed([helm, *arguments, *kubeconfig(), "--timeout", "15m", "--qps", "500", "--burst-limit", "1000"])


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


def compare(what: str) -> Figures:
    """In this process: what its comparison takes, once everything is imported and the cluster has said which kinds it
    serves, with garbage collected as the command line does, and the objects that differ. The planner, who compares an
    environment, is shown no Secrets of a namespace that is none of the environment's, where helm keeps this release."""
    context = Context.of(load_environment("sandbox", PROJECT / "environments"), planning=what == "environment")
    registry, found = load_registry(), list[str]()
    context.aws.check_account()
    assert context.cluster.kind("v1", "ConfigMap")
    gc.set_threshold(*COLLECTED)
    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with counted_requests() as requests:
        began = time.monotonic()
        if what == "release":
            found = compare_release(context)
        elif what == "undeclared":
            found = find_undeclared(context)
        else:
            detect_drift(registry, context)
        seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": round(seconds, 3),
        "requests": len(requests),
        "mebibytes": round((peak - peak_before) / 1024, 1),
        "found": found,
    }


def compare_release(context: Context) -> list[str]:
    """Its objects with what helm applied: those that differ. Nobody asks a registry for its chart."""
    release = newest_release(context, NAMESPACE, NAMESPACE)
    assert release is not None
    return sorted({finding.object for finding in objects_findings(release.objects, NAMESPACE, context)})


def find_undeclared(context: Context) -> list[str]:
    """What nobody declared in the release's namespace."""
    spec = HelmRelease(
        name=NAMESPACE, namespace=NAMESPACE, repository="https://charts.test", chart=NAMESPACE, version=_VERSION
    )
    return sorted(finding.object for finding in undeclared_objects([spec], context).findings)


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
