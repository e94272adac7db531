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


@pytest.mark.parametrize("options", [[], ["--print", "--apply"]])
def test_bootstrap_needs_one_of_print_and_apply(options: list[str]) -> None:
    """`bootstrap_stack` with neither or both of --print and --apply is refused."""
    result = CliRunner().invoke(app, ["bootstrap", "acme-prod", *options])
    assert isinstance(result.exception, ConfigError)
    assert "exactly one of --print and --apply" in str(result.exception)
