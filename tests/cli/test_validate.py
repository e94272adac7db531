"""`eks-assets validate` and `schema` as commands, and where they look for environments."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from eks_assets.cli.commands import schema, validate
from resources.config.loader import environment_file, find_folder
from resources.model.errors import ConfigError
from tests.helpers.environment_folder import EXAMPLES, edit


def owned_by(user: int, stat: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
    """A `Path.stat` for which every file is that user's."""

    def with_owner(path: Path, **options: Any) -> os.stat_result:
        fields = list(stat(path, **options))
        return os.stat_result([*fields[:4], user, *fields[5:]])

    return with_owner


class TestFolder:
    def test_it_is_found_from_below(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder.parent / "a/b").mkdir(parents=True)
        monkeypatch.chdir(folder.parent / "a/b")
        assert find_folder() == folder

    def test_the_variable_wins(self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(EXAMPLES))
        assert find_folder() == EXAMPLES
        monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(tmp_path / "nowhere"))
        with pytest.raises(ConfigError, match="not a folder"):
            find_folder()

    def test_way_up_ends_where_others_can_write(
        self, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A folder that somebody planted in or above a folder in which everybody can write is not found."""
        below = tmp_path / "shared/mine"
        below.mkdir(parents=True)
        monkeypatch.chdir(below)
        assert find_folder() == folder
        (tmp_path / "shared/environments").mkdir()
        assert find_folder() == tmp_path / "shared/environments"
        for mode in (0o1777, 0o777):
            (tmp_path / "shared").chmod(mode)
            assert find_folder() == EXAMPLES
            monkeypatch.chdir(tmp_path / "shared")
            assert find_folder() == EXAMPLES
            monkeypatch.chdir(below)

    def test_way_up_ends_at_another_users_folder(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The folder of another user is searched only by somebody who stands in it."""
        monkeypatch.setattr("os.geteuid", lambda: 4711)
        monkeypatch.setattr(Path, "stat", owned_by(4712, Path.stat))
        assert find_folder() == folder
        (folder.parent / "below").mkdir()
        monkeypatch.chdir(folder.parent / "below")
        assert find_folder() == EXAMPLES

    def test_a_misspelt_name(self, folder: Path) -> None:
        with pytest.raises(ConfigError, match="did you mean"):
            environment_file("sandbx", folder)


class TestCommands:
    @pytest.fixture
    def run(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
        app = typer.Typer()
        app.command("validate")(validate.validate)
        app.command("schema")(schema.schema)

        def run(*arguments: str) -> tuple[int, str]:
            result = CliRunner().invoke(app, list(arguments))
            return result.exit_code, result.stdout

        return run

    def test_valid_environments_exit_0(self, folder: Path, run: Callable[..., tuple[int, str]]) -> None:
        assert run("validate") == (0, "1 environment is valid\n")
        assert run("validate", *(str(EXAMPLES / f"{n}.yaml") for n in ("sandbox", "acme-dev", "acme-prod"))) == (
            0,
            "3 environments are valid\n",
        )

    def test_faults_exit_2_and_are_counted(self, folder: Path, run: Callable[..., tuple[int, str]]) -> None:
        edit(folder / "sandbox.yaml", "attempts: 3", "attempts: 0")
        edit(folder / "clusters/sandbox.yaml", "maxSize: 4", "maxSize: 1")
        code, output = run("validate", "sandbox")
        lines = output.splitlines()
        assert code == 2
        assert lines[0].startswith("environments/clusters/sandbox.yaml:")
        assert lines[-1] == "2 problems in 2 files"
        assert len(lines) == 3

    def test_an_unknown_name_is_one_of_the_faults(self, folder: Path, run: Callable[..., tuple[int, str]]) -> None:
        code, output = run("validate", "sandbox", "sandbux")
        assert code == 2
        assert 'did you mean "sandbox"?' in output

    def test_two_environments_of_one_name_in_aws(self, folder: Path, run: Callable[..., tuple[int, str]]) -> None:
        (folder / "twin.yaml").write_text((folder / "sandbox.yaml").read_text())
        code, output = run("validate")
        assert code == 2
        assert "twin.yaml:3: target_env:" in output

    def test_the_schema_is_that_of_the_files(self, run: Callable[..., tuple[int, str]]) -> None:
        code, output = run("schema")
        found = json.loads(output)
        assert code == 0
        assert found["properties"]["cluster"]["type"] == "string"
        assert found["properties"]["deploy"]["enum"] == ["automatic", "manual"]
        assert "name" not in found["properties"]
        assert "file_values" not in output
        code, output = run("schema", "--cluster")
        assert "managedNodeGroups" in json.loads(output)["properties"]
