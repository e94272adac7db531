"""A folder of environments that tests make faults in."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "environments"


def edit(file: Path, old: str, new: str) -> int:
    """Replace the one place; the line, counted from 1, that the new text starts in."""
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1
