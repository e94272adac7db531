"""The sandbox's tools and an OCI registry of a test's own."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.install.toolchain import ensure_tools
from sandbox.lifecycle import silent
from sandbox.processes.ports import PortBook


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of the Go tools, built where they are missing."""
    return ensure_tools(silent)


@pytest.fixture
def registry(tools: Path, tmp_path: Path) -> Iterator[str]:
    """host:port of an empty registry that nothing else uses."""
    port = PortBook(tmp_path / "ports.json").claim(["registry"])["registry"]
    process = subprocess.Popen([tools / "registry", "-port", str(port)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=1).close()
            break
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, "the registry did not start within 10 s"
            time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)
