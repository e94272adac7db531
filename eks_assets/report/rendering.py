"""Draws the report's pages: one HTML file each, that loads nothing and runs nothing.

Every text on it may be somebody else's (a plan, a name, an error). Jinja2 escapes what HTML reads as markup, `_visible`
what a reader would not see, and the page's Content-Security-Policy forbids scripts, frames, forms and the network.
Source: Jinja2, "HTML Escaping" and "finalize"; W3C, Content Security Policy Level 3.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from eks_assets.plan.wording import with_plural
from eks_assets.report.model import EnvironmentPage, FleetPage, Level
from resources.model.display import escape_text

_VERDICTS: Mapping[Level, str] = {
    "failed": "Something is wrong.",
    "warning": "It works, but not all is as it should be.",
    "waiting": "It waits for an approval.",
    "ok": "All is well.",
}
_LEVEL_WORDS: Mapping[Level, str] = {"failed": "wrong", "warning": "look at it", "waiting": "waits", "ok": "well"}
_FLEET_WORDS: Mapping[Level, str] = {"failed": "wrong", "warning": "to look at", "waiting": "waiting", "ok": "well"}


def render_page(page: EnvironmentPage) -> str:
    """The HTML of one environment's page."""
    return _templates().get_template("environment.html").render(page=page)


def render_fleet(page: FleetPage) -> str:
    """The HTML of the page of all environments."""
    return _templates().get_template("fleet.html").render(page=page)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("eks_assets.report"),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "moment": _moment,
        "duration": _duration,
        "dollars": _dollars,
        "words": _words,
        "plural": with_plural,
    }
    templates.globals |= {"VERDICTS": _VERDICTS, "LEVEL_WORDS": _LEVEL_WORDS, "FLEET_WORDS": _FLEET_WORDS}
    return templates


def _visible(value: Any) -> Any:
    """What stands between {{ }}: what our own templates made as it is, anything else without hidden characters."""
    return value if isinstance(value, Markup | int | float) else escape_text(str(value), keep="\n")


def _moment(time: dt.datetime) -> str:
    return f"{time.astimezone(dt.UTC):%Y-%m-%d %H:%M}"


def _duration(seconds: float) -> str:
    """`45 s`, `12 min 5 s`, `1 h 3 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _dollars(amount: float | None) -> str:
    return "unknown" if amount is None else f"${amount:,.2f}"


def _words(name: str) -> str:
    return name.replace("_", " ")
