"""The Stack driver's teardown on an embedded AWS: what goes, what stays, and what AWS wants first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from resources.cloudformation import ENVIRONMENT_TAG
from resources.config.environment import Environment
from resources.drivers.stack.driver import StackDriver
from resources.model.errors import LeaseHeld, OperationFailed
from resources.model.removal import Removal
from resources.model.specs import Stack
from tests.drivers.stack.embedded_stacks import STACK, Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import ref, resource, wait_for

ZONE = "Route53::HostedZone"


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


@pytest.fixture(autouse=True)
def _clean(stacks: Stacks) -> Iterator[None]:
    yield
    spec = data(stacks)
    StackDriver().destroy(spec, stacks.context, delete_data=True)
    with suppress(ClientError):  # its name is taken until its day
        client(stacks, "secretsmanager").delete_secret(SecretId="demo/own", ForceDeleteWithoutRecovery=True)
    stacks.said.clear()


def kept(kind: str, **properties: Any) -> dict[str, Any]:
    return {**resource(kind, **properties), "DeletionPolicy": "RetainExceptOnCreate"}


def data(stacks: Stacks, **more: Any) -> Stack[Any]:
    """One of each kind of data, and something that is none."""
    resources = {
        "Files": kept("EFS::FileSystem", Encrypted=True),
        "Bucket": kept("S3::Bucket", BucketName="demo-own", VersioningConfiguration={"Status": "Enabled"}),
        "Key": kept("KMS::Key", KeyPolicy={"Version": "2012-10-17", "Statement": []}),
        "Logs": kept("Logs::LogGroup", LogGroupName="/demo/own"),
        "Password": kept("SecretsManager::Secret", Name="demo/own", GenerateSecretString={}),
        "Zone": kept(ZONE, Name="own.test."),
        "Topic": resource("SNS::Topic", TopicName="own"),
    }
    return stacks.spec(resources, tags={ENVIRONMENT_TAG: stacks.env.name}, **more)


def plan(stacks: Stacks, spec: Stack[Any], *, delete_data: bool) -> Removal:
    return StackDriver().plan_removal(spec, stacks.context, delete_data=delete_data)


def destroy(stacks: Stacks, spec: Stack[Any], *, delete_data: bool = False) -> None:
    StackDriver().destroy(spec, stacks.context, delete_data=delete_data)


def kinds(objects: Any) -> list[str]:
    return sorted(one.object.split()[0].removeprefix("AWS::") for one in objects)


def client(stacks: Stacks, service: str) -> Any:
    make: Any = stacks.context.aws.client
    return make(service)


def status(stacks: Stacks) -> str | None:
    listed = stacks.cloudformation.list_stacks()["StackSummaries"]
    return next((s["StackStatus"] for s in listed if s["StackName"] == STACK), None)


DATA = [
    "EFS::FileSystem",
    "KMS::Key",
    "Logs::LogGroup",
    "Route53::HostedZone",
    "S3::Bucket",
    "SecretsManager::Secret",
]


def test_nothing_there_is_nothing_to_do(stacks: Stacks) -> None:
    """No stack, no data: the plan is empty, and a destroy asks for no change."""
    assert plan(stacks, data(stacks), delete_data=True) == Removal()
    destroy(stacks, data(stacks), delete_data=True)
    assert stacks.said == []


def test_data_stays_and_its_cost_is_known(stacks: Stacks) -> None:
    """What goes by type and id; data is kept with why and what it costs a month, and a second plan says so still."""
    spec = data(stacks, protected=True)
    stacks.deploy(spec)
    removal = plan(stacks, spec, delete_data=False)
    assert kinds(removal.removes) == ["SNS::Topic"]
    assert kinds(removal.keeps) == DATA
    costs = {one.object.split()[0].removeprefix("AWS::"): one.monthly_cost for one in removal.keeps}
    assert (costs["KMS::Key"], costs["SecretsManager::Secret"], costs[ZONE]) == (1.0, 0.4, 0.5)
    assert costs["EFS::FileSystem"] is not None
    destroy(stacks, spec)
    assert status(stacks) in (None, "DELETE_COMPLETE")
    assert client(stacks, "sns").list_topics()["Topics"] == []
    again = plan(stacks, spec, delete_data=False)
    assert (kinds(again.removes), kinds(again.keeps)) == ([], DATA)
    assert {one.object for one in again.keeps} == {one.object for one in removal.keeps}


def test_data_goes_when_asked_for(stacks: Stacks) -> None:
    """Versions of objects, records and mount targets stand in the way of nothing; key and secret wait for their day."""
    spec = data(stacks)
    stacks.deploy(spec)
    fill(stacks)
    assert kinds(plan(stacks, spec, delete_data=True).removes) == sorted([*DATA, "SNS::Topic"])
    destroy(stacks, spec, delete_data=True)
    assert plan(stacks, spec, delete_data=True) == Removal()
    assert client(stacks, "efs").describe_file_systems()["FileSystems"] == []
    assert "demo-own" not in [b["Name"] for b in client(stacks, "s3").list_buckets()["Buckets"]]
    assert client(stacks, "route53").list_hosted_zones()["HostedZones"] == []
    waiting = client(stacks, "secretsmanager").describe_secret(SecretId="demo/own")
    assert waiting["DeletedDate"]
    keys = [k["KeyId"] for k in client(stacks, "kms").list_keys()["Keys"]]
    states = {client(stacks, "kms").describe_key(KeyId=k)["KeyMetadata"]["KeyState"] for k in keys}
    assert states == {"PendingDeletion"}


def fill(stacks: Stacks) -> None:
    """What AWS wants out before it deletes bucket and zone."""
    for body in (b"one", b"two"):
        client(stacks, "s3").put_object(Bucket="demo-own", Key="object", Body=body)
    client(stacks, "s3").delete_object(Bucket="demo-own", Key="object")
    (zone,) = client(stacks, "route53").list_hosted_zones()["HostedZones"]
    record = {"Name": "a.own.test.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    client(stacks, "route53").change_resource_record_sets(
        HostedZoneId=zone["Id"], ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    )


def test_data_kept_before_goes_by_a_later_destroy(stacks: Stacks) -> None:
    """A destroy that keeps data, or that is killed before it deletes it, is followed by one that does."""
    spec = data(stacks)
    stacks.deploy(spec)
    fill(stacks)
    destroy(stacks, spec)
    destroy(stacks, spec, delete_data=True)
    assert plan(stacks, spec, delete_data=True) == Removal()


def test_data_whose_template_does_not_keep_it_stays(stacks: Stacks) -> None:
    """A zone that an older version deployed outlives its stack all the same, with its records."""
    spec = stacks.spec({"Zone": resource(ZONE, Name="own.test.")}, tags={ENVIRONMENT_TAG: stacks.env.name})
    stacks.deploy(spec)
    (zone,) = client(stacks, "route53").list_hosted_zones()["HostedZones"]
    assert kinds(plan(stacks, spec, delete_data=False).keeps) == [ZONE]
    destroy(stacks, spec)
    assert status(stacks) in (None, "DELETE_COMPLETE")
    assert [z["Id"] for z in client(stacks, "route53").list_hosted_zones()["HostedZones"]] == [zone["Id"]]
    destroy(stacks, spec, delete_data=True)
    assert client(stacks, "route53").list_hosted_zones()["HostedZones"] == []


def test_bucket_and_zone_without_retention_are_emptied_first(stacks: Stacks) -> None:
    """CloudFormation deletes neither with what is in it."""
    resources = {"Zone": resource(ZONE, Name="own.test."), "Bucket": resource("S3::Bucket", BucketName="demo-own")}
    spec = stacks.spec(resources, tags={ENVIRONMENT_TAG: stacks.env.name})
    stacks.deploy(spec)
    fill(stacks)
    destroy(stacks, spec, delete_data=True)
    assert plan(stacks, spec, delete_data=True) == Removal()


def test_protection_is_lifted_and_the_policy_hinders_nothing(stacks: Stacks) -> None:
    """Termination protection of this stack alone; a stack policy speaks of updates."""
    policy = {"Statement": [{"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}
    spec = stacks.spec({"Topic": resource("SNS::Topic")}, protected=True, policy=policy)
    stacks.deploy(spec)
    destroy(stacks, spec)
    assert status(stacks) in (None, "DELETE_COMPLETE")
    assert any("termination protection" in line for line in stacks.said)
    assert any("AWS::SNS::Topic Topic: DELETE_COMPLETE" in line for line in stacks.said)


@pytest.mark.parametrize("state", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_stacks_that_were_never_created_go(stacks: Stacks, state: str) -> None:
    """A shell of a change set, and what is left of a creation that failed."""
    if state == "REVIEW_IN_PROGRESS":
        template = json.dumps({"Resources": {"Topic": resource("SNS::Topic")}})
        stacks.cloudformation.create_change_set(
            StackName=STACK, ChangeSetName="shell", ChangeSetType="CREATE", TemplateBody=template
        )
    else:
        nowhere = resource("EC2::Subnet", VpcId="vpc-0123", CidrBlock="10.0.0.0/24")
        stacks.cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps({"Resources": {"Subnet": nowhere}}))
    wait_for(lambda: status(stacks) == state, f"the stack in {state}")
    destroy(stacks, stacks.spec({}))
    assert status(stacks) in (None, "DELETE_COMPLETE")


def test_a_deletion_under_way_is_waited_for(stacks: Stacks) -> None:
    """Another run's deletion is not asked for again."""
    spec = stacks.spec({"Topic": resource("SNS::Topic")})
    stacks.deploy(spec)
    stacks.cloudformation.delete_stack(StackName=STACK)
    destroy(stacks, spec)
    assert status(stacks) in (None, "DELETE_COMPLETE")


