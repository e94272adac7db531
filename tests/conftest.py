"""Fixtures that many tests share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cfnlint.api import lint_all

from resources.environment import Environment
from resources.environment_files import load_environment
from resources.outputs import plain

# I4010 asks for prose in the template's metadata; W3010 for the account's own list of zones, where we name them.
ACCEPTED_RULES = {"I4010", "W3010"}
Lint = Callable[[dict[str, Any]], list[str]]


@pytest.fixture
def sandbox_env() -> Environment:
    """The environment that `environments/sandbox.yaml` describes."""
    return load_environment("sandbox")


@pytest.fixture
def prod_env() -> Environment:
    """`environments/acme-prod.yaml`: three zones, endpoints, every role named, a zone in another account."""
    return load_environment("acme-prod")


@pytest.fixture
def lint() -> Lint:
    """What cfn-lint finds in a template, one line a finding."""

    def find(template: dict[str, Any]) -> list[str]:
        found = lint_all(json.dumps(plain(template)))
        return [f"{m.rule.id} {m.message} {list(m.path)}" for m in found if m.rule.id not in ACCEPTED_RULES]

    return find
