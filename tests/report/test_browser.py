"""The report's pages and the graph's picture in a headless browser: nothing in its console, nothing too wide for a
phone, and every text readable, in light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from eks_assets.graph.drawing import draw_platform
from eks_assets.report.page import build_unreadable_page
from eks_assets.report.rendering import render_fleet, render_page
from eks_assets.units import load_registry
from resources.model.errors import AccessDenied
from tests.helpers.browser import look_at
from tests.helpers.report_example import AT, example_env, example_fleet, example_page

LEAST_CONTRAST = 4.5  # WCAG 2, level AA
LONG = f"{'a' * 300} <b>bold</b> /{'path/' * 60}"
PAGES = {
    "page": lambda: render_page(example_page()),
    "long": lambda: render_page(example_page(LONG)),
    "fleet": lambda: render_fleet(example_fleet(LONG)),
    "unreadable": lambda: render_page(build_unreadable_page(example_env(), AccessDenied(LONG), AT)),
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone_and_can_be_read(name: str, dark: bool, tmp_path: Path) -> None:
    """At 360 pixels, with everything that can be opened open."""
    file = tmp_path / "page.html"
    file.write_text(PAGES[name]())
    seen = look_at(file, 360, dark=dark)
    assert seen["console"] == []
    assert (seen["scroll"], seen["wide"]) == (seen["width"], [])
    assert seen["worst"]["ratio"] >= LEAST_CONTRAST, seen["worst"]
    assert (sum(seen["ground"][:3]) < 120) is dark


def test_browser_notices_what_is_wrong(tmp_path: Path) -> None:
    """The test above can fail: at a script that the policy stops, a wide element and a pale text."""
    file = tmp_path / "page.html"
    faults = '<script>1</script><p style="width: 999px; color: #ccc">pale</p></body>'
    file.write_text(render_page(example_page()).replace("</body>", faults))
    seen = look_at(file, 360)
    assert any("Content Security Policy" in line for line in seen["console"])
    assert seen["scroll"] > seen["width"]
    assert seen["worst"]["text"] == "pale"


def test_picture_of_the_graph_has_nothing_in_the_console(tmp_path: Path) -> None:
    """As an image on a page, as the README has it."""
    (tmp_path / "graph.svg").write_text(draw_platform(load_registry()))
    file = tmp_path / "page.html"
    file.write_text('<!DOCTYPE html><img src="graph.svg" style="max-width: 100%" alt="">')
    seen = look_at(file, 360)
    assert (seen["console"], seen["wide"]) == ([], [])