def test_lost_lease_changes_nothing(stacks: Stacks) -> None:
    """A run that another has taken over deletes nothing and lifts no protection."""

    class Lost:
        def check(self) -> None:
            raise LeaseHeld("taken over")

    spec = stacks.spec({"Topic": resource("SNS::Topic")}, protected=True)
    stacks.deploy(spec)
    stacks.context.lease = Lost()
    try:
        with pytest.raises(LeaseHeld):
            destroy(stacks, spec, delete_data=True)
    finally:
        stacks.context.lease = None
    (stack,) = stacks.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    assert (stack["StackStatus"], stack["EnableTerminationProtection"]) == ("CREATE_COMPLETE", True)


NETWORK = {
    "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
    "A": resource("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.0.0.0/24", AvailabilityZone="us-west-2a"),
    "Group": resource("EC2::SecurityGroup", GroupDescription="ours", VpcId=ref("Vpc")),
}


def test_what_holds_a_stack_is_named_and_a_rerun_continues(stacks: Stacks) -> None:
    """A deletion that fails twice ends with the resource, AWS's reason, and the command; then it goes."""
    other = stacks.spec(NETWORK).model_copy(update={"name": "demo-sandbox-other"})
    StackDriver().apply(other, stacks.context)
    parts = stacks.cloudformation.list_stack_resources(StackName=other.name)["StackResourceSummaries"]
    ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in parts}
    spec = stacks.spec({"Group": resource("EC2::SecurityGroup", GroupDescription="own", VpcId=ids["Vpc"])})
    stacks.deploy(spec)
    (group,) = stacks.cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    made = client(stacks, "ec2").create_network_interface(SubnetId=ids["A"], Groups=[group["PhysicalResourceId"]])
    with pytest.raises(OperationFailed, match=r"SecurityGroup Group: .*dependent object") as caught:
        destroy(stacks, spec)
    assert "it is DELETE_FAILED" in caught.value.message
    assert "eks-assets destroy sandbox" in caught.value.next_step
    identifier = made["NetworkInterface"]["NetworkInterfaceId"]
    client(stacks, "ec2").delete_network_interface(NetworkInterfaceId=identifier)
    destroy(stacks, spec)
    assert status(stacks) in (None, "DELETE_COMPLETE")
    destroy(stacks, other)


