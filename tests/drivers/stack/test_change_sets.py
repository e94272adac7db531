"""Templates too long to be sent, what a killed run left, and a stack made again beside what it retained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from eks_assets.units.network.network import network
from resources.config.environment import Environment
from resources.config.names import ledger_bucket
from resources.drivers.stack.fields import template_digest
from resources.model.errors import NotFound, OperationFailed, Refused
from tests.drivers.stack.embedded_stacks import STACK, Stacks, embedded_stacks

pytestmark = pytest.mark.sandbox
LOG_GROUP = {
    "Type": "AWS::Logs::LogGroup",
    "DeletionPolicy": "RetainExceptOnCreate",
    "Properties": {"LogGroupName": "/demo/own"},
}


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


@pytest.fixture(autouse=True)
def no_stack(stacks: Stacks) -> None:
    stacks.remove()


def topic(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def padded(stacks: Stacks, size: int) -> Any:
    """The network's own template, made longer by metadata that nobody reads."""
    spec: Any = network(stacks.env)
    padding = {f"Padding{i}": "x" * 1000 for i in range(size // 1000)}
    template = {**spec.template, "Metadata": {**spec.template.get("Metadata", {}), **padding}}
    return spec.model_copy(update={"name": STACK, "template": template, "protected": False})


def test_long_template_is_uploaded_to_the_ledger(stacks: Stacks) -> None:
    """A template that is too long to be sent is uploaded once."""
    spec = padded(stacks, 60_000)
    stacks.deploy(spec)
    assert stacks.plan(spec).action == "none"
    s3 = stacks.context.aws.client("s3")
    stored = s3.list_objects_v2(Bucket=ledger_bucket(stacks.env), Prefix="templates/")["Contents"]
    assert [item["Key"] for item in stored] == [f"templates/{template_digest(spec)}.json"]
    stacks.remove()
    stacks.deploy(spec)  # the object is there already


def test_template_of_somebody_else_under_the_name_of_ours_is_refused(stacks: Stacks) -> None:
    """What lies in the ledger under a template's digest is read before CloudFormation gets its address."""
    spec, evil = padded(stacks, 61_000), b'{"Resources": {"Evil": {"Type": "AWS::SNS::Topic"}}}'
    key = f"templates/{template_digest(spec)}.json"
    stacks.context.aws.client("s3").put_object(Bucket=ledger_bucket(stacks.env), Key=key, Body=evil)
    with pytest.raises(Refused, match=f"{key} in the ledger .* is not the template of stack {STACK}"):
        stacks.deploy(spec)
    stacks.context.aws.client("s3").delete_object(Bucket=ledger_bucket(stacks.env), Key=key)


def test_long_template_without_ledger_names_bootstrap(stacks: Stacks) -> None:
    """Without the ledger's bucket the error names the bootstrap command."""
    bucket, s3 = ledger_bucket(stacks.env), stacks.context.aws.client("s3")
    for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=item["Key"])
    s3.delete_bucket(Bucket=bucket)
    try:
        with pytest.raises(NotFound, match=r"too long to be sent(.|\n)*eks-assets bootstrap sandbox --apply"):
            stacks.deploy(padded(stacks, 60_000))
    finally:
        stacks.make_ledger()


def test_template_above_one_megabyte_is_refused(stacks: Stacks) -> None:
    """CloudFormation's limit is checked while planning."""
    with pytest.raises(Refused, match="CloudFormation takes at most 1,000,000 bytes"):
        stacks.plan(padded(stacks, 1_100_000))


def test_change_set_of_killed_run_is_deleted_by_next(stacks: Stacks) -> None:
    """Our own abandoned change sets are deleted, those of others kept."""
    stacks.deploy(stacks.spec({"Topic": topic(DisplayName="one")}))
    left = stacks.spec({"Topic": topic(DisplayName="killed")}).template
    for name in ("eks-assets-0123456789abcdef", "somebody-elses"):
        stacks.server.client("cloudformation").create_change_set(
            StackName=STACK, ChangeSetName=name, TemplateBody=str(left).replace("'", '"')
        )
    stacks.said.clear()
    stacks.deploy(stacks.spec({"Topic": topic(DisplayName="one")}))  # nothing to execute, which would delete them all
    assert "eks-assets-0123456789abcdef" not in stacks.change_sets()
    assert stacks.change_sets()["somebody-elses"] == "AVAILABLE"
    assert any("deleting the change set eks-assets-0123456789abcdef" in line for line in stacks.said)


def test_retained_resource_is_imported(stacks: Stacks) -> None:
    """What a deleted stack retained is imported when it is created again."""
    spec = stacks.spec({"Logs": LOG_GROUP, "Topic": topic()})
    stacks.deploy(spec)
    stacks.remove()
    logs = stacks.context.aws.client("logs")
    assert len(logs.describe_log_groups(logGroupNamePrefix="/demo/own")["logGroups"]) == 1
    stacks.deploy(spec)
    assert "Logs IMPORT_COMPLETE" in stacks.events()
    assert stacks.plan(spec).action == "none"


def test_retained_secret_is_imported_with_its_value(stacks: Stacks) -> None:
    """A retained secret keeps its value; one marked for deletion is an error with the command that restores it."""
    generate = {"SecretStringTemplate": '{"username": "admin"}', "GenerateStringKey": "password"}
    properties = {"Name": "/demo/own/credentials", "GenerateSecretString": generate}
    secret = {"Type": "AWS::SecretsManager::Secret", "DeletionPolicy": "Retain", "Properties": properties}
    template = {
        "Resources": {"Secret": secret, "Topic": topic(), "Logs": LOG_GROUP},
        "Outputs": {"SecretArn": {"Value": {"Ref": "Secret"}}},
    }
    spec = stacks.spec({}, tags={"team": "a"}).model_copy(update={"template": template})
    stacks.deploy(spec)
    manager = stacks.context.aws.client("secretsmanager")
    value = manager.get_secret_value(SecretId="/demo/own/credentials")["SecretString"]
    stacks.remove()
    stacks.deploy(spec)
    assert {"Secret IMPORT_COMPLETE", "Logs IMPORT_COMPLETE"} <= set(stacks.events())
    assert stacks.plan(spec).action == "none"
    assert manager.get_secret_value(SecretId="/demo/own/credentials")["SecretString"] == value

    stacks.remove()
    manager.delete_secret(SecretId="/demo/own/credentials", RecoveryWindowInDays=7)
    with pytest.raises(OperationFailed, match="aws secretsmanager restore-secret"):
        stacks.deploy(spec)
