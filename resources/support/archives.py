"""Bounds for what others have packed: a few kilobytes of gzip can stand for gigabytes."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from resources.support.yaml_limits import RENDERED, InputTooLarge, Limits, refuse_size, setting_of

# Of a chart: helm takes 100 MiB unpacked, too, and packages have hundreds of files.
UNPACKED = 100
NODES_A_MEMBER = 10
# What reading something that is no gzip, or no archive, raises.
ARCHIVE_ERRORS = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError)


def unpack_gzip(data: bytes, limits: Limits) -> bytes:
    """The unpacked data. Raises InputTooLarge, OSError, EOFError, zlib.error."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        unpacked = file.read(limits.bytes + 1)
    refuse_size(len(unpacked), limits)
    return unpacked


def read_members(file: Path, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the regular files of a .tgz, one after the other. Raises InputTooLarge for an archive
    that is too large, has too many members or one that is too large, and ARCHIVE_ERRORS."""
    refuse_size(file.stat().st_size, limits.scaled(RENDERED))
    most = limits.nodes // NODES_A_MEMBER
    with (
        gzip.open(file) as packed,
        tarfile.open(fileobj=_Bounded(packed, limits.scaled(UNPACKED)), mode="r|") as archive,
    ):
        for number, member in enumerate(archive, 1):
            if number > most:
                raise InputTooLarge(
                    problem=f"has more than {most} members; allowed: a tenth of {setting_of('nodes')} ({limits.nodes})"
                )
            if not member.isreg():
                continue
            refuse_size(member.size, limits.scaled(RENDERED))
            content = archive.extractfile(member)
            yield member.name, content.read() if content else b""


class _Bounded(io.RawIOBase):
    """Reads a file up to a limit of bytes."""

    def __init__(self, file: gzip.GzipFile, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        """As a file does. Raises InputTooLarge."""
        content = self._file.read(size)
        self._read += len(content)
        refuse_size(self._read, self._limits)
        return content
