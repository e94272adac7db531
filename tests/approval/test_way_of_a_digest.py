"""The files that carry a plan's digest from the request to the gate inside a unit stand in docs/architecture.md."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from sandbox.paths import PROJECT
from tests.helpers.gate import Gate

MOST_FILES = 15  # to the gate
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PACKAGES = ("eks_assets", "resources")


def listed_files() -> tuple[list[str], list[str]]:
    """The files under "The way of a digest" in docs/architecture.md, in order: to the gate, and on to the ledger."""
    text = (PROJECT / "docs" / "architecture.md").read_text()
    section = text.partition("\n## The way of a digest\n")[2].partition("\n## ")[0]
    way, recorded = section.split("\nWhat was done under it")
    return _files(way), _files(recorded)


def _files(text: str) -> list[str]:
    return re.findall(r"^\d+\. `([\w/]+\.py)`", text, re.MULTILINE)


class Carriers:
    """By file of the project, the digests that variables of its functions held, or that they returned."""

    def __init__(self) -> None:
        self.digests: dict[str, set[str]] = {}

    def __call__(self, frame: FrameType, event: str, returned: object) -> None:
        if event != "return":
            return
        file = Path(frame.f_code.co_filename)
        if not file.is_relative_to(PROJECT) or file.relative_to(PROJECT).parts[0] not in _PACKAGES:
            return
        held = {digest for value in (*frame.f_locals.values(), returned) for digest in digests_of(value)}
        self.digests.setdefault(str(file.relative_to(PROJECT)), set()).update(held)

    @contextmanager
    def watching(self) -> Iterator[None]:
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)


def digests_of(value: Any, depth: int = 2) -> set[str]:
    """The SHA-256 digests that a text names, or an approval request, or what has one of these."""
    if isinstance(value, str):
        return set(_DIGEST.findall(str.__str__(value)))
    if isinstance(value, list | tuple) and depth:
        return {digest for item in value for digest in digests_of(item, depth - 1)}
    inner = [vars(value).get(name) for name in ("digest", "request", "state")] if hasattr(value, "__dict__") else []
    return {digest for one in inner if one is not None and depth for digest in digests_of(one, depth - 1)}


@pytest.mark.sandbox
def test_digest_passes_through_the_listed_files(gate: Gate) -> None:
    """A request is submitted, two people decide, a unit passes its gate: whoever held the digest is listed."""
    carriers = Carriers()
    with carriers.watching():
        request = gate.request()
        gate.decide(request, "alice", "bob")
        gate.run("first")
    assert gate.stored("first") == "1"
    digest = request.digest.removeprefix("sha256:")
    holders = {file for file, digests in carriers.digests.items() if digest in digests}
    assert "eks_assets/engine/gate.py" in holders
    way, recorded = listed_files()
    assert holders <= {*way, *recorded}


def test_list_is_short() -> None:
    """A reader follows a digest to the gate in at most so many files, and each file is there."""
    way, recorded = listed_files()
    assert 0 < len(way) <= MOST_FILES
    assert recorded
    assert all((PROJECT / file).is_file() for file in (*way, *recorded))
