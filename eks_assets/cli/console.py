"""Prints what others may have written (reasons, names, commands) as it is: rich reads no markup, no emoji codes and no
controls in it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from resources.model.display import escape_lines


def print_text(
    console: Console, text: str, style: str = "", indent: str = "  ", *, soft_wrap: bool | None = None
) -> None:
    """Print the text in a style of rich's; its lines after the first are indented."""
    console.print(Text(escape_lines(text, indent), style=style), soft_wrap=soft_wrap)
