"""Writes a file so that whoever reads it meanwhile sees the old text or the new one."""

from __future__ import annotations

from pathlib import Path


def replace_text(file: Path, text: str) -> None:
    """Give the file another text at once, and keep its mode. Raises OSError; the file is as it was then."""
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as opened:
            opened.write(text)
        part.chmod(file.stat().st_mode & 0o7777)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
