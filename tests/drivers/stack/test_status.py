"""What CloudFormation's refusal to describe a stack means; the embedded AWS can't be made to refuse."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from botocore.exceptions import ClientError

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.stack.status import describe_stack, wait_while_busy
from resources.model.errors import OperationFailed
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack

STACK = Stack[NoOutputs](name="s", template={})


def refusing(env: Environment, words: str) -> Context:
    """A Context whose CloudFormation answers with a ValidationError of these words."""

    def refuse(**_: Any) -> NoReturn:
        answer = {"Error": {"Code": "ValidationError", "Message": words}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        raise ClientError(cast(Any, answer), "DescribeStacks")

    client = SimpleNamespace(describe_stacks=refuse)
    return Context(env, cast(Aws, SimpleNamespace(client=lambda _: client)))


def test_missing_stack_is_none_and_not_waited_for(sandbox_env: Environment) -> None:
    """CloudFormation answers with a ValidationError of a certain text."""
    context = refusing(sandbox_env, "Stack with id s does not exist")
    assert describe_stack(context, "s") is None
    wait_while_busy(context, STACK)


def test_other_validation_error_is_no_missing_stack(sandbox_env: Environment) -> None:
    """Any other ValidationError is an error."""
    context = refusing(sandbox_env, "1 validation error detected")
    with pytest.raises(OperationFailed, match="1 validation error detected"):
        describe_stack(context, "s")
    with pytest.raises(OperationFailed, match="1 validation error detected"):
        wait_while_busy(context, STACK)
