"""The Stack driver where a stack is not simply there or absent: failures, leftovers, other operations, refusals."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from eks_assets.graph.unit import AnyUnit, unit
from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.stack.driver import StackDriver
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack
from tests.helpers.materialization import Materialize, checks, failure, shown

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("every_right")]
STACK = "demo-sandbox-irsa-roles"  # of a unit that the environment switches off; rights end at such names
ROLE = "demo-sandbox-states-taken"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
TAKEN = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": ROLE, "AssumeRolePolicyDocument": TRUST}}
HANDLE = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
PATIENCE = {
    "Type": "AWS::CloudFormation::WaitCondition",
    "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "60"},
    "DependsOn": "Thing",
}
GUARD = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"}]}


def topic(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def stack(resources: dict[str, Any], **options: Any) -> AnyUnit:
    """A unit whose stack has these resources."""

    @unit(wave="network")
    def states(env: Environment) -> Stack[NoOutputs]:
        """A stack."""
        return Stack[NoOutputs](name=STACK, template={"Resources": resources}, **{"protected": False, **options})

    return states


@pytest.fixture
def cloudformation(admin: Aws) -> Iterator[Any]:
    """The administrator's client; each test begins and ends without the stack and the things that stand in its way."""
    client, iam = admin.client("cloudformation"), admin.client("iam")
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))
    yield client
    iam.delete_role(RoleName=ROLE)
    if status(client) is not None:
        client.update_termination_protection(StackName=STACK, EnableTerminationProtection=False)
        client.delete_stack(StackName=STACK)
        client.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


def status(client: Any) -> str | None:
    """The stack's status; None where it does not exist."""
    summaries = [s for s in client.list_stacks()["StackSummaries"] if s["StackName"] == STACK]
    return next((s["StackStatus"] for s in summaries if s["StackStatus"] != "DELETE_COMPLETE"), None)


def settled(client: Any, wanted: str) -> None:
    """Wait until the stack is in a status."""
    deadline = time.monotonic() + 30
    while (current := status(client)) != wanted:
        assert time.monotonic() < deadline, f"the stack is {current}, not {wanted}"
        time.sleep(0.1)


