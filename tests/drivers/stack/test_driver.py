"""The Stack driver on the embedded AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from eks_assets.graph.unit import AnyUnit, unit
from resources.config.environment import Environment
from resources.context import Context
from resources.model.outputs import Outputs
from resources.model.specs import Stack
from tests.helpers.materialization import Materialize, shown

pytestmark = pytest.mark.sandbox
STACK = "demo-sandbox-irsa-roles"  # of a unit that the environment switches off; rights end at such names


class TopicOutputs(Outputs):
    topic_arn: str


def topic(display: str, **stack: Any) -> AnyUnit:
    """A unit whose stack has one SNS topic, named by nobody."""

    @unit(wave="network")
    def notices(env: Environment) -> Stack[TopicOutputs]:
        """A topic."""
        resources = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": display}}}
        template = {"Resources": resources, "Outputs": {"TopicArn": {"Value": {"Ref": "Topic"}}}}
        return Stack[TopicOutputs](name=STACK, template=template, protected=False, **stack)

    return notices


@pytest.fixture(autouse=True)
def no_stack(every_right: None, context: Context) -> Iterator[None]:
    """Each test begins and ends without the stack."""
    client = context.aws.client("cloudformation")
    yield
    client.delete_stack(StackName=STACK)
    client.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


def test_stack_is_created_updated_and_left_alone(materialize: Materialize, context: Context) -> None:
    """Without changes CloudFormation is not called to update."""
    created = materialize(topic("one"))
    assert shown(created, "notices")["result"].startswith("created in")
    assert "TopicArn" not in shown(created, "notices")["outputs"]
    assert "topic_arn" in shown(created, "notices")["outputs"]

    updated = materialize(topic("two"))
    assert shown(updated, "notices")["result"].startswith("updated in")
    assert (
        "| `template.Resources.Topic.Properties.DisplayName` | `one` | `two` |" in shown(updated, "notices")["changes"]
    )

    before = context.aws.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
    same = materialize(topic("two"))
    after = context.aws.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
    assert shown(same, "notices")["result"].startswith("nothing to do")
    assert len(after) == len(before)
    assert [check.passed for check in same.get_asset_check_evaluations()] == [True]


def test_stack_events_are_in_the_log(materialize: Materialize, capfd: pytest.CaptureFixture[str]) -> None:
    """CloudFormation's events are progress of the step."""
    assert materialize(topic("one")).success
    assert "AWS::SNS::Topic Topic: CREATE_COMPLETE" in capfd.readouterr().err
