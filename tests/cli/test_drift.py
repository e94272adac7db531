"""What `drift` refuses before it compares anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eks_assets.cli.commands.drift import drift
from resources.model.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"ignore": "5f0c3a9d1b22"}, "go together"),
        ({"accept": "a", "ignore": "5f0c3a9d1b22", "reason": "r", "until": "9999-12-31"}, "either ignored or accepted"),
        ({"reason": "r", "until": "9999-12-31"}, "go together"),
        ({"ignore": "5f0c3a9d1b22", "reason": "r", "until": "2001-01-01"}, "2001-01-01 is over"),
        ({"ignore": "all", "reason": "r", "until": "9999-12-31"}, "the id of a finding"),
    ],
)
def test_half_an_ignore_is_refused(folder: Path, words: dict[str, Any], said: str) -> None:
    """Nothing is reached for it, and the file stays."""
    before = (folder / "sandbox.yaml").read_text()
    with pytest.raises(ConfigError, match=said) as refused:
        drift("sandbox", **words)
    assert (refused.value.exit_code, (folder / "sandbox.yaml").read_text()) == (2, before)
