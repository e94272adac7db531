"""Processes of this machine, told apart from later ones that have the same id."""

from __future__ import annotations

from pathlib import Path


def start_ticks(pid: int) -> str | None:
    """When the kernel started this process, in clock ticks since boot; None where it is gone or a zombie.

    Source: proc(5), `/proc/[pid]/stat`, field 22."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]
