"""The sandbox as a whole: it comes up, carries clusters, survives being stopped and being killed, and leaves nothing.

One sandbox with one cluster serves all tests: one for each would take minutes.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.errors import SandboxError, UnknownName
from sandbox.lifecycle import Options
from sandbox.paths import StateDirectory
from sandbox.processes.supervised import leftovers
from tests.helpers.waiting import eventually
from tests.sandbox.supervised_cluster import SupervisedCluster

CLUSTER = "demo-test-cluster"


class Sandbox(SupervisedCluster):
    """The sandbox under test, and a cluster in it."""

    def __init__(self, root: Path) -> None:
        state = StateDirectory(root)
        lifecycle.start_sandbox(Options(pod_seconds=0, state=state))
        super().__init__(state, CLUSTER)

    def up(self) -> None:
        self.running = lifecycle.start_sandbox(Options(pod_seconds=0, state=self.state))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield sandbox
    lifecycle.reset_sandbox(sandbox.state)
    assert not sandbox.state.root.exists()


@pytest.fixture
def kept(sandbox: Sandbox) -> str:
    """The name of a pod that runs."""
    sandbox.create_pod("kept")
    eventually("the pod runs", lambda: sandbox.is_running("kept"))
    return "kept"


def processes_of(root: Path) -> list[str]:
    """The command lines of processes that name the folder."""
    commands = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(root) in command:
                commands.append(command)
    return commands


def test_up_of_running_sandbox_changes_nothing(sandbox: Sandbox) -> None:
    """`up` of a running sandbox changes nothing; the status shows what runs, and the state file where."""
    before = sandbox.process_ids()
    sandbox.up()
    assert sandbox.process_ids() == before, "up of a running sandbox has nothing to do"
    status = lifecycle.sandbox_status(sandbox.state)
    names = {process["name"] for process in status["processes"]}
    assert {"supervisor", "registry", f"{CLUSTER}/kube-apiserver", f"{CLUSTER}/kwok"} <= names
    assert status["ready"]
    assert status["memory_bytes"] > 100 * 2**20
    written = json.loads(sandbox.state.state.read_text())
    assert written["variables"]["SANDBOX_REGISTRY"] == written["registry"]


def test_environment_points_at_cluster_and_tools(sandbox: Sandbox) -> None:
    """The variables point at the only cluster and the AWS endpoint, and put the tools first on PATH."""
    variables = lifecycle.environment_variables(state=sandbox.state)
    assert variables["KUBECONFIG"] == str(sandbox.state.cluster(CLUSTER) / "admin.kubeconfig")
    assert (Path(variables["PATH"].split(os.pathsep)[0]) / "kubectl").exists()
    assert variables["AWS_ENDPOINT_URL"] == sandbox.running["aws_endpoint"]
    with pytest.raises(UnknownName, match="nowhere"):
        lifecycle.environment_variables("nowhere", sandbox.state)


def test_up_changes_options_of_running_sandbox(sandbox: Sandbox) -> None:
    """`up` with other options changes the delays of a running sandbox."""
    lifecycle.start_sandbox(Options(pod_seconds=3, state=sandbox.state))
    sandbox.create_pod("slower")
    time.sleep(1)
    assert sandbox.pod("slower")["status"]["phase"] == "Pending"
    lifecycle.start_sandbox(Options(pod_seconds=0, delays={"AWS::EKS::Cluster": 1}, state=sandbox.state))
    assert json.loads(sandbox.state.delays.read_text()) == {"AWS::EKS::Cluster": 1}
    assert all(process["healthy"] for process in lifecycle.sandbox_status(sandbox.state)["processes"])


def test_killed_child_process_is_restarted(sandbox: Sandbox) -> None:
    """A child process that dies is restarted, counted and logged, and works."""
    name = f"{CLUSTER}/kwok"
    os.kill(leftovers(sandbox.state.processes)[name], signal.SIGKILL)

    def kwok() -> dict[str, Any]:
        return next(one for one in lifecycle.sandbox_status(sandbox.state)["processes"] if one["name"] == name)

    eventually("it runs again", lambda: kwok()["restarts"] == 1 and kwok()["healthy"])
    assert f"{name} ended with -9" in (sandbox.state.logs / "supervisor.log").read_text()
    sandbox.create_pod("after")
    eventually("it works", lambda: sandbox.is_running("after"))


def test_down_leaves_no_process_and_keeps_objects(sandbox: Sandbox, kept: str) -> None:
    """After `down` no process is left; after `up` the objects are there and pods start."""
    lifecycle.stop_sandbox(sandbox.state)
    assert processes_of(sandbox.state.root) == []
    assert not lifecycle.sandbox_status(sandbox.state)["up"]
    with pytest.raises(SandboxError, match="sandbox up"):
        lifecycle.environment_variables(state=sandbox.state)
    sandbox.up()
    assert sandbox.is_running(kept)
    sandbox.create_pod("next-day")
    eventually("nodes work at once", lambda: sandbox.is_running("next-day"), 10)


def test_killed_supervisor_leaves_no_process(sandbox: Sandbox, kept: str) -> None:
    """Where the supervisor is killed all its processes end, and `up` brings everything back."""
    os.kill(sandbox.running["supervisor_pid"], signal.SIGKILL)
    eventually("everything is gone", lambda: processes_of(sandbox.state.root) == [])
    assert not lifecycle.sandbox_status(sandbox.state)["up"]
    sandbox.up()
    assert sandbox.is_running(kept)


def test_up_over_other_code_restarts_and_keeps_objects(sandbox: Sandbox, kept: str) -> None:
    """A supervisor of before has no digest of its code in the state file; one of another check-out has another."""
    written = json.loads(sandbox.state.state.read_text())
    sandbox.state.state.write_text(json.dumps({name: value for name, value in written.items() if name != "code"}))
    before, messages = sandbox.process_ids(), list[str]()
    sandbox.running = lifecycle.start_sandbox(Options(state=sandbox.state), messages.append)
    assert [message for message in messages if "other code" in message] == [lifecycle.OTHER_CODE]
    assert not set(before.values()) & set(sandbox.process_ids().values()), "every process is a new one"
    assert sandbox.is_running(kept)
    assert sandbox.running["code"] == written["code"]

    before = sandbox.process_ids()
    lifecycle.start_sandbox(Options(state=sandbox.state), messages.append)
    assert sandbox.process_ids() == before