def test_data_of_a_failed_deletion_is_kept_by_the_next(stacks: Stacks) -> None:
    """From DELETE_FAILED on, the data that no template keeps is retained by its logical id."""
    other = stacks.spec(NETWORK).model_copy(update={"name": "demo-sandbox-other"})
    StackDriver().apply(other, stacks.context)
    parts = stacks.cloudformation.list_stack_resources(StackName=other.name)["StackResourceSummaries"]
    ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in parts}
    resources = {
        "Bucket": resource("S3::Bucket", BucketName="demo-own"),
        "Group": resource("EC2::SecurityGroup", GroupDescription="own", VpcId=ids["Vpc"]),
    }
    spec = stacks.spec(resources, tags={ENVIRONMENT_TAG: stacks.env.name})
    stacks.deploy(spec)
    client(stacks, "s3").put_object(Bucket="demo-own", Key="object", Body=b"data")
    stacks.cloudformation.delete_stack(StackName=STACK)  # by hand: it would have taken the bucket
    wait_for(lambda: status(stacks) == "DELETE_FAILED", "the failed deletion")
    destroy(stacks, spec)
    assert status(stacks) in (None, "DELETE_COMPLETE")
    assert client(stacks, "s3").get_object(Bucket="demo-own", Key="object")["Body"].read() == b"data"
    destroy(stacks, other)


