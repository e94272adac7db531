"""The switches of a slow day in the embedded AWS: off by themselves, and read while it runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.helpers.embedded_aws_server import Aws, policy, refused, resource

TOPIC = {"Topic": resource("SNS::Topic")}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    started = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def _own_limits(aws: Aws) -> Iterator[None]:
    yield
    (aws.folder / "limits.json").unlink(missing_ok=True)


def slow(aws: Aws, **switches: float) -> None:
    (aws.folder / "limits.json").write_text(json.dumps({"slow": switches}))


def test_new_role_cannot_be_assumed_for_some_seconds(aws: Aws) -> None:
    iam, sts = aws.client("iam"), aws.client("sts")
    trust = json.dumps(policy(Principal={"AWS": "arn:aws:iam::000000000000:root"}))
    slow(aws, role_seconds=2)
    arn = iam.create_role(RoleName="late", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    assert refused(sts.assume_role, RoleArn=arn, RoleSessionName="me").startswith("AccessDenied")
    time.sleep(2.1)
    assert sts.assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]


def test_new_parameter_is_not_found_for_some_seconds(aws: Aws) -> None:
    """A value that is written over is no new parameter."""
    ssm = aws.client("ssm")
    slow(aws, parameter_seconds=1)
    ssm.put_parameter(Name="/late", Value="one", Type="String")
    assert refused(ssm.get_parameter, Name="/late").startswith("ParameterNotFound")
    ssm.put_parameter(Name="/late", Value="two", Type="String", Overwrite=True)
    assert ssm.get_parameter(Name="/late")["Parameter"]["Value"] == "two"


def test_new_stack_and_change_set_do_not_exist_for_some_seconds(aws: Aws) -> None:
    cloudformation = aws.client("cloudformation")
    slow(aws, stack_seconds=1)
    template = json.dumps({"Resources": TOPIC})
    named = {"StackName": "late", "ChangeSetName": "one"}
    cloudformation.create_change_set(**named, ChangeSetType="CREATE", TemplateBody=template)
    assert refused(cloudformation.describe_change_set, **named).startswith("ChangeSetNotFound")
    said = refused(cloudformation.describe_stacks, StackName="late")
    assert said == "ValidationError: Stack with id late does not exist"
    time.sleep(1.1)
    assert cloudformation.describe_change_set(**named)["Status"] == "CREATE_COMPLETE"
    assert cloudformation.describe_stacks(StackName="late")["Stacks"]


def test_what_is_deleted_holds_what_it_used_for_some_seconds(aws: Aws) -> None:
    """It is listed, its deletion is not answered twice, and EC2 refuses to delete its group and subnet until then."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="late", Description="late", VpcId=vpc)["GroupId"]
    made = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]["NetworkInterfaceId"]
    slow(aws, deletion_seconds=2)
    ec2.delete_network_interface(NetworkInterfaceId=made)
    assert refused(ec2.delete_network_interface, NetworkInterfaceId=made).startswith("InvalidNetworkInterfaceID.NotF")
    assert ec2.describe_network_interfaces(NetworkInterfaceIds=[made])["NetworkInterfaces"]
    assert refused(ec2.delete_security_group, GroupId=group).startswith("DependencyViolation")
    assert refused(ec2.delete_subnet, SubnetId=subnet).startswith("DependencyViolation")
    time.sleep(2.1)
    assert ec2.describe_network_interfaces(NetworkInterfaceIds=[made])["NetworkInterfaces"] == []
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)
    assert refused(ec2.delete_security_group, GroupId=group).startswith("InvalidGroup.NotFound")
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    (aws.folder / "limits.json").unlink()
    assert refused(ec2.describe_security_groups, GroupIds=[group]).startswith("InvalidGroup.NotFound")


def test_pages_are_as_small_as_they_are_set(aws: Aws) -> None:
    aws.deploy("paged", {"One": resource("SNS::Topic"), "Two": resource("SNS::Topic")})
    cloudformation = aws.client("cloudformation")
    whole = cloudformation.describe_stack_events(StackName="paged")["StackEvents"]
    slow(aws, page_size=1)
    pages = list(cloudformation.get_paginator("describe_stack_events").paginate(StackName="paged"))
    assert [page["StackEvents"] for page in pages] == [[event] for event in whole]


@pytest.mark.parametrize("service", ["cloudformation", "dynamodb", "ec2", "eks", "iam", "s3", "ssm", "sts"])
def test_share_of_calls_is_turned_away_in_the_words_of_each_protocol(aws: Aws, service: str) -> None:
    """A client that tries again does not notice; one that does not sees every Nth call fail."""
    asks = {
        "cloudformation": "list_stacks",
        "dynamodb": "list_tables",
        "ec2": "describe_vpcs",
        "eks": "list_clusters",
        "iam": "list_roles",
        "s3": "list_buckets",
        "ssm": "describe_parameters",
        "sts": "get_caller_identity",
    }
    slow(aws, throttled=0.25, failing=0.25)
    ask = getattr(aws.client(service), asks[service])
    codes = set()
    for _ in range(8):
        try:
            ask()
        except ClientError as error:
            codes.add((error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]))
    throttled = "SlowDown" if service == "s3" else "ThrottlingException"
    assert {code for code, _ in codes} >= {throttled, "503"}
    make_client = boto3.client
    patient = make_client(
        service,  # type: ignore[call-overload]
        region_name="us-west-2",
        endpoint_url=f"http://127.0.0.1:{aws.port}",
        aws_access_key_id="AKIAROOT",
        aws_secret_access_key="root-secret",
        config=Config(retries={"mode": "standard", "max_attempts": 6}),
    )
    for _ in range(4):
        getattr(patient, asks[service])()


def test_throttled_head_of_a_bucket_is_no_denial(aws: Aws) -> None:
    """An answer to HEAD has no words, and S3 throttles with 503."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="throttled", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    slow(aws, throttled=0.5)
    statuses = set()
    for _ in range(4):
        try:
            s3.head_bucket(Bucket="throttled")
        except ClientError as error:
            statuses.add(error.response["ResponseMetadata"]["HTTPStatusCode"])
    assert statuses == {503}
