"""Nothing that stands in a plan acts on the terminal, the comment or the UI that shows it."""

from __future__ import annotations

import re

import pytest

from eks_assets.plan.markdown import render_by_wave, render_markdown, summary_line
from eks_assets.plan.terminal import render_lines
from tests.helpers.plans import change, field, report

EVIL = "\x1b[1A\x1b[2K\x1b[8m\u202eevil\x9b2J\x85\u2028<img src=x>`b` [l](https://evil.example) @acme/admins"
KEY = 'values["\x1b[1A\x1b[2K\x1b[8mevil\u202e"]'
PLAN = report(
    change(
        "loki",
        field(KEY, "a\u202eb", f"c\x9b2J{EVIL}"),
        field("values.x", None, {EVIL: [EVIL]}),
        field("values.long", None, EVIL * 9),
        reason=f"it {EVIL}",
        disrupts=[EVIL],
        volatile=[EVIL],
    ),
    unknown=[{"unit": "argo_cd", "reason": f"{EVIL}\n| a | b |\n# head"}],
    notes=[{"unit": "efs", "note": EVIL}],
)


@pytest.mark.parametrize("full", [False, True])
def test_terminal_shows_controls_as_escapes(full: bool) -> None:
    """Keys, values, reasons, notes and disruptions reach a terminal without anything that it obeys."""
    lines = [line.plain for line in render_lines(PLAN, 100, full=full)]
    assert [line for line in lines if not line.isprintable()] == []
    assert r'      ~ values["\x1b[1A\x1b[2K\x1b[8mevil\u202e"]' in "\n".join(lines)
    if not full:
        words = [line for line in lines if " " in line.strip()]
        assert max(len(line) for line in words) <= 100


def test_markdown_shows_controls_as_escapes_and_is_inert() -> None:
    """In a comment nothing acts: no control, no direction, no tag, no link, nobody is mentioned."""
    comment = render_markdown(PLAN)
    assert [line for line in comment.split("\n") if not line.isprintable()] == []
    code = re.sub(r"^(`{3,})diff\n.*?\n\1\n", "", comment, flags=re.DOTALL | re.MULTILINE)
    outside = re.sub(r"(?<!\\)(`+)(?!`).+?(?<!`)\1(?!`)", "", code)
    assert "<img" not in outside
    assert "://" not in outside
    assert "@acme" not in outside
    assert "\n# head" not in outside
    waves = render_by_wave(PLAN)
    assert [text for text in waves.values() for line in text.split("\n") if not line.isprintable()] == []
    assert summary_line(PLAN, 1.0).isprintable()
