"""`eks-assets graph`: the waves and their units as a picture."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from eks_assets.graph.drawing import FORMATS
from eks_assets.units import load_registry


class PictureFormat(StrEnum):
    """How the picture is written."""

    SVG = "svg"
    MERMAID = "mermaid"
    DOT = "dot"


Format = Annotated[PictureFormat, typer.Option("--format", help="A picture, or the text that a program draws from.")]


def graph(picture: Format = PictureFormat.SVG) -> None:
    """Print the waves and their units as a picture: SVG, or the text of one for Mermaid or Graphviz."""
    print(FORMATS[picture](load_registry()), end="")
