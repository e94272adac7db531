"""What the last lines of a deploy say of a call that AWS denied: CloudTrail has it minutes later."""

from __future__ import annotations

import datetime as dt

import pytest
from rich.console import Console

from eks_assets.cli.runs import denied_calls
from eks_assets.cli.runs.denied_calls import find_denied_calls
from resources.aws.session import Aws, Source
from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import AccessDenied

UNNAMED = "stack demo-sandbox-network ended in ROLLBACK_COMPLETE: AWS::EC2::VPC Vpc: You are not authorized to perform"
NAMED = "stack demo-sandbox-network ended in ROLLBACK_COMPLETE: not authorized to perform: ec2:CreateVpc on resource: *"
CALL = "ec2:CreateVpc of arn:aws:sts::000000000000:assumed-role/cloudformation/AWSCloudFormation"
BEGAN = dt.datetime.now(dt.UTC)


@pytest.fixture
def context(sandbox_env: Environment) -> Context:
    return Context(sandbox_env, Aws(sandbox_env, Source("us-west-2", "http://127.0.0.1:1", "key", "secret")))


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...] | BaseException]:
    """What CloudTrail answers, one look-up after the other."""
    answers: list[tuple[str, ...] | BaseException] = []

    def look_up(*_: object) -> tuple[str, ...]:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(denied_calls, "list_denied_calls", look_up)
    monkeypatch.setattr(denied_calls, "_INTERVAL", 0.01)
    return answers


def ask(context: Context, *reasons: str) -> str:
    failed = {f"unit_{number}": reason for number, reason in enumerate(reasons)}
    return find_denied_calls(context, failed, BEGAN, Console(quiet=True))


def test_nothing_is_asked_where_the_call_is_known_or_none_was_denied(context: Context, trail: list[object]) -> None:
    """What names the call, what failed for another reason, and what is no stack cost nobody five minutes."""
    assert ask(context) == ""
    assert (
        ask(context, NAMED, "stack s ended in ROLLBACK_COMPLETE: the vpc does not exist", "helm: access denied") == ""
    )
    assert trail == []


def test_trail_is_asked_again_until_it_knows(context: Context, trail: list[object]) -> None:
    trail[:] = [(), (), (CALL,)]
    assert ask(context, NAMED, UNNAMED) == f"denied since this deploy began: {CALL}"


@pytest.mark.parametrize("end", [KeyboardInterrupt(), "late"])
def test_person_who_does_not_wait_is_told_where_to_ask(
    context: Context, trail: list[object], monkeypatch: pytest.MonkeyPatch, end: object
) -> None:
    """Interrupted, or after five minutes."""
    monkeypatch.setattr(denied_calls, "SECONDS", 0.0)
    trail[:] = [() if end == "late" else end]
    assert ask(context, UNNAMED) == (
        "which call AWS denied is not in CloudTrail yet; ask later: eks-assets doctor sandbox"
    )


def test_trail_that_may_not_be_read_is_said(context: Context, trail: list[object]) -> None:
    trail[:] = [AccessDenied("cloudtrail:LookupEvents is denied")]
    assert "cannot be read: cloudtrail:LookupEvents is denied" in ask(context, UNNAMED)
