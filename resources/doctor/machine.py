"""This machine: the programs that the pipeline runs, and its Python."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from resources.config.environment import Environment
from resources.doctor.checks import Line, machine_check
from resources.drivers.programs import find_program, run_program
from resources.model.errors import CommandFailed, ConfigError, ToolMissing

_SECONDS = 10.0
_PYTHON = (3, 11)
# helm 4: docs/adr/0004-helm.md. git: `merge-tree --write-tree`.
_HELM, _GIT = (4, 0), (2, 38)
_GET_HELM = "curl -fsSL https://raw.githubusercontent.com/helm/helm/main/scripts/get-helm-4 | bash"
_GET_GIT = "apt-get install git, or dnf install git"
_PACKAGE = "eks-assets"


@machine_check
def check_helm(env: Environment | None) -> Iterator[Line]:
    """Installs every chart."""
    yield _program(env, "helm", ["version", "--template", "{{.Version}}"], _HELM, _GET_HELM)


@machine_check
def check_git(env: Environment | None) -> Iterator[Line]:
    """Pushes what Argo CD follows, and says which code a plan is of."""
    yield _program(env, "git", ["--version"], _GIT, _GET_GIT)


@machine_check
def check_kubectl(env: Environment | None) -> Iterator[Line]:
    """For people alone: the pipeline runs none."""
    try:
        path = _find("kubectl", env)
    except ToolMissing:
        yield Line.warning("kubectl is not on PATH; the pipeline does without, people look with it", _get_kubectl(env))
        return
    text = _output([path, "version", "--client", "--output", "json"])
    version = str(json.loads(text)["clientVersion"]["gitVersion"])
    # Source: Kubernetes, "Version Skew Policy". The sandbox brings one kubectl for all of its versions.
    if env is not None and not env.sandbox and abs(_numbers(version)[1] - _numbers(env.kubernetes_version)[1]) > 1:
        message = f"kubectl {version} is more than one minor version from the cluster's {env.kubernetes_version}"
        yield Line.warning(message, _get_kubectl(env))
    else:
        yield Line.ok(f"kubectl {version} ({path})")


def _get_kubectl(env: Environment | None) -> str:
    version = f"v{env.kubernetes_version}.0" if env else "$(curl -fsSL https://dl.k8s.io/release/stable.txt)"
    return f"curl -fsSLO https://dl.k8s.io/release/{version}/bin/linux/amd64/kubectl && install kubectl /usr/local/bin"


@machine_check
def check_python(env: Environment | None) -> Iterator[Line]:
    """Its version, and that of each package that the program was installed with."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _PYTHON:
        yield Line.error(f"Python {version} is too old: 3.11 is needed", "install Python 3.11, then: make venv")
        return
    faults = sorted(_package_faults())
    if faults:
        yield Line.error(f"Python {version}: {'; '.join(faults)}", "make venv")
    else:
        yield Line.ok(f"Python {version} with its packages ({sys.executable})")


def _package_faults() -> Iterator[str]:
    try:
        wanted = [Requirement(text) for text in metadata.requires(_PACKAGE) or []]
    except metadata.PackageNotFoundError:
        yield f"{_PACKAGE} itself is not installed here"
        return
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"{requirement.name} is missing"
        else:
            if not requirement.specifier.contains(version, prereleases=True):
                yield f"{requirement.name} is {version}, not {requirement.specifier}"


def _program(env: Environment | None, name: str, arguments: list[str], least: tuple[int, int], fix: str) -> Line:
    needed = ".".join(map(str, least))
    try:
        path = _find(name, env)
    except ToolMissing:
        return Line.error(f"{name} is not on PATH; {needed} or newer is needed", fix)
    try:
        version = _numbers(_output([path, *arguments]))
    except (CommandFailed, OSError) as error:
        return Line.error(f"{path} does not run: {error}", fix)
    text = ".".join(map(str, version))
    if version[:2] < least:
        return Line.error(f"{name} {text} ({path}) is too old: {needed} or newer is needed", fix)
    return Line.ok(f"{name} {text} ({path})")


def _find(name: str, env: Environment | None) -> str:
    try:
        return find_program(name, env)
    except ConfigError:  # a sandbox that is down has no tools of its own
        return find_program(name, None)


def _output(argv: list[str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return run_program(argv, extra_env={}, cwd=Path(folder), timeout=_SECONDS, interval=0.05)


def _numbers(text: str) -> tuple[int, ...]:
    """The version in a text, as numbers to compare."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number) for number in match.groups() if number is not None) if match else (0, 0)