def test_a_later_deploy_takes_the_zone_up_again(stacks: Stacks) -> None:
    """The zone that was kept, with its records and name servers, is the new stack's: nobody delegates again."""
    spec = stacks.spec({"Zone": kept(ZONE, Name="own.test.")}, tags={ENVIRONMENT_TAG: stacks.env.name})
    stacks.deploy(spec)
    route53 = client(stacks, "route53")
    (before,) = route53.list_hosted_zones()["HostedZones"]
    destroy(stacks, spec)
    stacks.deploy(spec)
    assert [zone["Id"] for zone in route53.list_hosted_zones()["HostedZones"]] == [before["Id"]]
    assert kinds(plan(stacks, spec, delete_data=False).keeps) == [ZONE]
    assert stacks.plan(spec).action == "none"
    route53.create_hosted_zone(Name="own.test.", CallerReference="two")
    destroy(stacks, spec)
    stacks.deploy(spec)  # a zone without the environment's tag is somebody else's
    destroy(stacks, spec, delete_data=True)
    (theirs,) = route53.list_hosted_zones()["HostedZones"]
    assert theirs["Id"] != before["Id"]
    route53.delete_hosted_zone(Id=theirs["Id"])


def test_killed_before_any_change_a_rerun_continues(stacks: Stacks) -> None:
    """A run that may make one change, then dies: as many of them as it takes end where one whole run would."""

    class OneChange:
        left = 1

        def check(self) -> None:
            if not self.left:
                raise LeaseHeld("killed")
            self.left -= 1

    spec = data(stacks, protected=True)
    stacks.deploy(spec)
    fill(stacks)
    runs = 1
    try:
        while True:
            stacks.context.lease = OneChange()
            try:
                destroy(stacks, spec, delete_data=True)
                break
            except LeaseHeld:
                runs += 1
                assert runs < 30
    finally:
        stacks.context.lease = None
    assert runs > len(DATA)
    assert plan(stacks, spec, delete_data=True) == Removal()
    assert status(stacks) in (None, "DELETE_COMPLETE")
