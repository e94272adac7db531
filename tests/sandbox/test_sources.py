"""The digest that tells whether a running sandbox was started by the code of this check-out."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.install.sources import digest_sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plane").mkdir()
    (tmp_path / "plane" / "nodes.py").write_text("ONE = 1\n")
    (tmp_path / "pods.yaml").write_text("kind: Stage\n")
    return tmp_path


def test_source_digest_changes_with_content(folder: Path) -> None:
    """Another content of a file gives another digest."""
    before = digest_sources(folder)
    (folder / "pods.yaml").write_text("kind: Other\n")
    assert digest_sources(folder) != before


def test_source_digest_changes_with_moved_file(folder: Path) -> None:
    """A file that moves to another folder gives another digest."""
    before = digest_sources(folder)
    (folder / "plane" / "nodes.py").rename(folder / "nodes.py")
    assert digest_sources(folder) != before


def test_source_digest_ignores_bytecode(folder: Path) -> None:
    """Compiled files do not change the digest."""
    before = digest_sources(folder)
    (folder / "plane" / "__pycache__").mkdir()
    (folder / "plane" / "__pycache__" / "nodes.cpython-311.pyc").write_bytes(b"\0")
    assert digest_sources(folder) == before
