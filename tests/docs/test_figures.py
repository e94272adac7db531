"""The figures in docs/ are what `make docs` draws."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from docs.figures import DOCS, draw_figures, layers_of, read_contracts
from sandbox.paths import PROJECT

FIGURES = draw_figures()


@pytest.mark.parametrize("name", FIGURES)
def test_figure_file_is_what_the_command_draws(name: str) -> None:
    """`make docs` writes it again."""
    assert (DOCS / name).read_text() == FIGURES[name]


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_well_formed(name: str) -> None:
    """Every text of the figure is inside of the picture, as far as its first letter tells."""
    root = ElementTree.fromstring(FIGURES[name])
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 <= int(text.attrib["x"]) < int(root.attrib["width"]), text.text
        assert 0 <= int(text.attrib["y"]) < int(root.attrib["height"]), text.text


def test_architecture_figure_shows_every_layer_that_is_checked() -> None:
    """Of the program and of resources."""
    contracts = read_contracts(PROJECT / "pyproject.toml")
    rows = [*layers_of(contracts), *layers_of(contracts, "resources")]
    missing = [name for row in rows for name in row if f">{name}</text>" not in FIGURES["architecture.svg"]]
    assert missing == []


def test_architecture_figure_follows_the_contracts() -> None:
    """A layer that is renamed in pyproject.toml is renamed in the figure."""
    contracts = read_contracts(PROJECT / "pyproject.toml")
    renamed = [
        {**c, "layers": [row.replace("sensors", "watchers") for row in c["layers"]]} if "layers" in c else c
        for c in contracts
    ]
    assert ">watchers</text>" in draw_figures(renamed)["architecture.svg"]