def by_hand(client: Any, resources: dict[str, Any]) -> None:
    """Somebody creates the stack outside of the pipeline."""
    template = json.dumps({"Resources": resources})
    client.create_stack(StackName=STACK, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"])


def resources_of(client: Any) -> dict[str, str]:
    """Physical ids by logical id."""
    resources = client.describe_stack_resources(StackName=STACK)["StackResources"]
    return {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources}


def open_change_sets(client: Any) -> list[str]:
    """Change sets that nobody executed."""
    summaries = client.list_change_sets(StackName=STACK)["Summaries"]
    return [s["ChangeSetName"] for s in summaries if s["ExecutionStatus"] != "EXECUTE_COMPLETE"]


def signal(client: Any, outcome: str) -> None:
    """Answer the wait condition of the stack."""
    answer = {"Status": outcome, "UniqueId": "1", "Data": "", "Reason": "the test says so"}
    url = resources_of(client)["Handle"]
    assert urllib3.request("PUT", url, body=json.dumps(answer), retries=False).status == 200


def test_rolled_back_stack_is_recreated(materialize: Materialize, cloudformation: Any) -> None:
    """A stack in ROLLBACK_COMPLETE is deleted and created."""
    by_hand(cloudformation, {"Role": TAKEN})
    settled(cloudformation, "ROLLBACK_COMPLETE")
    done = materialize(stack({"Topic": topic()}))
    assert shown(done, "states")["result"].startswith("created in")
    assert status(cloudformation) == "CREATE_COMPLETE"
    assert list(resources_of(cloudformation)) == ["Topic"]


def test_failed_creation_is_kept_and_then_recreated(materialize: Materialize, cloudformation: Any) -> None:
    """With DO_NOTHING the failed stack stays for inspection until the next deploy."""
    failed = failure(materialize(stack({"Role": TAKEN}, on_failure="DO_NOTHING")))
    assert f"stack {STACK} ended in CREATE_FAILED: AWS::IAM::Role Role:" in failed
    assert "already exists" in failed
    assert "eks-assets deploy sandbox" in failed
    assert status(cloudformation) == "CREATE_FAILED"
    done = materialize(stack({"Topic": topic()}, on_failure="DO_NOTHING"))
    assert shown(done, "states")["result"].startswith("created in")
    assert list(resources_of(cloudformation)) == ["Topic"]


def test_failed_creation_is_removed_and_says_why(materialize: Materialize, cloudformation: Any) -> None:
    """The failed stack is deleted; the reason is in the error."""
    failed = failure(materialize(stack({"Role": TAKEN})))
    assert "already exists" in failed
    assert status(cloudformation) is None


def test_stack_in_review_is_no_obstacle(materialize: Materialize, cloudformation: Any) -> None:
    """A stack in REVIEW_IN_PROGRESS is replaced."""
    template = json.dumps({"Resources": {"Topic": topic(DisplayName="abandoned")}})
    cloudformation.create_change_set(
        StackName=STACK, ChangeSetName="abandoned", ChangeSetType="CREATE", TemplateBody=template
    )
    settled(cloudformation, "REVIEW_IN_PROGRESS")
    done = materialize(stack({"Topic": topic()}))
    assert shown(done, "states")["result"].startswith("created in")
    assert open_change_sets(cloudformation) == []


def test_failed_update_rollback_names_the_command(materialize: Materialize, cloudformation: Any, admin: Aws) -> None:
    """UPDATE_ROLLBACK_FAILED is answered with the command that continues."""

    def provider(client_id: str) -> dict[str, Any]:
        properties = {"Url": "https://states.test", "ClientIdList": [client_id]}
        return {"Type": "AWS::IAM::OIDCProvider", "Properties": properties}

    assert materialize(stack({"Thing": provider("one")})).success
    changed = {"Thing": provider("two"), "Handle": HANDLE, "Patience": PATIENCE}
    cloudformation.update_stack(StackName=STACK, TemplateBody=json.dumps({"Resources": changed}))
    deadline = time.monotonic() + 20
    while "Handle" not in resources_of(cloudformation) or not ready_to_signal(cloudformation):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # What has been changed already vanishes by hand, so the rollback cannot change it back.
    arn = resources_of(cloudformation)["Thing"]
    admin.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    signal(cloudformation, "FAILURE")
    settled(cloudformation, "UPDATE_ROLLBACK_FAILED")
    said = failure(materialize(stack({"Thing": provider("three")})))
    assert f"stack {STACK} is UPDATE_ROLLBACK_FAILED" in said
    assert f"aws cloudformation continue-update-rollback --stack-name {STACK}" in said


def ready_to_signal(client: Any) -> bool:
    """Whether the wait condition waits."""
    events = client.describe_stack_events(StackName=STACK)["StackEvents"]
    return any(e["LogicalResourceId"] == "Patience" for e in events)


def test_failed_deletion_names_the_command(materialize: Materialize, cloudformation: Any, admin: Aws) -> None:
    """DELETE_FAILED is answered with the command that shows why."""
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.99.0.0/16"}}
    by_hand(cloudformation, {"Vpc": vpc})
    settled(cloudformation, "CREATE_COMPLETE")
    ec2 = admin.client("ec2")
    made = ec2.create_subnet(VpcId=resources_of(cloudformation)["Vpc"], CidrBlock="10.99.1.0/24")
    cloudformation.delete_stack(StackName=STACK)
    settled(cloudformation, "DELETE_FAILED")
    said = failure(materialize(stack({"Topic": topic()})))
    assert f"stack {STACK} is DELETE_FAILED" in said
    assert f"aws cloudformation describe-stack-events --stack-name {STACK}" in said
    ec2.delete_subnet(SubnetId=made["Subnet"]["SubnetId"])


def test_operation_in_progress_is_waited_for(account: Environment, cloudformation: Any) -> None:
    """An operation that someone else started is waited for."""
    by_hand(cloudformation, {"Thing": topic(), "Handle": HANDLE, "Patience": PATIENCE})
    settled(cloudformation, "CREATE_IN_PROGRESS")
    said: list[str] = []
    later = threading.Timer(2, signal, (cloudformation, "SUCCESS"))
    later.start()
    template = {"Resources": {"Thing": topic(DisplayName="mine")}}
    # Not through the loop, whose lease waits for such an operation before any driver meets it.
    spec = Stack[NoOutputs](name=STACK, template=template, protected=False)
    StackDriver().apply(spec, Context.of(account, said.append))
    later.join()
    assert f"stack {STACK}: another operation is under way: CREATE_IN_PROGRESS" in said
    assert list(resources_of(cloudformation)) == ["Thing"]


def test_failed_update_rolls_back_and_reverting_it_is_a_no_op(
    materialize: Materialize, cloudformation: Any, admin: Aws
) -> None:
    """After the rollback the old spec has nothing to do."""
    good = stack({"Topic": topic(DisplayName="one")})
    assert materialize(good).success
    said = failure(materialize(stack({"Topic": topic(DisplayName="two"), "Role": {**TAKEN, "DependsOn": "Topic"}})))
    assert f"stack {STACK} ended in UPDATE_ROLLBACK_COMPLETE: AWS::IAM::Role Role:" in said
    assert "already exists" in said
    arn = resources_of(cloudformation)["Topic"]
    assert admin.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "one"
    undone = materialize(good)
    assert shown(undone, "states")["result"].startswith("nothing to do")
    passed, detail = checks(undone)["stack_complete"]
    assert passed, detail


def test_update_without_rollback_is_continued(materialize: Materialize, cloudformation: Any) -> None:
    """A stack in UPDATE_FAILED is updated."""
    assert materialize(stack({"Topic": topic(DisplayName="one")})).success
    broken = json.dumps({"Resources": {"Topic": topic(DisplayName="one"), "Role": TAKEN}})
    change = {"StackName": STACK, "ChangeSetName": "by-hand"}
    cloudformation.create_change_set(**change, TemplateBody=broken, Capabilities=["CAPABILITY_NAMED_IAM"])
    cloudformation.execute_change_set(**change, DisableRollback=True)
    settled(cloudformation, "UPDATE_FAILED")
    assert materialize(stack({"Topic": topic(DisplayName="two")})).success
    assert status(cloudformation) == "UPDATE_COMPLETE"


def test_replacement_is_refused_and_leaves_nothing(materialize: Materialize, cloudformation: Any) -> None:
    """Neither resources nor change sets are left behind; `may_replace` allows it."""
    assert materialize(stack({"Topic": topic(TopicName="demo-sandbox-one")})).success
    before = resources_of(cloudformation)
    events = len(cloudformation.describe_stack_events(StackName=STACK)["StackEvents"])
    renamed = {"Topic": topic(TopicName="demo-sandbox-two")}
    said = failure(materialize(stack(renamed)))
    assert f"stack {STACK}: the change would replace AWS::SNS::Topic Topic (because of TopicName)" in said
    assert open_change_sets(cloudformation) == []
    assert resources_of(cloudformation) == before
    assert len(cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]) == events

    assert materialize(stack(renamed, may_replace=("Topic",))).success
    assert resources_of(cloudformation) != before


