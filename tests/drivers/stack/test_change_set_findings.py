"""What CloudFormation's own checks, and the account's hooks, find in a change set: in the plan, and in a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.stack.validation import list_findings
from resources.model.errors import OperationFailed
from tests.drivers.stack.embedded_stacks import STACK, Stacks, embedded_stacks

NAME = "holds-something-of-somebody"


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


@pytest.fixture(autouse=True)
def no_stack(stacks: Stacks) -> None:
    s3 = stacks.context.aws.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for one in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            s3.delete_object(Bucket=bucket["Name"], Key=one["Key"])  # a stack deletes no bucket that has any
    stacks.remove()


def bucket(name: str = NAME, **more: str) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}, **more}


TOPIC: dict[str, Any] = {"Type": "AWS::SNS::Topic", "Properties": {}}


def test_bucket_that_is_not_empty_is_warned_of(stacks: Stacks) -> None:
    """In the plan, and when the deploy comes to it. A retained one, and an empty one, are no matter."""
    s3 = stacks.context.aws.client("s3")
    stacks.deploy(stacks.spec({"Topic": TOPIC, "Data": bucket(), "Kept": bucket("kept", DeletionPolicy="Retain")}))
    without = stacks.spec({"Topic": TOPIC})
    assert stacks.preview(without).warnings == ()
    for name in (NAME, "kept"):
        s3.put_object(Bucket=name, Key="one", Body=b"1")
    words = (
        f"AWS::S3::Bucket Data: The bucket '{NAME}' is not empty. You must either delete all objects and versions or "
        "use the deletion policy to retain it, otherwise the delete operation will fail."
    )
    assert stacks.preview(without).warnings == (words,)
    stacks.deploy(without)
    assert f"warning of CloudFormation: {words}" in stacks.said
    for name in (NAME, "kept"):
        s3.delete_object(Bucket=name, Key="one")


def test_name_that_is_taken_fails_the_change_set_with_its_reason(stacks: Stacks) -> None:
    """CloudFormation itself says no more than that a validation failed."""
    where: Any = {"LocationConstraint": stacks.env.region}
    stacks.context.aws.client("s3").create_bucket(Bucket="of-somebody", CreateBucketConfiguration=where)
    stacks.deploy(stacks.spec({"Topic": TOPIC}))
    with pytest.raises(OperationFailed) as caught:
        stacks.preview(stacks.spec({"Topic": TOPIC, "Data": bucket("of-somebody")}))
    assert "[AWS::EarlyValidation::ResourceExistenceCheck]" in caught.value.message
    assert caught.value.message.endswith(
        "; AWS::S3::Bucket Data: Resource of type 'AWS::S3::Bucket' with identifier 'of-somebody' already exists."
    )


def test_events_are_asked_for_by_the_change_sets_arn(stacks: Stacks) -> None:
    """A name alone is refused, as AWS does."""
    stacks.deploy(stacks.spec({"Topic": TOPIC}))
    name = stacks.cloudformation.list_change_sets(StackName=STACK)["Summaries"][0]["ChangeSetName"]
    with pytest.raises(Exception, match="One of ChangeSetName, OperationId or StackName must be specified"):
        stacks.cloudformation.describe_events(ChangeSetName=name)


def test_hooks_that_warn_and_paths_of_properties_are_in_the_words(sandbox_env: Environment) -> None:
    """The embedded AWS has no hooks. What is said twice is said once."""
    about = {"LogicalResourceId": "Data", "ResourceType": "AWS::S3::Bucket"}
    hook = {"EventType": "HOOK_INVOCATION_ERROR", "HookType": "Acme::Security::Encryption", **about}
    path = "/Resources/Data/Properties/BucketName"
    wrong = {"EventType": "VALIDATION_ERROR", "ValidationStatusReason": "too long", "ValidationPath": path, **about}
    events = [{**hook, "HookStatusReason": "not encrypted", "HookFailureMode": "WARN"}, wrong, wrong, hook]
    pages = SimpleNamespace(paginate=lambda **_: [{"OperationEvents": events}, {"OperationEvents": []}])
    client = SimpleNamespace(get_paginator=lambda _: pages)
    context = Context(sandbox_env, cast(Aws, SimpleNamespace(client=lambda _: client)))
    assert list_findings(context, "arn", "s") == (
        "hook Acme::Security::Encryption of AWS::S3::Bucket Data: not encrypted",
        f"AWS::S3::Bucket Data: too long (at {path})",
        "hook Acme::Security::Encryption of AWS::S3::Bucket Data: no reason given",
    )
