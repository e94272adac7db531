"""Dagster's partition keys come from whoever can add one: only names of files in the environments' folder open."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest
import yaml

from eks_assets.orchestration.environments import Platform
from resources.context import ignore_progress
from resources.model.errors import ConfigError


@pytest.fixture
def planted(environments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a gated environment, without its gate, beside the environments' folder."""
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    monkeypatch.chdir(tmp_path)
    copy = Path(shutil.copytree(environments, tmp_path / "planted")) / "acme-prod.yaml"
    document = yaml.safe_load(copy.read_text())
    del document["approval"]
    copy.write_text(yaml.safe_dump(document))
    return copy


def open_partition(key: str) -> str:
    run = dg.DagsterRun(job_name="deploy", tags={"dagster/partition": key})
    return Platform().open(key, ignore_progress, run).env.name


@pytest.mark.parametrize(
    "key",
    [
        "{planted}",
        "../planted/acme-prod.yaml",
        "../planted/acme-prod",
        "planted/acme-prod.yaml",
        "environments/acme-dev.yaml",
        "./acme-dev",
        "acme-dev.yaml",
        "acme-dev\0",
        "acme-dev\n",
        "ACME-DEV",
        "acme－dev",
        "..",
        "",
        "/etc/passwd",
        "/proc/self/environ",
        "a" * 5000,
    ],
)
def test_key_that_is_no_name_opens_nothing(planted: Path, key: str) -> None:
    """A path, in whatever form, an extension, capitals, control characters: refused with what is allowed."""
    with pytest.raises(ConfigError, match="is not the name of an environment; allowed: the name of a file") as refused:
        open_partition(key.format(planted=planted))
    assert len(str(refused.value)) < 1000
    assert str(refused.value).isprintable() or "\n" in str(refused.value)


def test_link_out_of_the_folder_opens_nothing(planted: Path, environments: Path) -> None:
    """A file of the folder that is a link to one elsewhere is refused; a link inside of the folder, as mounted
    ConfigMaps have them, is not."""
    (environments / "linked.yaml").symlink_to(planted)
    with pytest.raises(ConfigError, match="is a link out of"):
        open_partition("linked")
    (environments / "linked.yaml").unlink()
    (environments / "linked.yaml").symlink_to("acme-dev.yaml")
    assert open_partition("linked") == "linked"


def test_name_opens_its_environment(planted: Path) -> None:
    """A name opens the environment of that name."""
    assert open_partition("acme-dev") == "acme-dev"
