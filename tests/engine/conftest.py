"""What tests of the engine share."""

from __future__ import annotations

import pytest

from eks_assets.engine import desired


@pytest.fixture
def no_rollback(monkeypatch: pytest.MonkeyPatch) -> None:
    """For contexts without a ledger: nothing is held back."""
    monkeypatch.setattr(desired, "current_rollback", lambda _: None)
