"""What a deploy shows on a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pytest

from eks_assets.units import load_registry
from resources.aws.session import Aws
from resources.config.environment import Environment
from sandbox.paths import PROJECT
from tests.conftest import Cli

pytestmark = pytest.mark.sandbox


def on_a_terminal(*argv: str) -> str:
    """All that the command line writes to a terminal of 24 lines, its colours and cursor movements left out."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "eks_assets.cli", *argv],
        cwd=PROJECT,
        env={**os.environ, "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "100"},
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    output = b""
    with suppress(OSError):  # the end of a terminal that nobody holds any more
        while part := os.read(ours, 65536):
            output += part
    os.close(ours)
    assert process.wait(60) == 0, output.decode()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode()).replace("\r", "")


def test_deploy_on_terminal_shows_table_without_dagster(platform: Environment, admin: Aws) -> None:
    """A terminal shows the live table; Dagster's own log stays away."""
    admin.client("ssm").delete_parameter(Name=platform.oidc_parameter)
    shown = on_a_terminal("deploy", "sandbox", "--only", "oidc_parameter")
    assert "deploy sandbox: 0 of 1 units done" in shown
    assert "deploy sandbox: 1 of 1 units done" in shown
    assert re.search(r"^cluster +oidc_parameter +done +\d\.\d s", shown, re.MULTILINE)
    assert "STEP_" not in shown
    assert " DEBUG " not in shown


def test_status_in_a_pipe_is_one_line_per_unit(platform: Environment, eks_assets: Cli) -> None:
    """In a pipe nothing is wrapped at the terminal's width."""
    done = eks_assets("status", "sandbox", COLUMNS="80")
    assert done.returncode == 0, done.stdout
    heading, *rows, drift, last = done.stdout.splitlines()
    assert heading.split() == ["wave", "unit", "state", "detail"]
    assert [row.split()[1] for row in rows] == [unit.name for unit in load_registry().units]
    assert drift.startswith("drift: ")
    assert last.startswith("sandbox: ")
    (validation,) = [row for row in rows if row.split()[1] == "validation"]
    assert re.search(r"https://\S+ answers 200 *$", validation)
    assert not any(row.rstrip().endswith(",") for row in rows)
