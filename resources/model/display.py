"""Makes text that others wrote (files, AWS, the cluster, git, helm) safe to show: in a terminal, a log, a mail, as
Markdown. Pure.

A reader sees what is there and nothing acts: controls (C0, DEL, C1), what turns the direction of a text, line and
paragraph separators, and characters without a width come as visible escapes such as `\\x1b` and `\\u202e`. Escaping
twice changes nothing. Sources: Unicode's general categories; Default_Ignorable_Code_Point in DerivedCoreProperties.txt.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

# Shown as nothing, although their category says that they are letters or marks; U+2800 is a blank.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
_MARKS = 4  # combining marks on one letter; more of them are drawn over other lines
_STACKED = re.compile(r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{5,}")
_BREAK = re.compile(r"\r\n|\n")
_BLANKS = re.compile(r"[ \t\r\n]+")
_SPECIAL = re.compile(r"([\\`*_\[\]|~])")
# GitHub and Dagster make a link, or a mention, of such a word by themselves.
_LINKED = re.compile(r"\S*(?:://|@\w|\bwww\.)\S*", re.IGNORECASE)
_BEFORE_PIPE = re.compile(r"(\\*)\|")


def escape_text(text: str, keep: str = "") -> str:
    """The text with every character that would act, or that nobody would see, as a visible escape. `keep`: characters
    that the layout needs, such as a line break."""
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(c if c in keep or _is_visible(c) else _escaped(c) for c in text)
    return _STACKED.sub(lambda m: m[0][:_MARKS] + "".join(map(_escaped, m[0][_MARKS:])), shown)


def escape_line(text: str) -> str:
    """The text on one line, its line breaks and tabs as spaces."""
    return escape_text(_BLANKS.sub(" ", text).strip())


def escape_lines(text: str, indent: str = "  ") -> str:
    """The text with its line breaks, each line but the first indented, so that none can pass for a line of ours."""
    lines = [escape_text(line.replace("\t", "    ")) for line in _BREAK.split(text)]
    return f"\n{indent}".join(lines)


def escape_markdown(text: str) -> str:
    """The text on one line, as Markdown that shows it as it is: no markup, no tag, no link, nobody is mentioned."""
    shown, parts, end = escape_line(text), [], 0
    for match in _LINKED.finditer(shown):
        parts += [_plain(shown[end : match.start()]), code_span(match[0])]
        end = match.end()
    return "".join([*parts, _plain(shown[end:])])


def code_span(text: str) -> str:
    """The text as code in Markdown, in a table too. Its fence is longer than any run of backticks in it; backslashes
    right before a `|` stand doubled, as a table would else take the `|` for the end of a cell."""
    shown = _BEFORE_PIPE.sub(lambda m: f"{m[1]}{m[1]}\\|", escape_text(text))
    if not shown:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def dump_json(document: Any) -> str:
    """The document as indented JSON, letters as they are, what would act in a terminal as JSON's own escapes."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return "".join(
        c if c == "\n" or _is_visible(c) else json.dumps(c)[1:-1] if c != "\x7f" else "\\u007f" for c in text
    )


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", html.escape(text, quote=False))


def _is_visible(character: str) -> bool:
    return character.isprintable() and not _INVISIBLE.match(character)


def _escaped(character: str) -> str:
    if character in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
