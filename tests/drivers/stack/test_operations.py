"""Which changes of a stack take two operations, and which change before the other."""

from __future__ import annotations

from typing import Any

from resources.drivers.stack.operations import create_steps, update_steps
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack


def group(name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::EKS::Nodegroup", "Properties": {"NodegroupName": name, **properties}}


def stack(resources: dict[str, Any], **more: Any) -> Stack[NoOutputs]:
    return Stack[NoOutputs](name="s", template={"Resources": resources}, **more)


def live(resources: dict[str, Any]) -> dict[str, Any]:
    return {"template": {"Resources": resources}, "parameters": {}, "tags": {}}


def test_update_changes_versions_last() -> None:
    """Versions of node groups change in a second operation."""
    before = {"One": group("one", Version="1.34"), "Two": group("two", ReleaseVersion="1.34.1-1")}
    after = {"One": group("one", Version="1.35", Labels={"a": "b"}), "Two": group("two", Version="1.35")}
    first, last = update_steps(stack(after), live(before))
    assert first.spec.template["Resources"] == {
        "One": group("one", Version="1.34", Labels={"a": "b"}),
        "Two": group("two", ReleaseVersion="1.34.1-1"),
    }
    assert last.spec.template["Resources"] == after
    assert [step.keeps_failure for step in (first, last)] == [False, False]


def test_update_changes_parameters_before_versions() -> None:
    """Changed parameters belong to the first operation."""
    before, after = {"One": group("one", Version="1.34")}, {"One": group("one", Version="1.35")}
    first, last = update_steps(stack(after, parameters={"SubnetIds": "a,b"}), live(before))
    assert first.spec.template["Resources"] == before
    assert first.spec.parameters == last.spec.parameters


def test_update_creates_renamed_node_group_in_one_operation() -> None:
    """A new node group has its version from the start."""
    before, after = {"One": group("one-a1", Version="1.34")}, {"One": group("one-b2", Version="1.35")}
    (only,) = update_steps(stack(after), live(before))
    assert only.spec.template["Resources"] == after


def test_update_of_control_plane_version_is_not_rolled_back() -> None:
    """EKS cannot downgrade, so the failed stack is kept as it is."""

    def cluster(version: str) -> dict[str, Any]:
        return {"Cluster": {"Type": "AWS::EKS::Cluster", "Properties": {"Name": "demo", "Version": version}}}

    (only,) = update_steps(stack(cluster("1.35")), live(cluster("1.34")))
    assert only.keeps_failure


def test_create_imports_retained_resources_first() -> None:
    """Retained resources are imported, then the rest is created."""
    secret, topic = {"Type": "AWS::SecretsManager::Secret"}, {"Type": "AWS::SNS::Topic"}
    spec = stack({"Secret": secret, "Topic": topic}, tags={"a": "b"})
    first, last = create_steps(spec, {"Secret": "arn:secret"})
    assert (first.kind, first.spec.template, first.spec.tags) == ("IMPORT", {"Resources": {"Secret": secret}}, {})
    assert (last.kind, last.spec) == ("UPDATE", spec)
