"""Draws the figures of the documentation: `python docs/figures.py` (or `make docs`) writes them beside this file.

`architecture.svg` shows the layers that import-linter checks, read from its contracts in pyproject.toml;
`platform.svg` shows the units of the registry by wave. Both are plain text that depends on nothing else, so a test
compares them with what this module draws (`tests/docs/test_figures.py`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from eks_assets.graph.registry import Registry
from eks_assets.units import load_registry
from resources.config.waves import WAVES

DOCS = Path(__file__).parent
INK, PALE, LINE, BACKGROUND = "#1f2933", "#616e7c", "#9aa5b1", "#ffffff"
FILL = {"program": "#e3f0ff", "pure": "#e6f6ec", "resources": "#fff3d6", "gate": "#fde2e2"}


@dataclass
class Drawing:
    """An SVG of `width` by `height` pixels, a line of text an element."""

    width: int
    height: int
    title: str
    elements: list[str] = field(default_factory=list)

    def box(self, x: int, y: int, width: int, height: int, fill: str) -> None:
        """A rectangle with round corners."""
        self.elements.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="{fill}" stroke="{LINE}"/>'
        )

    def text(self, x: int, y: int, words: str, *, size: int = 13, color: str = INK, anchor: str = "start") -> None:
        """One line, its baseline at `y`."""
        style = f'font-size="{size}" fill="{color}" text-anchor="{anchor}"'
        self.elements.append(f'<text x="{x}" y="{y}" {style}>{escape(words)}</text>')

    def dashes(self, x: int, y: int, width: int) -> None:
        """A dashed horizontal line."""
        end = x + width
        self.elements.append(f'<line x1="{x}" y1="{y}" x2="{end}" y2="{y}" stroke="{LINE}" stroke-dasharray="4 3"/>')

    def arrow(self, x: int, y: int, length: int) -> None:
        """An arrow to the right."""
        end = x + length
        self.elements.append(f'<path d="M{x} {y}H{end}m-5 -4l5 4l-5 4" fill="none" stroke="{PALE}"/>')

    def svg(self) -> str:
        """The file's text."""
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="ui-monospace, Menlo, Consolas, monospace">'
        ground = f'<rect width="{self.width}" height="{self.height}" fill="{BACKGROUND}"/>'
        return "\n".join([head, f"<title>{escape(self.title)}</title>", ground, *self.elements, "</svg>"]) + "\n"


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


def draw_platform(units: Registry) -> str:
    """The way of a change on top, and below it what is deployed: the units of each wave, in the order of waves."""
    waves = [(wave, sorted(u.name for u in units.units if u.wave == wave)) for wave in WAVES]
    columns = [(wave, names) for wave, names in waves if names]
    tallest = 50 + 19 * max(len(names) for _, names in columns)
    drawing = Drawing(1180, 148 + tallest, "How a change travels, and what is deployed in which order")
    _draw_steps(drawing, ("environments/NAME.yaml", "plan", "approval", "deploy", "health checks", "ledger, mail"))
    what = "each a CloudFormation stack, a Helm release, Kubernetes objects, a git branch or a look at what exists"
    drawing.text(20, 92, f"{len(units.units)} units in {len(columns)} waves, {what}.", size=12, color=PALE)
    names_same = "The same names in plan, status and Dagster; a gate for approvals may stand before any wave."
    drawing.text(20, 110, names_same, size=12, color=PALE)
    for number, (wave, names) in enumerate(columns):
        x = 20 + number * 164
        drawing.box(x, 128, 156, tallest, FILL["pure"])
        drawing.text(x + 9, 150, wave)
        for index, name in enumerate(names):
            drawing.text(x + 9, 174 + index * 19, _shorten(name), size=11, color=PALE)
    return drawing.svg()


def _draw_steps(drawing: Drawing, steps: Sequence[str]) -> None:
    x = 20
    for index, step in enumerate(steps):
        width = 24 + 8 * len(step)
        drawing.box(x, 24, width, 34, FILL["gate" if step == "approval" else "program"])
        drawing.text(x + width // 2, 46, step, anchor="middle")
        x += width
        if index < len(steps) - 1:
            drawing.arrow(x + 6, 41, 26)
            x += 38


def _shorten(name: str, longest: int = 21) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def draw_figures(contracts: Sequence[Mapping[str, Any]] = ()) -> dict[str, str]:
    """File name to text of every figure; `contracts`: others than those of this project."""
    contracts = contracts or read_contracts(DOCS.parent / "pyproject.toml")
    return {"architecture.svg": draw_architecture(contracts), "platform.svg": draw_platform(load_registry())}


if __name__ == "__main__":
    for name, text in draw_figures().items():
        (DOCS / name).write_text(text)
