"""Change sets that are still being made: CloudFormation refuses to delete them, which the embedded one never shows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from resources.context import Context
from resources.drivers.stack import change_sets
from resources.drivers.stack.change_sets import PREFIX, drop_abandoned, make_change_set
from resources.drivers.stack.operations import Step
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack


class CloudFormation:
    """It refuses to delete what is being made."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def get_paginator(self, _: str) -> Any:
        summaries = [
            {"ChangeSetName": f"{PREFIX}plan", "ExecutionStatus": "UNAVAILABLE", "Status": "CREATE_IN_PROGRESS"},
            {"ChangeSetName": f"{PREFIX}killed", "ExecutionStatus": "AVAILABLE", "Status": "CREATE_COMPLETE"},
        ]
        return SimpleNamespace(paginate=lambda **_: [{"Summaries": summaries}])

    def create_change_set(self, **_: Any) -> None:
        pass

    def delete_change_set(self, ChangeSetName: str, **_: Any) -> None:
        if ChangeSetName != f"{PREFIX}killed":
            words = "Cannot delete ChangeSet in status CREATE_IN_PROGRESS"
            raise ClientError({"Error": {"Code": "InvalidChangeSetStatus", "Message": words}}, "DeleteChangeSet")
        self.deleted.append(ChangeSetName)


@pytest.fixture
def cloudformation() -> CloudFormation:
    return CloudFormation()


@pytest.fixture
def context(cloudformation: CloudFormation, sandbox_env: Any) -> Context:
    aws = SimpleNamespace(client=lambda _: cloudformation)
    stand_in = SimpleNamespace(aws=aws, env=sandbox_env, progress=lambda _: None, before_change=lambda: None)
    return cast(Context, stand_in)


def test_change_set_in_creation_is_left_alone(cloudformation: CloudFormation, context: Context) -> None:
    """A change set that another plan is creating is not deleted."""
    drop_abandoned(context, "demo")
    assert cloudformation.deleted == [f"{PREFIX}killed"]


def test_interruption_of_change_set_creation_is_raised(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption is not replaced by the error of the cleanup."""

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(change_sets, "_described", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_change_set(Step(Stack[NoOutputs](name="demo", template={"Resources": {}}), "UPDATE"), context)
