"""What others have packed, read within bounds."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from resources.support.archives import ARCHIVE_ERRORS, read_members, unpack_gzip
from resources.support.yaml_limits import InputTooLarge, Limits

SMALL = Limits(bytes=1000, nodes=100)


def packed(folder: Path, *members: tarfile.TarInfo | tuple[str, bytes]) -> Path:
    """A .tgz with these files; of a bare header only that is written."""
    file = folder / "x.tgz"
    with tarfile.open(file, "w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            name, content = member
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


def test_gzip_bomb_is_refused_without_being_unpacked() -> None:
    """A kilobyte that stands for a megabyte is refused, and takes no memory to speak of."""
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(InputTooLarge, match="EKS_ASSETS_INPUT_BYTES sets this bound"):
            unpack_gzip(bomb, SMALL)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_gzip_of_several_members_counts_as_one() -> None:
    """The bound holds for all members of a stream together."""
    part = gzip.compress(b"x" * 600)
    assert unpack_gzip(part, SMALL) == b"x" * 600
    with pytest.raises(InputTooLarge):
        unpack_gzip(part + part, SMALL)


def test_members_of_archive_are_read(tmp_path: Path) -> None:
    """Regular files come with their contents; links and folders are left out."""
    link = tarfile.TarInfo("x/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    file = packed(tmp_path, ("x/a", b"1"), link, ("x/b", b""))
    assert list(read_members(file, SMALL)) == [("x/a", b"1"), ("x/b", b"")]


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([(f"x/{n}", b"") for n in range(11)], "more than 10 members"),
        ([("x/large", b"\0" * 20_001)], "has 20001 bytes"),
        ([(f"x/{n}", b"\0" * 20_000) for n in range(6)], "EKS_ASSETS_INPUT_BYTES"),
    ],
)
def test_archive_beyond_a_bound_is_refused(members: list[tuple[str, bytes]], why: str, tmp_path: Path) -> None:
    """Too many members, one that is too large, and too much in all are refused."""
    with pytest.raises(InputTooLarge, match=why):
        list(read_members(packed(tmp_path, *members), SMALL))


def test_archive_that_is_too_large_packed_is_refused(tmp_path: Path) -> None:
    """A package beyond the bound is not opened."""
    (tmp_path / "x.tgz").write_bytes(b"x" * 20_001)
    with pytest.raises(InputTooLarge, match="has 20001 bytes"):
        list(read_members(tmp_path / "x.tgz", SMALL))


def test_sparse_member_is_refused_by_its_whole_size(tmp_path: Path) -> None:
    """A file with holes counts as large as it would be."""
    sparse = tarfile.TarInfo("x/sparse")
    sparse.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": "9" * 12}
    with pytest.raises(InputTooLarge, match="has 999999999999 bytes"):
        list(read_members(packed(tmp_path, sparse), SMALL))


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"no tar" * 200, mtime=0), gzip.compress(b"x" * 100, mtime=0)[:20]],
)
def test_what_is_no_archive_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    """Anything else raises one of the errors that readers translate."""
    (tmp_path / "x.tgz").write_bytes(content)
    with pytest.raises(ARCHIVE_ERRORS):
        list(read_members(tmp_path / "x.tgz", SMALL))
