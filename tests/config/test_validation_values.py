"""Values of add-ons: numbers, dates and keys as Helm and eksctl read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from eks_assets.units import load_registry
from resources.config.loader import check_environment_file, load_environment

UNITS = load_registry().by_name


@pytest.mark.parametrize("value", ["9007199254740992", "-9007199254740992", "1e999"])
def test_values_that_json_cannot_hold_are_reported(folder: Path, value: str) -> None:
    """Numbers that JSON cannot hold are reported in the environment and in the values file."""
    file, values = folder / "sandbox.yaml", folder / "values.yaml"
    values.write_text(f"a: 1\nlist:\n- b: {value}\n")
    line = file.read_text().count("\n") + 3
    file.write_text(
        file.read_text() + f"addons:\n  karpenter:\n    values: {{80: {value}}}\n    values_file: values.yaml\n"
    )
    inline, beside = check_environment_file(file, UNITS)
    assert (inline.file, inline.line, inline.path) == ("environments/sandbox.yaml", line, "addons.karpenter.values.80")
    assert (beside.file, beside.line, beside.path) == ("environments/values.yaml", 3, "list[0].b")
    assert "text in quotes" in inline.message


def test_dates_and_times_in_values_are_text(folder: Path) -> None:
    """Dates and times of day are text, as for Helm and eksctl."""
    file = folder / "sandbox.yaml"
    values = "{tag: 2024-05-01, closes: 12:30, since: 2024-05-01T00:00:00Z}"
    file.write_text(file.read_text() + f"addons:\n  karpenter:\n    values: {values}\n")
    assert check_environment_file(file, UNITS) == []
    loaded = load_environment("sandbox", folder).addons["karpenter"].values
    assert loaded == {"tag": "2024-05-01", "closes": "12:30", "since": "2024-05-01T00:00:00Z"}


def test_keys_in_values_are_text(folder: Path) -> None:
    """A key such as 8080 is the text "8080"."""
    file, values = folder / "sandbox.yaml", folder / "values.yaml"
    values.write_text("tcp: {8080: {from: file, kept: true}}\n")
    addon = '{values_file: values.yaml, values: {tcp: {"8080": {from: here}}}}'
    file.write_text(file.read_text() + f"addons:\n  karpenter: {addon}\n")
    merged = load_environment("sandbox", folder).addons["karpenter"].values
    assert merged == {"tcp": {"8080": {"from": "here", "kept": True}}}
