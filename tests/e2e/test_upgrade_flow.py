"""The sandbox's cluster, upgraded by two minor versions: killed once, paused once, then rolled back by one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.context import Context
from resources.kubernetes.objects import apply_object, list_objects
from sandbox.paths import PROJECT
from tests.conftest import Cli
from tests.e2e.conftest import Change

pytestmark = pytest.mark.sandbox
TO = ("upgrade", "sandbox", "--to", "1.36")


def live_version(env: Environment) -> str:
    client = Context.of(env).aws.client("eks")
    return str(client.describe_cluster(name=env.cluster_name)["cluster"]["version"])


def kubelets(env: Environment) -> set[str]:
    nodes = list_objects(Context.of(env).cluster, "v1", "Node", labels="eks.amazonaws.com/nodegroup")
    return {node["status"]["nodeInfo"]["kubeletVersion"].rpartition(".")[0] for node in nodes}


def upgrade_until(line: str, act: Callable[[int], None], to: str) -> tuple[int, str]:
    """Begin the upgrade and act on its process group once it says so; its exit code, and what it said."""
    command = [sys.executable, "-m", "eks_assets.cli", "upgrade", "sandbox", "--to", to]
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        seen, acted = [], False
        for said in process.stdout:
            seen.append(said)
            if line in said and not acted:
                acted = True
                act(process.pid)
    assert acted, "".join(seen)
    return process.returncode, "".join(seen)


def kill(group: int) -> None:
    os.killpg(group, signal.SIGKILL)


def test_two_minors_killed_and_paused_then_one_back(restored: Environment, change: Change, eks_assets: Cli) -> None:
    before = live_version(restored)
    assert before == "1.34"
    change(kubernetes_version="1.36")
    refused = eks_assets("deploy", "sandbox", "--only", "cluster")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "eks-assets upgrade ENV --to 1.36" in refused.stderr
    assert live_version(restored) == "1.34"

    began = time.monotonic()
    upgrade_until("1.35: control_plane", kill, "1.36")
    paused = eks_assets("upgrade", "sandbox", "--pause")
    assert paused.returncode == 0, paused.stderr
    stands = json.loads(eks_assets("status", "sandbox", "--json").stdout)["upgrade"]
    assert (stands["state"], stands["minor"], stands["step"]) == ("paused", "1.35", "control_plane")
    assert eks_assets(*TO).returncode == 2
    done = eks_assets("upgrade", "sandbox", "--resume")
    print(done.stdout, done.stderr, time.monotonic() - began)
    assert done.returncode == 0, done.stdout + done.stderr
    assert live_version(restored) == "1.36"
    assert kubelets(restored) == {"v1.36"}
    assert eks_assets("deploy", "sandbox").returncode == 0
    status = eks_assets("status", "sandbox")
    assert status.returncode == 0, status.stdout
    assert "it can go back for 7 days: eks-assets rollback sandbox --to 1.35" in status.stdout

    back = eks_assets("rollback", "sandbox", "--to", "1.35")
    print(back.stdout, back.stderr)
    assert back.returncode == 0, back.stdout + back.stderr
    assert (live_version(restored), kubelets(restored)) == ("1.35", {"v1.35"})
    held = eks_assets("deploy", "sandbox")
    assert held.returncode == 0, held.stdout + held.stderr
    assert live_version(restored) == "1.35"


def guarded(env: Environment) -> None:
    """A workload whose budget lets none of its pods go."""
    labels = {"app": "guarded"}
    meta: dict[str, Any] = {"name": "guarded", "namespace": "keycloak"}
    container = {"name": "app", "image": "registry.test/app:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    selector = {"matchLabels": labels}
    deployment = {"replicas": 2, "selector": selector, "template": template}
    cluster = Context.of(env).cluster
    apply_object(cluster, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": deployment})
    budget = {"minAvailable": 2, "selector": selector}
    apply_object(cluster, {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": budget})


def test_budget_that_lets_no_pod_go_is_named_and_forced_only_if_asked(
    restored: Environment, change: Change, eks_assets: Cli
) -> None:
    """It came after the verdict. EKS gives the nodes up, they stay as they were, and the next run goes on there."""
    change(kubernetes_version="1.35")
    code, said = upgrade_until("1.35: bake", lambda _: guarded(restored), "1.35")
    assert code == 1, said
    assert "the upgrade to 1.35 stopped at the step nodes" in said
    assert "PodEvictionFailure" in said
    assert "Reached max retries while trying to evict pods from nodes in node group" in said
    assert "no disruption is allowed by PodDisruptionBudget keycloak/guarded" in said
    assert "force: true" in said
    assert (live_version(restored), kubelets(restored)) == ("1.35", {"v1.34"})
    nodes = list_objects(Context.of(restored).cluster, "v1", "Node", labels="eks.amazonaws.com/nodegroup")
    assert not [node for node in nodes if node["spec"].get("unschedulable")]

    change(kubernetes_version="1.35", upgrade={"bake": "5s", "force": True})
    done = eks_assets("upgrade", "sandbox", "--to", "1.35")
    assert done.returncode == 0, done.stdout + done.stderr
    assert kubelets(restored) == {"v1.35"}
