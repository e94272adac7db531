"""The Dagster instance that the command line, the UI and the daemon share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from resources.model.errors import ConfigError
from resources.support.private_folders import make_private_folder

if TYPE_CHECKING:
    import dagster as dg

PROJECT = Path(__file__).resolve().parents[2]


def dagster_home() -> Path:
    """DAGSTER_HOME, else `.dagster` in the project, made on first use, for us alone, with the project's `dagster.yaml`.
    Raises ConfigError where it can't be made."""
    home = Path(os.environ.get("DAGSTER_HOME") or PROJECT / ".dagster")
    settings = home / "dagster.yaml"
    try:
        make_private_folder(home)
        if not settings.exists():
            shutil.copyfile(PROJECT / "dagster.yaml", settings)
    except OSError as error:
        raise ConfigError(
            f"DAGSTER_HOME cannot be {home}: {error.strerror}", next_step="set it to a folder that you may write to"
        ) from error
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def open_instance() -> dg.DagsterInstance:
    """The shared instance."""
    import dagster as dg

    from eks_assets.orchestration import dagster_patches

    dagster_patches.install_patches()
    return dg.DagsterInstance.from_config(str(dagster_home()))
