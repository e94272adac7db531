"""Bounds of what is read from files that others wrote: size, values, depth, time; each refusal names its setting."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from resources.config.field_types import YamlText
from resources.config.loader import check_environment_file
from resources.config.yaml_document import parse_yaml, read_yaml
from resources.model.errors import ConfigError
from resources.support.yaml_limits import read_limits
from tests.helpers.environment_folder import edit
from tests.helpers.yaml_bombs import ALIAS_BOMB, MERGE_BOMB

FILE = Path("x.yaml")


def faults_in(text: str) -> list[str]:
    began = time.thread_time()
    _, problems = parse_yaml(text, FILE)
    assert time.thread_time() - began < 5
    return [problem.message for problem in problems]


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        (ALIAS_BOMB, "EKS_ASSETS_INPUT_NODES"),
        (MERGE_BOMB, "EKS_ASSETS_INPUT_NODES"),
        (f"a: &a [{'x, ' * 1000}]\nb: [{'*a, ' * 1000}]\n", "EKS_ASSETS_INPUT_NODES"),
        (f"{{? {'[' * 40}{']' * 40} : {'[' * 70}{']' * 70}}}", "EKS_ASSETS_INPUT_DEPTH"),
        ("- " * 100 + "a", "EKS_ASSETS_INPUT_DEPTH"),
        ("- x\n" * 150_000, "EKS_ASSETS_INPUT_NODES"),
        ("a: " + "x" * 1024 * 1024, "EKS_ASSETS_INPUT_BYTES"),
        ("a: " + "é" * 600 * 1024, "EKS_ASSETS_INPUT_BYTES"),
    ],
    ids=["aliases", "merges", "one-list-often", "depth", "depth-of-blocks", "values", "bytes", "bytes-not-characters"],
)
def test_text_beyond_a_bound_is_refused(text: str, setting: str) -> None:
    """What is beyond a bound is refused at once, and the refusal says which setting moves the bound."""
    (message,) = faults_in(text)
    assert "; allowed: " in message
    assert setting in message


def test_deep_nesting_ends_in_a_fault() -> None:
    """Nesting that would use up the stack is refused as well."""
    assert len(faults_in("[" * 500_000)) == 1


def test_alias_to_its_own_part_is_refused() -> None:
    """A part that contains itself is refused."""
    (message,) = faults_in("a: &a [1, *a]")
    assert "an alias refers to a part that it stands in" in message


def test_ordinary_aliases_are_read() -> None:
    """Aliases are allowed, and so is a file just within the bounds."""
    document, problems = parse_yaml("a: &a {x: 1}\nb: {<<: *a, z: 2}\nc: [*a, *a]\n", FILE)
    assert problems == []
    assert document is not None
    assert document.data["b"] == {"x": 1, "z": 2}
    assert faults_in("- x\n" * 99_000) == []


def test_bounds_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bound has its environment variable; a setting that is no number above 0 is refused, not ignored."""
    monkeypatch.setenv("EKS_ASSETS_INPUT_DEPTH", "2")
    assert "allowed: 2 (EKS_ASSETS_INPUT_DEPTH sets this bound)" in faults_in("[[[1]]]")[0]
    for wrong in ("0", "-1", "many", "1e3", "nan"):
        monkeypatch.setenv("EKS_ASSETS_INPUT_DEPTH", wrong)
        with pytest.raises(ConfigError, match="EKS_ASSETS_INPUT_DEPTH is"):
            read_limits()


def test_reading_ends_after_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that takes longer than its seconds is given up."""
    monkeypatch.setenv("EKS_ASSETS_INPUT_SECONDS", "0.0000001")
    assert "EKS_ASSETS_INPUT_SECONDS" in faults_in("- x\n" * 1000)[0]


def test_large_file_is_not_read_whole(tmp_path: Path) -> None:
    """A file larger than the bound is refused without being read: this one has a terabyte."""
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(1024**4)
    document, (problem,) = read_yaml(tmp_path / "large.yaml")
    assert document is None
    assert "EKS_ASSETS_INPUT_BYTES" in problem.message


@pytest.mark.parametrize("file", ["sandbox.yaml", "clusters/sandbox.yaml", "values.yaml"])
def test_bomb_in_any_file_of_an_environment_is_refused(folder: Path, file: str) -> None:
    """The environment file, its ClusterConfig and its values files have the same bounds."""
    if file == "values.yaml":
        with (folder / "sandbox.yaml").open("a") as environment:
            environment.write("addons:\n  karpenter: {values_file: values.yaml}\n")
    (folder / file).write_text(ALIAS_BOMB)
    (problem,) = (p for p in check_environment_file(folder / "sandbox.yaml") if "EKS_ASSETS" in p.message)
    assert problem.file.endswith(file)


def test_bomb_in_yaml_inside_of_a_field_is_refused(folder: Path) -> None:
    """An EKS add-on's configurationValues are YAML in a text, with the same bounds."""
    from pydantic import TypeAdapter, ValidationError

    with pytest.raises(ValidationError, match="EKS_ASSETS_INPUT_NODES"):
        TypeAdapter(YamlText).validate_python(ALIAS_BOMB)


def test_thousands_of_wrong_fields_are_counted_not_explained(folder: Path) -> None:
    """Of very many faults the first are explained, so that a file of wrong fields does not take minutes."""
    edit(folder / "sandbox.yaml", "tenant:", "".join(f"wrong{n}: 1\n" for n in range(20_000)) + "tenant:")
    began = time.thread_time()
    problems = check_environment_file(folder / "sandbox.yaml")
    assert time.thread_time() - began < 20
    assert any("19800 more faults" in problem.message for problem in problems)
