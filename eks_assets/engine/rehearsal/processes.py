"""The processes of a copy: what they are told, and nothing of what surrounds the rehearsal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from resources.model.errors import ConfigError, OperationFailed
from resources.support.private_folders import make_private_folder

_PROJECT = Path(__file__).resolve().parents[3]
# What a program needs to run at all, and where the sandbox finds its tools. No credentials, profiles, kubeconfigs.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "XDG_CACHE_HOME")
_KEPT_PREFIXES = ("SANDBOX_TOOLS", "GOPROXY", "GOFLAGS", "GOSUMDB")
_NOWHERE = "/dev/null"


def copy_variables(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of a copy's processes: its own folders, and no file or service of whoever rehearses. Proxies are
    left out, too: there is nothing to reach beyond the loopback."""
    kept = {name: value for name, value in environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    return {
        **kept,
        "EKS_ASSETS_SANDBOX_DIR": str(folder / "sandbox"),
        "DAGSTER_HOME": str(folder / "dagster"),
        "EKS_ASSETS_ENVIRONMENTS": str(folder / "environments"),
        # The sandbox's own are handed over by the call that needs them.
        "AWS_CONFIG_FILE": _NOWHERE,
        "AWS_SHARED_CREDENTIALS_FILE": _NOWHERE,
        "AWS_EC2_METADATA_DISABLED": "true",
        "KUBECONFIG": _NOWHERE,
        "NO_PROXY": "*",
    }


@dataclass(frozen=True)
class CopyProcesses:
    """Runs this program in the copy that lies in `folder`. `command_line`: its module; `steps`: the one that does a
    step of a rehearsal."""

    folder: Path
    command_line: str
    steps: str

    def run(self, module: str, *arguments: str, seconds: float = 1800) -> str:
        """Its output. Raises OperationFailed with the end of what it said where it fails or does not end,
        ConfigError where it says that something is missing or wrong."""
        make_private_folder(self.folder / "dagster")
        command = [sys.executable, "-m", module, *arguments]
        what = f"{module.rpartition('.')[2]} {' '.join(arguments[:2])} of the copy"
        try:
            done = subprocess.run(
                command,
                cwd=_PROJECT,
                env=copy_variables(self.folder, os.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OperationFailed(f"{what} did not end within {seconds:g} s") from None
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-5:]
            failure = ConfigError if done.returncode == 2 else OperationFailed
            raise failure(f"{what} failed: {' '.join(said)}")
        return done.stdout
