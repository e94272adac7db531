"""`eks-assets ui`: Dagster's web interface and daemon."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from eks_assets.orchestration.home import PROJECT, dagster_home


def ui(port: Annotated[int, typer.Option(help="Port of the web interface.")] = 3000) -> None:
    """Open the Dagster UI with its daemon (sensors, schedules, queue); Ctrl-C ends both."""
    os.environ["DAGSTER_HOME"] = str(dagster_home())
    os.chdir(PROJECT)
    dagster = os.path.join(os.path.dirname(sys.executable), "dagster")
    print(f"Dagster UI: http://127.0.0.1:{port}  (Ctrl-C to stop)", flush=True)
    os.execv(dagster, [dagster, "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)])
