"""Entries of `drift.ignore`: what one may say, and how it comes into a person's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.config.ignored_findings import IgnoredFinding, add_to_file, ignore_finding
from resources.model.errors import ConfigError

ENTRY = IgnoredFinding(finding="5f0c3a9d1b22", reason="agreed", until="2026-12-31")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("finding", "5f0c"),
        ("reason", "two\nlines"),
        ("reason", " "),
        ("reason", "\x1b[2J"),
        ("until", "2026-02-30"),
        ("until", "tomorrow"),
        ("until", "2001-01-01"),
    ],
)
def test_entry_that_says_nothing_is_refused(field: str, value: str) -> None:
    """With the name of the option, and what is allowed."""
    words = {"finding": "5f0c3a9d1b22", "reason": "agreed", "until": "9999-12-31", field: value}
    with pytest.raises(ConfigError, match=rf"{field}.*allowed"):
        ignore_finding(**words)


def test_entry_is_written_at_once(tmp_path: Path) -> None:
    """The rest of the file and its mode stay, a link stays one, and nothing lies beside it afterwards."""
    file, link = tmp_path / "a.yaml", tmp_path / "b.yaml"
    file.write_text("# mine\nname: a\n")
    file.chmod(0o640)
    link.symlink_to(file)
    add_to_file(ENTRY, link)
    assert file.read_text() == (
        "# mine\nname: a\ndrift:\n  ignore:\n"
        '    - finding: "5f0c3a9d1b22"\n      reason: "agreed"\n      until: "2026-12-31"\n'
    )
    assert (file.stat().st_mode & 0o777, link.is_symlink()) == (0o640, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "b.yaml"]


def test_file_without_a_safe_place_stays(tmp_path: Path) -> None:
    """Nothing is changed where the entry would become something else."""
    file = tmp_path / "a.yaml"
    file.write_text("drift: text\n")
    with pytest.raises(ConfigError, match=r"drift\.ignore"):
        add_to_file(ENTRY, file)
    assert file.read_text() == "drift: text\n"
