"""The graph as a picture: the units of each wave, as SVG, Mermaid or DOT. Pure.

`eks-assets graph` prints it; `docs/figures.py` draws the other figures of the documentation with the same `Drawing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from eks_assets.graph.registry import Registry
from resources.config.waves import WAVES

INK, PALE, LINE, BACKGROUND = "#1f2933", "#52606d", "#9aa5b1", "#ffffff"
FILL = {"program": "#e3f0ff", "pure": "#e6f6ec", "resources": "#fff3d6", "gate": "#fde2e2"}
# What stands for each of these colors where the reader's system is dark.
_DARK = {
    INK: "#e6eaef",
    PALE: "#b3bdc9",
    LINE: "#5b6773",
    BACKGROUND: "#12171d",
    FILL["program"]: "#1c2f45",
    FILL["pure"]: "#1b3527",
    FILL["resources"]: "#3b3218",
    FILL["gate"]: "#452327",
}


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
        lines = [head, f"<title>{escape(self.title)}</title>", _STYLE, ground, *self.elements, "</svg>"]
        return "\n".join(lines) + "\n"


def _dark_style() -> str:
    """Every color of the drawing by its counterpart, where the reader asks for dark."""
    rules = (f'[{part}="{color}"]{{{part}:{dark}}}' for color, dark in _DARK.items() for part in ("fill", "stroke"))
    return f"<style>svg{{max-width:100%;height:auto}}@media (prefers-color-scheme:dark){{{''.join(rules)}}}</style>"


_STYLE = _dark_style()


def draw_platform(units: Registry) -> str:
    """The way of a change on top, and below it what is deployed: the units of each wave, in the order of waves."""
    columns = units_by_wave(units)
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


def draw_mermaid(units: Registry) -> str:
    """The waves with their units, and an arrow from each unit to those that need it, as Mermaid draws it.

    Source: https://mermaid.js.org/syntax/flowchart.html (`end` is a word of its own there, so a node is never a bare
    name)."""
    lines = ["flowchart LR"]
    for wave, names in units_by_wave(units):
        lines += [f"  subgraph wave_{wave}[{wave}]", *(f"    unit_{name}[{name}]" for name in names), "  end"]
    arrows = (f"  unit_{need} --> unit_{unit.name}" for unit in units.units for need in direct_needs(units, unit.name))
    return "\n".join([*lines, *arrows]) + "\n"


def draw_dot(units: Registry) -> str:
    """The same for Graphviz: `eks-assets graph --format dot | dot -Tsvg`. Source: https://graphviz.org/doc/info/lang.html"""
    lines = ["digraph platform {", "  rankdir=LR;", '  node [shape=box, style=rounded, fontname="monospace"];']
    for wave, names in units_by_wave(units):
        members = (f'    "{name}";' for name in names)
        lines += [f'  subgraph "cluster_{wave}" {{', f'    label="{wave}";', *members, "  }"]
    arrows = (f'  "{need}" -> "{unit.name}";' for unit in units.units for need in direct_needs(units, unit.name))
    return "\n".join([*lines, *arrows, "}"]) + "\n"


def units_by_wave(units: Registry) -> list[tuple[str, list[str]]]:
    """The waves that have units, in order, with the names of these, sorted."""
    waves = ((wave, sorted(u.name for u in units.units if u.wave == wave)) for wave in WAVES)
    return [(wave, names) for wave, names in waves if names]


def direct_needs(units: Registry, name: str) -> list[str]:
    """What the unit needs, without what another of these needs already: as many arrows as the picture takes."""
    needs = units.needs[name]
    return [need for need in needs if not any(need in _all_needs(units, other) for other in needs)]


def _all_needs(units: Registry, name: str) -> set[str]:
    return {below for need in units.needs[name] for below in (need, *_all_needs(units, need))}


FORMATS: Mapping[str, Callable[[Registry], str]] = {"svg": draw_platform, "mermaid": draw_mermaid, "dot": draw_dot}
