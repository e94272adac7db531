"""What the documents say of the program is so."""

from __future__ import annotations

import re
from typing import get_args

from eks_assets.cli.commands.sandbox import FIRST_START
from resources.notifications.messages import Kind
from sandbox.paths import PROJECT


def test_documents_list_sent_notifications() -> None:
    """docs/notifications.md lists the kinds that the program sends."""
    table = re.findall(r"^\| `(\w+)` \|", (PROJECT / "docs/notifications.md").read_text(), re.MULTILINE)[1:]
    assert set(table) == set(get_args(Kind))


def test_documents_agree_on_time_of_first_start() -> None:
    """README and program say the same about the sandbox's first start."""
    for file in ("README.md", "sandbox/lifecycle.py"):
        assert FIRST_START in " ".join((PROJECT / file).read_text().split()), file


def test_documents_name_no_file_outside_the_repository() -> None:
    """No document refers to a text that readers do not have."""
    for file in [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("eks_assets/**/*.py")]:
        assert "design.md" not in file.read_text(), file
