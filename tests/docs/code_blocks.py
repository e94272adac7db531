"""Code blocks of a Markdown page."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

_BLOCK = re.compile(r"^([ ]*)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def code_blocks(page: Path, language: str) -> list[str]:
    """The page's fenced blocks of that language, in order, without their indentation."""
    return [textwrap.dedent(m[3]) for m in _BLOCK.finditer(page.read_text()) if m[2] == language]
