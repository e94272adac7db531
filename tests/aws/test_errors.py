"""What AWS's failures mean for a run: another try, a person, or the user's input."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from resources.aws.errors import translate_aws_error
from resources.aws.ledger_bucket import _put_if_new
from resources.model.errors import AccessDenied, PipelineError, Transient


def refusal(code: str, status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "words"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Operation")


def translated(code: str, status: int = 400) -> PipelineError:
    return translate_aws_error(refusal(code, status), "doing it")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("PriorRequestNotComplete", 400),
        ("TooManyUpdates", 400),
        ("ConditionalRequestConflict", 409),
        ("ConcurrentModificationException", 400),
        ("Whatever", 503),
    ],
)
def test_what_passes_by_itself_is_worth_another_try(code: str, status: int) -> None:
    assert isinstance(translated(code, status), Transient)


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
def test_an_ended_session_says_so(code: str) -> None:
    """It is no matter of rights: who looks into policies finds nothing."""
    error = translated(code, 403)
    assert isinstance(error, AccessDenied)
    assert error.next_step.startswith("your session with AWS has ended: log in again")


class Busy:
    """An S3 that refuses the first conditional writes, as one that gets two at once does."""

    def __init__(self, refusals: int, code: str = "ConditionalRequestConflict") -> None:
        self.refusals, self.code, self.tries = refusals, code, 0

    def put_object(self, **_: Any) -> None:
        self.tries += 1
        if self.tries <= self.refusals:
            raise refusal(self.code, 409)


def test_one_of_two_writes_at_once_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that can be had for real refuses so: the embedded S3 takes one request after the other."""
    monkeypatch.setattr("resources.aws.ledger_bucket._PAUSE", 0)
    busy = Busy(2)
    _put_if_new(busy, Key="x")
    assert busy.tries == 3
    with pytest.raises(ClientError):
        _put_if_new(Busy(9), Key="x")
    there = Busy(1, "PreconditionFailed")
    with pytest.raises(ClientError):
        _put_if_new(there, Key="x")
    assert there.tries == 1
