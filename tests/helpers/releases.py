"""What the tests of Helm releases share: a unit with a small release, and a look at what it left in the cluster."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from eks_assets.graph.unit import AnyUnit, unit
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.helm.storage import Release, decode_release
from resources.kubernetes.objects import list_objects
from resources.model.specs import HelmRelease

NAMESPACE = "driver-test"
DEPLOYMENT = "driver-test-external-dns"
GOOD: dict[str, Any] = {"policy": "upsert-only"}


def release(values: dict[str, Any] | None = None, **options: Any) -> AnyUnit:
    """A unit with a small release of the sandbox's external-dns chart."""
    fields: dict[str, Any] = {"chart": "external-dns", "version": "1.21.1", **options}

    @unit(wave="configuration")
    def demo(env: Environment) -> HelmRelease:
        """A release."""
        return HelmRelease(
            name="driver-test", namespace=NAMESPACE, repository="https://charts.test", values=values or GOOD, **fields
        )

    return demo


def revisions(context: Context) -> list[Release]:
    """Every revision that helm keeps of the release, oldest first."""
    secrets = list_objects(context.cluster, "v1", "Secret", namespace=NAMESPACE, labels="owner=helm,name=driver-test")
    return sorted((decode_release(secret) for secret in secrets), key=lambda found: found.revision)


def statuses(context: Context) -> list[str]:
    return [found.status for found in revisions(context)]


def resource_versions(context: Context) -> dict[str, str]:
    """The resourceVersion of everything in the test's namespace that a release can hold, and of its secrets."""
    kinds = [("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "ServiceAccount"), ("v1", "Secret"), ("v1", "Pod")]
    return {
        f"{kind} {obj['metadata']['name']}": obj["metadata"]["resourceVersion"]
        for api_version, kind in kinds
        for obj in list_objects(context.cluster, api_version, kind, namespace=NAMESPACE)
    }


def deployment(context: Context) -> dict[str, Any]:
    found = list_objects(context.cluster, "apps/v1", "Deployment", namespace=NAMESPACE)
    return next(obj for obj in found if obj["metadata"]["name"] == DEPLOYMENT)


def helm_processes(parent: int | None = None) -> list[int]:
    """The helm processes that a process (default: this one) has started and that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, its_parent = rest.split()[:2]
        if name.endswith("(helm") and int(its_parent) == (parent or os.getpid()) and state != "Z":
            found.append(int(folder.name))
    return found


def at_status(context: Context, wanted: str, act: Any) -> threading.Thread:
    """Start a thread that calls `act` once the newest revision has that status."""

    def wait() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if statuses(context)[-1:] == [wanted] and helm_processes():
                act()
                return
            time.sleep(0.1)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def kill_helm() -> None:
    for pid in helm_processes():
        os.kill(pid, signal.SIGKILL)
