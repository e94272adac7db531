"""The threat model names tests that exist, and every finding has its row."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from sandbox.paths import PROJECT

PAGE = PROJECT / "docs/threat-model.md"
NODE = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)*)`")
ROW = re.compile(r"^\| (\d+) \|(?:[^|]*\|){3} (\w+) \|(.*)\|$", re.MULTILINE)
FINDINGS = 27


@cache
def functions_of(file: str) -> frozenset[str]:
    """The names of all functions and classes in a file of tests; empty where there is none."""
    path = Path(PROJECT / file)
    nodes = ast.walk(ast.parse(path.read_text())) if path.exists() else ()
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef))


def missing_tests(text: str) -> list[str]:
    """The tests that a text names and that are not there."""
    named = [(file, [part for part in names.split("::") if part]) for file, names in NODE.findall(text)]
    return ["::".join([file, *ns]) for file, ns in named if not functions_of(file) or not {*ns} <= functions_of(file)]


def test_every_test_that_the_page_names_exists() -> None:
    """Whoever renames a test says so on the page."""
    assert missing_tests(PAGE.read_text()) == []


def test_every_finding_has_a_row_with_its_tests() -> None:
    """What is closed names the tests that show it; what is open names none."""
    rows = {int(number): (state, tests) for number, state, tests in ROW.findall(PAGE.read_text())}
    assert sorted(rows) == list(range(1, FINDINGS + 1))
    assert {state for state, _ in rows.values()} <= {"closed", "partly", "open"}
    assert [n for n, (state, tests) in rows.items() if (state == "open") == bool(NODE.search(tests))] == []


@pytest.mark.parametrize("name", ["tests/docs/gone.py::test_a", "tests/docs/test_threat_model.py::test_gone"])
def test_test_that_is_not_there_is_noticed(name: str) -> None:
    """The tests above can fail."""
    assert missing_tests(f"`{name}`") == [name]
