"""What others wrote, as it is shown."""

from __future__ import annotations

import json

import pytest

from resources.model.display import code_span, dump_json, escape_line, escape_lines, escape_markdown, escape_text

ACTS = [
    *map(chr, (*range(0x0E), 0x1B, 0x1C, 0x1F)),
    *map(chr, (0x7F, 0x80, 0x85, 0x90, 0x9B, 0x9D, 0x9F)),  # DEL, C1 with NEL and CSI
    *map(chr, (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))),  # direction
    "\u2028",
    "\u2029",
    *"\u00ad\u034f\u115f\u200b\u200c\u200d\u2060\u2061\u2800\u3164\ufe0f\ufeff\uffa0\ufff9",  # no width
    *map(chr, range(0xE0000, 0xE0080, 9)),  # tags
    "\U000e0100",
    "\ue000",
    "\ud83d",
    "\u00a0",  # looks like a space
]


@pytest.mark.parametrize("character", ACTS, ids=lambda c: f"U+{ord(c):04X}")
def test_character_that_acts_or_hides_is_shown_as_escape(character: str) -> None:
    """Controls, marks of direction, separators and characters without a width come as visible escapes."""
    shown = escape_text(f"a{character}b")
    assert character not in shown
    assert shown.isascii()
    assert shown.startswith("a\\")
    assert escape_text(shown) == shown
    for one_line in (escape_line(f"a{character}b"), code_span(f"a{character}b"), escape_markdown(f"a{character}b")):
        assert one_line.isprintable()
        assert character not in one_line
    assert character not in dump_json({f"a{character}": character}).replace("\n", "")
    assert json.loads(dump_json({f"a{character}": character})) == {f"a{character}": character}


@pytest.mark.parametrize("text", ["Grüße, 東京 😀 ⟦network.vpc_id⟧", "e\u0301", "C:\\x1b", "مرحبا"])
def test_letters_of_any_script_stay(text: str) -> None:
    """What people write is left alone."""
    assert escape_text(text) == text
    assert dump_json(text) == json.dumps(text, ensure_ascii=False)


def test_marks_that_pile_up_are_escaped() -> None:
    """A letter has as many marks as languages have; more would be drawn over other lines."""
    assert escape_text("a" + "\u0301" * 6) == "a" + "\u0301" * 4 + "\\u0301\\u0301"


def test_text_of_several_lines_cannot_pass_for_ours() -> None:
    """Lines after the first are indented, whatever ends a line."""
    assert escape_lines("no\r\nsandbox: deployed\rx\x85y\u2028z") == "no\n  sandbox: deployed\\rx\\x85y\\u2028z"
    assert escape_line(" a\n\tb  c ") == "a b c"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"`a\|b`"),
        (r"a\|b", r"`a\\\|b`"),
        ("a`b", "``a`b``"),
        ("`<img>`", "`` `<img>` ``"),
        ("", ""),
        ("x\n| evil | row |", r"`x\n\| evil \| row \|`"),
    ],
)
def test_code_span_ends_where_we_end_it(text: str, shown: str) -> None:
    """Neither a backtick nor a bar nor a line break leaves the code span or the cell of a table."""
    assert code_span(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://evil.example/`x` now", "see `` https://evil.example/`x` `` now"),
        ("by @acme/admins", "by `@acme/admins`"),
        ("www.evil.example", "`www.evil.example`"),
        ("<b>*a*</b> [y](z)", r"&lt;b&gt;\*a\*&lt;/b&gt; \[y\](z)"),
    ],
)
def test_markdown_is_inert(text: str, shown: str) -> None:
    """No tag, no markup, no link and no mention comes of a text."""
    assert escape_markdown(text) == shown
