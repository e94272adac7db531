"""The commands of `eks-assets`: what `--help` lists without importing them, and what each of them is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from eks_assets.cli.app import COMMANDS, app, load_command
from sandbox.paths import PROJECT

COMMAND_FILES = {file.stem for file in (PROJECT / "eks_assets/cli/commands").glob("*.py")} - {"__init__"}


def first_paragraph(help_text: str | None) -> str:
    return " ".join((help_text or "").partition("\n\n")[0].split())


def test_every_command_file_is_listed() -> None:
    """The lazy list of commands holds every file of `cli/commands/`."""
    assert {name.replace("-", "_") for name in COMMANDS} == COMMAND_FILES


@pytest.mark.parametrize("name", COMMANDS)
def test_listed_help_is_first_paragraph_of_commands_help(name: str) -> None:
    """The help in the list is what the command itself says."""
    command = load_command(name)
    assert command.name == name
    assert first_paragraph(command.help) == COMMANDS[name]


def test_help_lists_every_command_and_imports_none() -> None:
    """`--help` imports neither commands nor AWS's and Dagster's libraries."""
    check = (
        "import sys; from typer.testing import CliRunner; from eks_assets.cli.app import app\n"
        "print(CliRunner().invoke(app, ['--help']).stdout)\n"
        "loaded = [m for m in sys.modules if m.startswith(('eks_assets.cli.commands.', 'boto3', 'dagster'))]\n"
        "sys.exit(f'imported {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("│ ") and line[2] != " "]
    assert [name for name in listed if name in COMMANDS] == list(COMMANDS)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "sandbox"])
def test_help_of_command_shows_its_options(name: str) -> None:
    """Every option of the command is in its help."""
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0
    options = [option for parameter in load_command(name).params for option in parameter.opts if option[0] == "-"]
    assert [option for option in options if option not in result.stdout] == []


def test_sandbox_is_a_group_of_commands() -> None:
    """`sandbox --help` lists the commands of the group."""
    result = CliRunner().invoke(app, ["sandbox", "--help"])
    assert result.exit_code == 0
    assert {"up", "down", "status", "reset", "env", "mail"} <= set(result.stdout.split())


def test_unknown_command_exits_2_with_suggestion() -> None:
    """A misspelt command exits with 2 and names the nearest one."""
    result = CliRunner().invoke(app, ["deplay"])
    assert result.exit_code == 2
    assert "deploy" in result.stderr


def test_version_option_prints_the_packages_version() -> None:
    """`--version` prints the version of pyproject.toml."""
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, "eks-assets 0.1.0\n")


def test_commands_have_their_imports_at_the_top() -> None:
    """Except `token`, which answers without loading AWS's libraries where it can."""
    for name in COMMAND_FILES - {"token"}:
        source = (PROJECT / f"eks_assets/cli/commands/{name}.py").read_text()
        assert "\n    from " not in source, name
        assert "TYPE_CHECKING" not in source, name
