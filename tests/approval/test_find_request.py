"""How a plan is named by the beginning of its digest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from resources.approval import decisions
from resources.config.environment import Environment
from resources.model.errors import ConfigError

ONE, OTHER = "sha256:" + "a" * 20 + "b" * 44, "sha256:" + "a" * 20 + "c" * 44


@pytest.fixture
def context(sandbox_env: Environment, monkeypatch: pytest.MonkeyPatch) -> Any:
    requests = [SimpleNamespace(id=id, digest=digest) for id, digest in (("1", ONE), ("2", OTHER), ("3", OTHER))]
    monkeypatch.setattr(decisions, "list_requests", lambda *_: requests)
    return cast(Any, SimpleNamespace(env=sandbox_env))


@pytest.mark.parametrize("digest", [OTHER, OTHER[7:], OTHER[:28]])
def test_newest_request_of_one_digest(context: Any, digest: str) -> None:
    """A beginning that no other plan has names the newest request for it."""
    assert decisions.find_request(context, digest).id == "3"


def test_beginning_of_two_digests_is_refused(context: Any) -> None:
    """What two plans begin with names none of them; the error shows both digests."""
    with pytest.raises(ConfigError, match="the digests of 2 plans begin with aaaa") as refused:
        decisions.find_request(context, "a" * 20)
    assert ONE in str(refused.value)
    assert OTHER in str(refused.value)


@pytest.mark.parametrize(
    "digest", ["", "a" * 11, "A" * 20, "g" * 12, "a" * 65, "sha256:", "a" * 12 + "\n", "\x1b[2J" * 9]
)
def test_what_is_no_digest_is_refused(context: Any, digest: str) -> None:
    """Fewer than 12 digits, and what is not hexadecimal."""
    with pytest.raises(ConfigError, match="is no digest of a plan"):
        decisions.find_request(context, digest)
