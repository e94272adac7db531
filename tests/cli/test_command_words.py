"""Every command that the project tells people to run exists: in source, messages, documents and the README.

After datasette's tests/test_docs.py, which holds documentation against the program.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from eks_assets.cli.app import COMMANDS, load_command
from sandbox.paths import PROJECT

# Commands that other open issues bring are added to the program, and thereby here, when they are built.
COMMAND = re.compile(r"eks-assets (?P<verb>[a-z][a-z-]*)(?: (?P<rest>[a-z|-]*))?")
# Words after the project's name that are no command: "the eks-assets package".
PROSE: set[str] = set()


def texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    files = [PROJECT / name for name in listed.split("\0") if name and not name.startswith("tests/")]
    return [file for file in files if file.suffix in {".py", ".md", ".yaml", ".json", ".toml"} or file.suffix == ""]


def unknown_commands(text: str) -> list[str]:
    """The commands in a text that `eks-assets` does not have."""
    unknown = []
    for command in COMMAND.finditer(text):
        verb, rest = command["verb"], command["rest"] or ""
        if verb not in COMMANDS and verb not in PROSE:
            unknown.append(verb)
        elif verb == "sandbox":
            unknown += [f"sandbox {word}" for word in rest.split("|") if word and word not in sandbox_commands()]
    return unknown


def sandbox_commands() -> set[str]:
    group: Any = load_command("sandbox")
    return set(group.commands)


@pytest.mark.parametrize("file", texts(), ids=lambda file: str(file.relative_to(PROJECT)))
def test_commands_that_a_file_names_exist(file: Path) -> None:
    """Every `eks-assets WORD` in the file is a command."""
    assert unknown_commands(file.read_text(errors="replace")) == []


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("run: eks-assets remove acme-prod", ["remove"]),
        ("eks-assets sandbox up|dwon", ["sandbox dwon"]),
        ("eks-assets deploy acme-prod, then eks-assets undo", ["undo"]),
        ("`eks-assets/holder`, eks-assets --version", []),
    ],
)
def test_unknown_commands_are_reported(text: str, unknown: list[str]) -> None:
    """The test above can fail."""
    assert unknown_commands(text) == unknown
