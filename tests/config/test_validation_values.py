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


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("n", False),
        ("Y", True),
        ("off", False),
        ("0o440", 288),
        ("0440", 288),
        ("1_000", 1000),
        ("0b11", 3),
        ("0X1f", 31),
        ("08", 8),
        ("-0o17", -15),
        ("1_000.5", 1000.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("_1", "_1"),
        ("0o8", "0o8"),
        ("0x", "0x"),
        ("1.2.3", "1.2.3"),
        ("12:30", "12:30"),
        ("~", None),
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_scalars_in_values_are_read_as_helm_reads_them(folder: Path, written: str, read: object, beside: bool) -> None:
    """helm 4.3 was asked: `enabled: n` is off there, and a text would be on."""
    file, values = folder / "sandbox.yaml", folder / "values.yaml"
    values.write_text(f"a: {written}\n")
    addon = "{values_file: values.yaml}" if beside else f"{{values: {{a: {written}}}}}"
    file.write_text(file.read_text() + f"addons:\n  karpenter: {addon}\n")
    value = load_environment("sandbox", folder).addons["karpenter"].values["a"]
    assert (type(value), value) == (type(read), read)


def test_addon_settings_are_read_as_helm_reads_them(folder: Path) -> None:
    """What an EKS add-on gets is JSON of the same values; a date is a text in it."""
    cluster = folder / "clusters/sandbox.yaml"
    settings = "    configurationValues: '{on: y, mode: 0o440, since: 2024-05-01}'\n"
    cluster.write_text(cluster.read_text().replace("- name: coredns\n", f"- name: coredns\n{settings}"))
    addon = load_environment("sandbox", folder).cluster.declared_addons[2]
    assert addon.configuration == {"true": True, "mode": 288, "since": "2024-05-01"}
