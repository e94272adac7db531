"""Takes the pictures of report.md: `make report-images`, or `python docs/report_images.py`, writes them to images/.

They show the example of the tests (`tests/helpers/report_example.py`), so that nobody's account is on them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from eks_assets.report.rendering import render_fleet, render_page
from tests.helpers.browser import take_picture
from tests.helpers.report_example import example_fleet, example_page

IMAGES = Path(__file__).parent / "images"


def write_images() -> None:
    """Each page as it is read: on a screen by day, on one by night, on a phone."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page, fleet = Path(folder, "page.html"), Path(folder, "fleet.html")
        page.write_text(render_page(example_page()))
        fleet.write_text(render_fleet(example_fleet()))
        take_picture(page, IMAGES / "report.png", (900, 700))
        take_picture(page, IMAGES / "report-dark.png", (900, 700), dark=True)
        take_picture(page, IMAGES / "report-phone.png", (360, 700))
        take_picture(fleet, IMAGES / "report-fleet.png", (900, 560))


if __name__ == "__main__":
    write_images()
