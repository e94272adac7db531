"""How the processes that all clusters share are run: the chart registry and the embedded AWS."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from pathlib import Path

import urllib3

from sandbox.account import ROOT_KEY, ROOT_SECRET
from sandbox.errors import SandboxError
from sandbox.paths import PROJECT, StateDirectory
from sandbox.processes.supervised import Launcher, ProcessSpec

SAVE_SECONDS = 30.0
CHARTS, CHARTS_SECONDS = "sandbox.charts", 120.0


def registry_spec(state: StateDirectory, tools: Path, port: int) -> ProcessSpec:
    """The OCI registry of charts on a loopback port."""
    return ProcessSpec(
        "registry", [str(tools / "registry"), "-port", str(port)], state.logs / "registry.log", state.root
    )


def push_charts(state: StateDirectory, launcher: Launcher, tools: Path, registry: str) -> str:
    """Push the stand-in charts to the registry at host:port; what went wrong, or an empty text."""
    if importlib.util.find_spec(f"{CHARTS}.__main__") is None:
        return ""
    spec = ProcessSpec(
        name="charts",
        log=state.logs / "charts.log",
        directory=PROJECT,
        command=[sys.executable, "-m", CHARTS, "--registry", registry, "--tools", str(tools)],
    )
    process = launcher.run(spec)
    try:
        problem = f"failed with {code}" if (code := process.wait(CHARTS_SECONDS)) else ""
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        problem = f"took more than {CHARTS_SECONDS:g} s"
    return f"Pushing the charts {problem}; see {spec.log}." if problem else ""


def save_embedded_aws(endpoint: str) -> None:
    """Have the embedded AWS write all of its state. Raises SandboxError."""
    try:
        answer = urllib3.request("POST", f"{endpoint}/_ministack/save", timeout=SAVE_SECONDS, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise SandboxError(f"The embedded AWS at {endpoint} does not save its state: {error}") from error
    if answer.status != 200:
        raise SandboxError(f"The embedded AWS at {endpoint} does not save its state: {answer.data.decode()}")


def embedded_aws_spec(state: StateDirectory, python: Path, port: int, supervisor_url: str) -> ProcessSpec:
    """The embedded AWS on a loopback port, run by the Python of its own virtual environment."""
    data = state.embedded_aws
    environment = {
        "PYTHONPATH": str(PROJECT),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(data / "state"),
        "S3_DATA_DIR": str(data / "s3"),
        "IOT_MTLS_ENABLED": "0",  # it would listen on all interfaces
        "SFTP_ENABLED": "0",
        "AUTH": "true",
        "EKS_ASSETS_SUPERVISOR_URL": supervisor_url,
        "EKS_ASSETS_DELAYS": str(state.delays),
        "EKS_ASSETS_LIMITS": str(state.limits),
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
    }
    return ProcessSpec(
        name="embedded-aws",
        command=[str(python), "-m", "sandbox.embedded_aws"],
        log=state.logs / "embedded-aws.log",
        directory=PROJECT,
        environment=environment,
        stop_seconds=SAVE_SECONDS,
        death_signal=signal.SIGTERM,  # it saves its state then
    )
