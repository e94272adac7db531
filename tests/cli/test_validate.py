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
    def test_environments_folder_is_found_from_below(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The folder is looked for in the parents of the current one."""
        (folder.parent / "a/b").mkdir(parents=True)
        monkeypatch.chdir(folder.parent / "a/b")
        assert find_folder() == folder

    def test_environments_variable_overrides_the_folder(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """EKS_ASSETS_ENVIRONMENTS wins, and must name a folder."""
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

    def test_misspelt_environment_is_refused_with_suggestion(self, folder: Path) -> None:
        """A misspelt name is answered with the nearest."""
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

    def test_validate_exits_0_for_valid_environments(self, folder: Path, run: Callable[..., tuple[int, str]]) -> None:
        """Valid environments are counted."""
        assert run("validate") == (0, "1 environment is valid\n")
        assert run("validate", *(str(EXAMPLES / f"{n}.yaml") for n in ("sandbox", "acme-dev", "acme-prod"))) == (
            0,
            "3 environments are valid\n",
        )

    def test_validate_exits_2_and_counts_faults(self, folder: Path, run: Callable[..., tuple[int, str]]) -> None:
        """One line per fault, and their number at the end."""
        edit(folder / "sandbox.yaml", "attempts: 3", "attempts: 0")
        edit(folder / "clusters/sandbox.yaml", "maxSize: 4", "maxSize: 1")
        code, output = run("validate", "sandbox")
        lines = output.splitlines()
        assert code == 2
        assert lines[0].startswith("environments/clusters/sandbox.yaml:")
        assert lines[-1] == "2 problems in 2 files"
        assert len(lines) == 3

    def test_validate_counts_unknown_name_as_fault(self, folder: Path, run: Callable[..., tuple[int, str]]) -> None:
        """An unknown name is a fault like others."""
        code, output = run("validate", "sandbox", "sandbux")
        assert code == 2
        assert 'did you mean "sandbox"?' in output

    def test_validate_refuses_two_files_for_one_platform(
        self, folder: Path, run: Callable[..., tuple[int, str]]
    ) -> None:
        """Two files with the same tenant and target_env are a fault."""
        (folder / "twin.yaml").write_text((folder / "sandbox.yaml").read_text())
        code, output = run("validate")
        assert code == 2
        assert "twin.yaml:3: target_env: describes the platform of sandbox too" in output

    @pytest.mark.parametrize("name", ["sandbox", "twin"])
    def test_validate_of_one_file_names_its_twin(
        self, folder: Path, run: Callable[..., tuple[int, str]], name: str
    ) -> None:
        """A file is compared with the others in its folder, also by its path; a broken neighbour stops nothing."""
        (folder / "twin.yaml").write_text((folder / "sandbox.yaml").read_text())
        (folder / "broken.yaml").write_text("[")
        other = {"sandbox": "twin", "twin": "sandbox"}[name]
        for argument in (name, f"environments/{name}.yaml"):
            code, output = run("validate", argument)
            assert code == 2
            assert f"{name}.yaml:3: target_env: describes the platform of {other} too" in output
            assert "broken.yaml" not in output

    def test_schema_describes_environment_and_cluster_files(self, run: Callable[..., tuple[int, str]]) -> None:
        """The schema has the fields of the files, and none that the loader adds."""
        code, output = run("schema")
        json_schema = json.loads(output)
        assert code == 0
        assert json_schema["properties"]["cluster"]["type"] == "string"
        assert json_schema["properties"]["deploy"]["enum"] == ["automatic", "manual"]
        assert "name" not in json_schema["properties"]
        assert "file_values" not in output
        code, output = run("schema", "--cluster")
        assert "managedNodeGroups" in json.loads(output)["properties"]
