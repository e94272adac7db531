"""Owners and links to the source, as Dagster shows them on every asset."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from eks_assets.definitions import build_deployed_assets
from eks_assets.graph.unit import AnyUnit
from eks_assets.orchestration.assets import asset_for
from eks_assets.orchestration.code_location import CodeLocation, read_code_location
from eks_assets.orchestration.plan_assets import build_plan
from eks_assets.units import load_registry

PROJECT = Path(__file__).parents[2]
REPOSITORY = "https://git.acme.example/platform/eks/blob/3f2a9c1"


def test_code_location_has_default_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without variables the owner is team:platform, and there are no links into a repository."""
    for variable in ("EKS_ASSETS_OWNERS", "EKS_ASSETS_SOURCE_URL"):
        monkeypatch.delenv(variable, raising=False)
    assert read_code_location() == CodeLocation(owners=("team:platform",), source_url=None)


def test_code_location_reads_owners_and_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables name owners, separated by commas, and the repository."""
    monkeypatch.setenv("EKS_ASSETS_OWNERS", "team:payments, ops@acme.example")
    monkeypatch.setenv("EKS_ASSETS_SOURCE_URL", f"{REPOSITORY}/")
    assert read_code_location() == CodeLocation(("team:payments", "ops@acme.example"), REPOSITORY)


def test_asset_has_owners_of_code_location() -> None:
    """Every unit's asset and the plan have the code location's owners."""
    location = CodeLocation(owners=("team:payments", "ops@acme.example"))
    for asset in [*build_deployed_assets(location), build_plan(load_registry(), location)]:
        assert tuple(asset.owners_by_key[asset.key]) == location.owners


@pytest.mark.parametrize("unit", load_registry().units, ids=lambda unit: unit.name)
def test_asset_links_to_the_function_of_its_unit(unit: AnyUnit) -> None:
    """The file and the line that an editor opens say `def` or are the decorator above it."""
    asset = asset_for(unit, load_registry(), CodeLocation())
    (reference,) = references_of(asset)
    assert isinstance(reference, dg.LocalFileCodeReference)
    file, line = Path(reference.file_path), reference.line_number
    assert line is not None
    assert file.relative_to(PROJECT).as_posix() == f"{unit.fn.__module__.replace('.', '/')}.py"
    lines = file.read_text().splitlines()[line - 1 :]
    first_def = next(text for text in lines if text.startswith("def "))
    assert first_def.startswith(f"def {unit.fn.__name__}(")


def test_asset_links_into_repository_with_known_url() -> None:
    """With the repository's address an asset links to its line there."""
    unit = load_registry()["network"]
    asset = asset_for(unit, load_registry(), CodeLocation(source_url=REPOSITORY))
    (reference,) = references_of(asset)
    assert isinstance(reference, dg.UrlCodeReference)
    assert reference.url.startswith(f"{REPOSITORY}/eks_assets/units/network/network.py#L")


def references_of(asset: dg.AssetsDefinition) -> list[dg.LocalFileCodeReference | dg.UrlCodeReference]:
    """The links that the UI shows of an asset."""
    return list(asset.metadata_by_key[asset.key]["dagster/code_references"].code_references)
