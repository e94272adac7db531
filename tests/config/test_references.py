"""What an environment's files may refer to and hold: nothing outside of their folder, no passwords in addresses, no
marks of the plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.config.loader import check_environment_file
from tests.helpers.environment_folder import edit

SECRET = "hunter2-planted"


@pytest.fixture
def outside(folder: Path) -> Path:
    """A file with a secret, beside the folder of environments."""
    file = folder.parent / "outside.yaml"
    file.write_text(f"password: {SECRET}\n")
    return file


def messages(folder: Path) -> str:
    return "\n".join(map(str, check_environment_file(folder / "sandbox.yaml")))


@pytest.mark.parametrize(
    "name", ["../outside.yaml", "{outside}", "/proc/self/status", "link.yaml", "links/outside.yaml", "loop.yaml", "."]
)
@pytest.mark.parametrize("field", ["cluster", "values_file"])
def test_file_outside_of_the_folder_is_refused(folder: Path, outside: Path, name: str, field: str) -> None:
    """A file elsewhere, by a relative or absolute path or a link, is refused at its field; its content is not shown."""
    (folder / "link.yaml").symlink_to(outside)
    (folder / "links").symlink_to(outside.parent)
    (folder / "loop.yaml").symlink_to("loop.yaml")
    path = name.format(outside=outside)
    if field == "cluster":
        edit(folder / "sandbox.yaml", "cluster: clusters/sandbox.yaml", f"cluster: {path}")
    else:
        with (folder / "sandbox.yaml").open("a") as file:
            file.write(f"addons:\n  karpenter: {{values_file: '{path}'}}\n")
    (problem,) = check_environment_file(folder / "sandbox.yaml")
    assert problem.path in ("cluster", "addons.karpenter.values_file")
    assert "is not inside of environments; allowed: " in problem.message or name in (".", "loop.yaml")
    assert SECRET not in str(problem)


def test_link_inside_of_the_folder_is_followed(folder: Path) -> None:
    """Links inside of the folder are files, as in a mounted ConfigMap."""
    (folder / "clusters/sandbox.yaml").rename(folder / "real.yaml")
    (folder / "clusters/sandbox.yaml").symlink_to("../real.yaml")
    assert messages(folder) == ""


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("oci://${SANDBOX_REGISTRY}/charts", f"oci://user:{SECRET}@registry.example/charts", "charts.mirror"),
        ("oci://${SANDBOX_REGISTRY}/charts", f"https://user:{SECRET}@registry.example/charts", "charts.mirror"),
        ("oci://${SANDBOX_REGISTRY}/charts", "oci://someone@registry.example/charts", "charts.mirror"),
        ("edge: ${SANDBOX_EDGE}", f"edge: tcp://user:{SECRET}@host:443", "edge"),
        (
            "variables:",
            f"variables:\n    SOURCE: https://:{SECRET}@git.example/x",
            "git.variables.SOURCE",
        ),
    ],
)
def test_address_with_a_password_is_refused(folder: Path, old: str, new: str, path: str) -> None:
    """An address with a user or password is refused, and the refusal does not repeat it."""
    edit(folder / "sandbox.yaml", old, new)
    assert path in {problem.path for problem in check_environment_file(folder / "sandbox.yaml")}
    assert SECRET not in messages(folder)


@pytest.mark.parametrize("text", ["⟦network.vpc_id⟧", '"\\u27e6network.vpc_id\\u27e7"', "a⟧b"])
@pytest.mark.parametrize("place", ["value", "key", "values file", "cluster"])
def test_marks_of_what_is_known_after_apply_are_refused(folder: Path, text: str, place: str) -> None:
    """A plan's `(known after apply)` cannot be written by hand, in no file, neither as a value nor as a key."""
    with (folder / "sandbox.yaml").open("a") as file:
        values = {"value": f"values: {{a: {text}}}", "key": f"values: {{a: {{{text}: 1}}}}"}
        file.write(f"addons:\n  karpenter: {{{values.get(place, 'values_file: values.yaml')}}}\n")
    (folder / "values.yaml").write_text(f"a: [{text}]\n" if place == "values file" else "a: 1\n")
    if place == "cluster":
        edit(folder / "clusters/sandbox.yaml", "  tags:\n", f"  tags:\n    a: {text}\n")
    assert "holds one of ⟦ ⟧; allowed: any other characters" in messages(folder)
