"""The command `bootstrap_stack`: it prints the template or applies it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from eks_assets.cli.app import app
from resources.bootstrap import stack as bootstrap_stack
from resources.config.loader import load_environment
from resources.model.errors import ConfigError
from resources.model.outputs import plain_document


def test_bootstrap_print_writes_template_alone() -> None:
    """`bootstrap --print` writes the template and nothing else."""
    result = CliRunner().invoke(app, ["bootstrap", "acme-prod", "--print"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == plain_document(
        bootstrap_stack.build_bootstrap_template(load_environment("acme-prod"))
    )


@pytest.mark.parametrize("options", [[], ["--print", "--apply"], ["--apply", "--remove"]])
def test_bootstrap_needs_one_of_print_and_apply(options: list[str]) -> None:
    """`bootstrap_stack` with neither or both of --print and --apply is refused."""
    result = CliRunner().invoke(app, ["bootstrap", "acme-prod", *options])
    assert isinstance(result.exception, ConfigError)
    assert "exactly one of --print, --apply and --remove" in str(result.exception)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--apply", "--delete-ledger"], "go with --remove"),
        (["--print", "--from-ledger"], "go with --remove"),
        (["--remove", "--from-ledger"], "the file of acme-prod is there"),
    ],
)
def test_options_of_a_removal_are_refused_elsewhere(options: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["bootstrap", "acme-prod", *options])
    assert isinstance(result.exception, ConfigError)
    assert words in str(result.exception)
