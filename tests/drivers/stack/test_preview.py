"""What a plan says of a stack's resources, and that asking changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.drivers.stack.fields import template_digest
from resources.model.change import FieldChange
from resources.model.errors import OperationFailed
from resources.model.outputs import Pending
from tests.drivers.stack.embedded_stacks import STACK, Stacks, embedded_stacks

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


@pytest.fixture(autouse=True)
def no_stack(stacks: Stacks) -> None:
    stacks.remove()


def topic(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def test_preview_of_new_stack_leaves_nothing_behind(stacks: Stacks) -> None:
    """A stack that does not exist is planned without CloudFormation."""
    spec = stacks.spec({"Topic": topic(DisplayName="one")})
    change = stacks.preview(spec)
    assert change.action == "create"
    assert FieldChange("template.Resources.Topic.Properties.DisplayName", None, "one") in change.fields
    assert change.facts["template"] == template_digest(spec)
    assert [s for s in stacks.cloudformation.list_stacks()["StackSummaries"] if s["StackName"] == STACK] == []


def test_preview_of_update_names_resources_and_drops_change_set(stacks: Stacks) -> None:
    """CloudFormation's own changes are in the plan; the change set is deleted."""
    stacks.deploy(stacks.spec({"Topic": topic(DisplayName="one"), "Old": topic()}))
    before = stacks.events(), stacks.change_sets()
    change = stacks.preview(stacks.spec({"Topic": topic(DisplayName="two"), "New": topic()}))
    assert change.action == "update"
    assert FieldChange("template.Resources.Topic.Properties.DisplayName", "one", "two") in change.fields
    assert {f for f in change.fields if f.path.startswith("Resources.")} == {
        FieldChange("Resources.New", None, "Add AWS::SNS::Topic"),
        FieldChange("Resources.Old", "AWS::SNS::Topic", None),
        FieldChange("Resources.Topic", "AWS::SNS::Topic", "Modify AWS::SNS::Topic: DisplayName"),
    }
    assert change.disrupts == ("AWS::SNS::Topic Old is deleted",)
    assert (stacks.events(), stacks.change_sets()) == before


def test_preview_marks_replacement(stacks: Stacks) -> None:
    """A replaced resource makes the action "replace"."""
    stacks.deploy(stacks.spec({"Topic": topic(TopicName="one")}))
    change = stacks.preview(stacks.spec({"Topic": topic(TopicName="two")}))
    assert change.action == "replace"
    replaced = FieldChange("Resources.Topic", "AWS::SNS::Topic", "Replace AWS::SNS::Topic: TopicName", replaces=True)
    assert replaced in change.fields
    assert change.disrupts == ("AWS::SNS::Topic Topic is replaced",)
    assert stacks.change_sets().keys() == {name for name, s in stacks.change_sets().items() if s == "EXECUTE_COMPLETE"}


def test_preview_of_refused_update_says_why_and_leaves_nothing(stacks: Stacks) -> None:
    """CloudFormation's reason is in the error, and no change set stays."""
    stacks.deploy(stacks.spec({"Topic": topic()}))
    before = stacks.change_sets()
    template = {"Parameters": {"Name": {"Type": "String"}}, "Resources": {"Topic": topic(DisplayName={"Ref": "Name"})}}
    with pytest.raises(OperationFailed, match=r"making a change set for stack .*Name"):
        stacks.preview(stacks.spec({}).model_copy(update={"template": template}))
    assert stacks.change_sets() == before


def test_preview_with_pending_values_makes_no_change_set(stacks: Stacks) -> None:
    """Unknown outputs are compared without CloudFormation."""
    parameters = {
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {"Topic": topic(DisplayName={"Ref": "Name"})},
    }
    known = stacks.spec({}).model_copy(update={"template": parameters, "parameters": {"Name": "one"}})
    stacks.deploy(known)
    before = stacks.change_sets()
    change = stacks.preview(known.model_copy(update={"parameters": {"Name": Pending("network", "vpc_id")}}))
    assert [f.path for f in change.fields] == ["parameters.Name"]
    assert stacks.change_sets() == before


def test_preview_shows_no_secret_value(stacks: Stacks) -> None:
    """Values of secrets and of NoEcho parameters are masked."""

    def secret(user: str) -> dict[str, Any]:
        generate = {"SecretStringTemplate": f'{{"username": "{user}"}}', "GenerateStringKey": "password"}
        return {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": generate}}

    parameters = {"Token": {"Type": "String", "NoEcho": True}}
    template = {"Parameters": parameters, "Resources": {"Secret": secret("planted-one")}}
    spec = stacks.spec({}).model_copy(update={"template": template, "parameters": {"Token": "planted-token"}})
    new = stacks.preview(spec)
    stacks.deploy(spec)
    changed = stacks.preview(
        spec.model_copy(update={"template": {**template, "Resources": {"Secret": secret("planted-two")}}})
    )
    assert "planted" not in str((new, changed))
    assert {f.path for f in changed.fields if f.sensitive} >= {
        "template.Resources.Secret.Properties.GenerateSecretString.SecretStringTemplate"
    }
