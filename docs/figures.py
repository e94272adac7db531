"""Draws the figures of the documentation: `python docs/figures.py` (or `make docs`) writes them beside this file.

`architecture.svg` shows the layers that import-linter checks, read from its contracts in pyproject.toml;
`platform.svg` is what `eks-assets graph` prints. Both are plain text that depends on nothing else, so a test
compares them with what this module draws (`tests/docs/test_figures.py`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eks_assets.graph.drawing import FILL, PALE, Drawing, draw_platform
from eks_assets.units import load_registry

DOCS = Path(__file__).parent


def read_contracts(pyproject: Path) -> list[dict[str, Any]]:
    """import-linter's contracts, in the order of the file."""
    contracts: list[dict[str, Any]] = tomllib.loads(pyproject.read_text())["tool"]["importlinter"]["contracts"]
    return contracts


def layers_of(contracts: Iterable[Mapping[str, Any]], container: str = "") -> list[list[str]]:
    """The rows of the layers contract of that container, from the top down; a row's modules stand side by side.

    Raises StopIteration where there is no such contract."""
    wanted = [container] if container else []
    contract = next(c for c in contracts if c["type"] == "layers" and c.get("containers", []) == wanted)
    return [row.replace(" : ", " | ").split(" | ") for row in contract["layers"]]


def draw_architecture(contracts: Sequence[Mapping[str, Any]]) -> str:
    """The layers of the program on the left, and on the right what its lowest row, `resources`, is made of."""
    program, resources = layers_of(contracts), layers_of(contracts, "resources")
    waves = layers_of(contracts, "eks_assets.units")
    pure = set(next(c for c in contracts if c["name"] == "What is pure stays pure")["source_modules"])
    drawing = Drawing(980, 554, "The layers of the program and of resources")
    for x, heading in ((30, "The program"), (540, "resources")):
        drawing.text(x, 34, heading, size=16)
        drawing.text(x, 54, "a row may import the rows below it", size=11, color=PALE)
    bottom = _stack(drawing, program, (30, 70, 410), pure, "program")
    _stack(drawing, resources, (540, 70, 410), pure, "resources", prefix="resources.")
    _mark_dagster(drawing, next(index for index, names in enumerate(program) if "eks_assets.orchestration" in names))
    drawing.text(30, bottom + 24, "eks_assets.units: a wave may import the waves before it", size=11, color=PALE)
    order = [" and ".join(names) for names in reversed(waves)]
    for number, part in enumerate((order[:3], order[3:])):
        words = " > ".join(part) + (" >" if number == 0 else "")
        drawing.text(30, bottom + 42 + 16 * number, words, size=11, color=PALE)
    drawing.box(540, 524, 14, 14, FILL["pure"])
    drawing.text(562, 536, "pure: reaches neither AWS nor the cluster", size=11, color=PALE)
    return drawing.svg()


def _mark_dagster(drawing: Drawing, lowest_row: int) -> None:
    """A line below the lowest row that may import Dagster."""
    y = 70 + (lowest_row + 1) * 44 - 4
    drawing.dashes(22, y, 426)
    drawing.text(448, y - 6, "Dagster", size=11, color=PALE)
    drawing.text(448, y + 14, "no Dagster", size=11, color=PALE)


def _stack(
    drawing: Drawing,
    rows: Sequence[Sequence[str]],
    place: tuple[int, int, int],
    pure: set[str],
    kind: str,
    prefix: str = "",
) -> int:
    """The rows from the top down at `place` (x, y, width); returns where they end."""
    x, y, width = place
    for names in rows:
        each = (width - 10 * (len(names) - 1)) // len(names)
        for index, name in enumerate(names):
            left = x + index * (each + 10)
            fill = FILL["pure"] if prefix + name in pure else FILL["resources" if name == "resources" else kind]
            drawing.box(left, y, each, 36, fill)
            drawing.text(left + each // 2, y + 23, name, anchor="middle")
        y += 44
    return y


def draw_figures(contracts: Sequence[Mapping[str, Any]] = ()) -> dict[str, str]:
    """File name to text of every figure; `contracts`: others than those of this project."""
    contracts = contracts or read_contracts(DOCS.parent / "pyproject.toml")
    return {"architecture.svg": draw_architecture(contracts), "platform.svg": draw_platform(load_registry())}


if __name__ == "__main__":
    for name, text in draw_figures().items():
        (DOCS / name).write_text(text)