def test_protection_and_policy_are_set_and_restored(materialize: Materialize, cloudformation: Any) -> None:
    """Termination protection and stack policy are part of the comparison."""
    guarded = stack({"Topic": topic()}, protected=True, policy=GUARD)
    assert materialize(guarded).success

    def is_guarded() -> tuple[bool, Any]:
        description = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        body = cloudformation.get_stack_policy(StackName=STACK).get("StackPolicyBody")
        return description["EnableTerminationProtection"], json.loads(body or "{}")

    assert is_guarded() == (True, GUARD)
    assert shown(materialize(guarded), "states")["result"].startswith("nothing to do")
    cloudformation.update_termination_protection(StackName=STACK, EnableTerminationProtection=False)
    deny = {"Statement": [{**GUARD["Statement"][0], "Effect": "Deny"}]}
    cloudformation.set_stack_policy(StackName=STACK, StackPolicyBody=json.dumps(deny))
    mended = shown(materialize(guarded), "states")
    assert mended["result"].startswith("updated in")
    assert "| `protected` | `false` | `true` |" in mended["changes"]
    assert is_guarded() == (True, GUARD)
    assert open_change_sets(cloudformation) == []


def test_long_template_is_deployed_through_the_ledger(materialize: Materialize, cloudformation: Any) -> None:
    """A template that is too long to be sent is deployed and compared."""
    long = {"Topic": {**topic(DisplayName="long"), "Metadata": {"padding": "x" * 60_000}}}
    assert shown(materialize(stack(long)), "states")["result"].startswith("created in")
    assert shown(materialize(stack(long)), "states")["result"].startswith("nothing to do")


def test_too_long_template_is_refused_before_anything_starts(materialize: Materialize, cloudformation: Any) -> None:
    """Above CloudFormation's limit nothing is created."""
    said = failure(materialize(stack({"Topic": {**topic(), "Metadata": {"padding": "x" * 1_000_000}}})))
    assert f"the template of stack {STACK} has" in said
    assert "at most 1,000,000 bytes" in said
    assert status(cloudformation) is None
