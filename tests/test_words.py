"""The rules of docs/glossary.md that a program can check: names of public functions, `release`, `found`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PRODUCT = ("eks_assets", "resources", "sensors")
MOST_FOUND = 12
# Names with "release" outside helm's own modules: helm's releases, a check's or an asset's published name.
RELEASES = {"HelmRelease", "ReleasesReady", "build_release_plan", "expect_releases"}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the product by its path."""
    files = sorted(file for top in PRODUCT for file in (PROJECT / top).rglob("*.py"))
    return {str(file.relative_to(PROJECT)): ast.parse(file.read_text()) for file in files}


def words_alone() -> set[str]:
    """The words that the glossary lets stand alone."""
    _, _, section = (PROJECT / "docs/glossary.md").read_text().partition("## Words that may stand alone")
    return {word for line in section.splitlines() if line.startswith("- ") for word in re.findall(r"`(\w+)`", line)}


def is_declared(function: ast.FunctionDef) -> bool:
    """Whether a decorator makes it a unit, one of Dagster's definitions or a command of a group."""
    names = [ast.unparse(d.func if isinstance(d, ast.Call) else d) for d in function.decorator_list]
    return any(name == "unit" or name.startswith("dg.") or name.endswith((".command", ".callback")) for name in names)


def public_functions() -> Iterator[tuple[str, str]]:
    """Path and name of each public function of a module that is no unit, command or definition of Dagster's."""
    for path, tree in modules().items():
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or is_declared(node):
                continue
            if path != f"eks_assets/cli/commands/{node.name}.py":  # a command stands in the file of its name
                yield path, node.name


def test_public_functions_are_named_verb_and_noun() -> None:
    """One word is too short to say outside its module what a function does; the glossary lists the exceptions."""
    alone = words_alone()
    assert "main" in alone
    assert [f"{path}: {name}" for path, name in public_functions() if "_" not in name and name not in alone] == []


def test_release_is_helms_word() -> None:
    """What is submitted for approval is an approval request."""
    named = [
        f"{path}: {node.name}"
        for path, tree in modules().items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and "release" in node.name.lower() and node.name[0] != "_"
        if node.name not in RELEASES and "helm" not in path
    ]
    assert named == []


def test_found_names_a_variable_at_most_a_dozen_times() -> None:
    """A variable says what it holds."""
    places = [
        f"{path}:{node.lineno}"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == "found")
        or (isinstance(node, ast.arg) and node.arg == "found")
    ]
    assert len(places) <= MOST_FOUND, places
