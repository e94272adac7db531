"""A rehearsal beside a live environment: one that passes, one whose target is refused, and nothing that it can reach.

Around it are keys, a profile and a kubeconfig that look like production's. Whatever they lead to is a port of ours, and
nobody may knock on it.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from resources.kubernetes.objects import apply_object, read_object
from sandbox.paths import PROJECT
from tests.e2e.own_sandbox import OwnSandbox, call, own_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.long]
PASSWORD = "Correct-Horse-42-battery"
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "externalsecrets.external-secrets.io"},
}


@dataclass
class Trap:
    """Where production's profile and kubeconfig lead to: counts who connects."""

    server: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    visitors: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.getsockname()[1]}"

    def listen(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.visitors += 1
            connection.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSandbox]:
    with own_sandbox(tmp_path_factory.mktemp("rehearse")) as live:
        yield live


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    threading.Thread(target=trap.listen, daemon=True).start()
    yield trap
    trap.server.close()


def production(trap: Trap, folder: Path) -> dict[str, str]:
    """Variables and files as they are around somebody who works on production."""
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "production",
        "clusters": [{"name": "production", "cluster": {"server": f"https://{trap.address}"}}],
        "users": [{"name": "production", "user": {"token": "real"}}],
        "contexts": [{"name": "production", "context": {"cluster": "production", "user": "production"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    (folder / "config").write_text(
        f"[profile production]\nregion = us-west-2\naws_access_key_id = AKIAPRODUCTION000000\n"
        f"aws_secret_access_key = real\nendpoint_url = http://{trap.address}\n"
    )
    return {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIAPRODUCTION000000",
        "AWS_SECRET_ACCESS_KEY": "real",
        "KUBECONFIG": str(folder / "kubeconfig"),
        "TMPDIR": str(folder),
    }


def rehearse(environments: Path, *, code: int, **env: str) -> dict[str, Any]:
    done = call("rehearse", "sandbox", "--json", EKS_ASSETS_ENVIRONMENTS=str(environments), timeout=900, **env)
    print(done.stdout, done.stderr)
    assert done.returncode == code, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def set_addon(environments: Path, name: str, values: dict[str, Any]) -> None:
    file = environments / "sandbox.yaml"
    content = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**content, "addons": {name: {"values": values}}}))


def sockets_of(folder: Path) -> set[str]:
    """The inodes of the sockets of every process that was told about the folder: the copy's, and who rehearses."""
    inodes: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(folder).encode() in (process / "environ").read_bytes() + (process / "cmdline").read_bytes():
                links = [os.readlink(link) for link in (process / "fd").iterdir()]
                inodes |= {link[8:-1] for link in links if link.startswith("socket:[")}
    return inodes


def remote_addresses(folder: Path) -> set[str]:
    """The addresses beyond this machine with which those processes are connected now, or try to be."""
    own = sockets_of(folder)
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    hosts = {socket.inet_ntoa(bytes.fromhex(line[2].partition(":")[0])[::-1]) for line in lines if line[9] in own}
    return {host for host in hosts if not host.startswith("127.") and host != "0.0.0.0"}


@dataclass
class Watch:
    """What those processes were connected with: addresses beyond this machine, and all their sockets."""

    met: set[str] = field(default_factory=set)
    sockets: set[str] = field(default_factory=set)


@contextmanager
def watched(folder: Path) -> Iterator[Watch]:
    """Look ten times a second, as long as the context lasts."""
    watch, stop = Watch(), threading.Event()

    def look() -> None:
        while not stop.wait(0.1):
            watch.met.update(remote_addresses(folder))
            watch.sockets.update(sockets_of(folder))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield watch
    finally:
        stop.set()
        watcher.join()


def test_a_plan_that_passes_and_reaches_nothing_of_production(
    live: OwnSandbox, environments: Path, trap: Trap, tmp_path: Path
) -> None:
    cluster = live.context.cluster
    data = {"password": base64.b64encode(PASSWORD.encode()).decode()}
    planted = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "planted", "namespace": "observability"},
        "data": data,
    }
    apply_object(cluster, planted, manager="somebody")
    set_addon(environments, "prometheus", {"grafana": {"replicas": 2}})
    before = live.context.cluster.api.version["kubernetes"]["gitVersion"]
    with watched(tmp_path) as watch:
        result = rehearse(environments, code=0, **production(trap, tmp_path))
    assert trap.visitors == 0
    assert watch.met == set()
    assert len(watch.sockets) > 50, "the watch has to see the copy's sockets"
    assert [unit["unit"] for unit in result["units"]] == ["prometheus"]
    assert (result["plan_differs"], result["unnamed"], result["vanished"]) == ([], [], [])
    assert result["copied"]["masked"] >= 1
    assert result["copied"]["refused"] == {}
    assert PASSWORD not in json.dumps(result)
    # The copy is gone, and live is as it was.
    assert not list(tmp_path.glob("eks-assets-rehearsal-*"))
    assert before == live.context.cluster.api.version["kubernetes"]["gitVersion"]
    left = call("plan", "sandbox", "--json", EKS_ASSETS_ENVIRONMENTS=str(environments))
    assert [change["unit"] for change in json.loads(left.stdout)["changes"]] == ["prometheus"]


def test_a_definition_without_a_stored_version_is_refused_on_the_copy(live: OwnSandbox, environments: Path) -> None:
    """What an earlier chart stored in a version that the next no longer has: AWS's insights know nothing of it."""
    cluster = live.context.cluster
    definition = read_object(cluster, DEFINITION)
    assert definition is not None
    metadata = {k: definition["metadata"][k] for k in ("name", "labels", "annotations") if k in definition["metadata"]}
    version = definition["spec"]["versions"][0]
    old = {**version, "name": "v1alpha1", "served": True, "storage": False}
    spec = {**definition["spec"], "versions": [*definition["spec"]["versions"], old]}
    apply_object(cluster, {**DEFINITION, "metadata": metadata, "spec": spec}, manager="helm")
    stored = ["v1alpha1", *definition["status"]["storedVersions"]]
    cluster.api.request(
        "patch",
        f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{metadata['name']}/status",
        body={"status": {"storedVersions": stored}},
        content_type="application/merge-patch+json",
    )
    set_addon(environments, "external_secrets", {"replicaCount": 2})
    result = rehearse(environments, code=1)
    failed = {unit["unit"]: unit["failed"] for unit in result["units"] if unit["failed"]}
    assert "storedVersions" in failed["external_secrets"]
    assert os.environ["EKS_ASSETS_SANDBOX_DIR"] == str(live.state.root)


def test_what_cannot_be_copied_is_bad_input_and_nothing_is_started(live: OwnSandbox, tmp_path: Path) -> None:
    done = call("rehearse", "acme-prod", TMPDIR=str(tmp_path), EKS_ASSETS_ENVIRONMENTS=str(PROJECT / "environments"))
    assert done.returncode == 2
    assert "only environments of a sandbox can be copied so far" in done.stderr
    assert not list(tmp_path.iterdir())
