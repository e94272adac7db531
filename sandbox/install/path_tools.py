"""The tools that are on PATH already, where each is of the version that go.mod names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from sandbox.errors import ToolMissing
from sandbox.install.catalog import TOOLS, locked_version
from sandbox.install.releases import WAY, load_releases

_ARGUMENTS = {
    "kubectl": ("version", "--client"),
    "helm": ("version", "--short"),
    "argocd": ("version", "--client", "--short"),
}


def link_tools(own: Path, directory: Path) -> Path:
    """A folder of links to the tools on PATH, made anew each time; `registry`, which shows no version, and the CRDs
    are those in `own`. Raises ToolMissing, which names every tool that is absent or of another version."""
    releases, problems, targets = load_releases(), [], {}
    for tool in TOOLS:
        if tool.name not in releases:
            targets[tool.name] = own / tool.name
            continue
        wanted, found = locked_version(releases[tool.name].module), shutil.which(tool.name)
        if found is None:
            problems.append(f"{tool.name} {wanted} is not there")
        elif not _is_version(found, tool.name, wanted):
            problems.append(f"{found} is not {wanted}")
        else:
            targets[tool.name] = Path(found).resolve()
    if problems:
        raise ToolMissing(
            f"{WAY}=path takes the sandbox's tools from PATH, and {'; '.join(problems)}. Install these versions, or "
            f"unset {WAY}."
        )
    directory.mkdir(parents=True, exist_ok=True)
    for name, target in {**targets, "crds": own / "crds"}.items():
        draft = directory / f".{name}.{os.getpid()}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(target)
        draft.replace(directory / name)
    return directory


def _is_version(program: str, name: str, wanted: str) -> bool:
    command = [program, *_ARGUMENTS.get(name, ("--version",))]
    try:
        shown = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    return re.search(rf"(?<![\d.]){re.escape(wanted.lstrip('v'))}(?![\d.]|-)", shown) is not None
