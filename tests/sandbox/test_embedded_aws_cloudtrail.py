"""Contract of the embedded CloudTrail: who called what is looked up as AWS answers it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.embedded_aws.cloudtrail.events import Event, Trail
from tests.helpers.embedded_aws_server import EVERYTHING, Aws, policy, refused, resource, wait_for

ROLE = {"AssumeRolePolicyDocument": policy(Principal={"Service": "ec2.amazonaws.com"})}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    server = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield server
    server.stop()


def ask(aws: Aws, region: str = "us-west-2", **request: Any) -> dict[str, Any]:
    """LookupEvents, again when it was throttled."""
    client = aws.client("cloudtrail", region=region)

    def answer() -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = client.lookup_events(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ThrottlingException":
                raise
            return None
        return found

    page: dict[str, Any] = wait_for(answer, "An answer of CloudTrail", 60)
    return page


def by(key: str, value: str) -> dict[str, Any]:
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


def records(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(event["CloudTrailEvent"]) for event in page["Events"]]


def user(aws: Aws, name: str, *statements: Any) -> tuple[str, str]:
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    for statement in statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(statement))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def test_a_call_says_who_what_whence_and_on_which_resource(aws: Aws) -> None:
    """A user, a session of a role and the root; IAM's events are in us-east-1 alone."""
    keys = user(aws, "alice", policy("*", Resource="*"))
    ec2 = aws.client("ec2", *keys)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    ec2.describe_security_groups(GroupIds=[group])
    page = ask(aws, **by("ResourceName", group))
    assert [event["EventName"] for event in page["Events"]] == ["AuthorizeSecurityGroupIngress", "CreateSecurityGroup"]
    opened = records(page)[0]
    assert opened["userIdentity"] | {"principalId": ""} == {
        "type": "IAMUser",
        "principalId": "",
        "arn": "arn:aws:iam::000000000000:user/alice",
        "accountId": "000000000000",
        "accessKeyId": keys[0],
        "userName": "alice",
    }
    assert (opened["eventSource"], opened["sourceIPAddress"], opened["readOnly"]) == (
        "ec2.amazonaws.com",
        "127.0.0.1",
        False,
    )
    permission = opened["requestParameters"]["ipPermissions"][0]
    assert (permission["fromPort"], permission["ipRanges"]) == ("22", [{"cidrIp": "0.0.0.0/0"}])

    iam = aws.client("iam", *keys)
    trust = json.dumps(policy(Principal={"AWS": "arn:aws:iam::000000000000:root"}))
    arn = iam.create_role(RoleName="helper", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="helper", PolicyName="all", PolicyDocument=json.dumps(policy("*", Resource="*")))
    made = aws.client("sts", *keys).assume_role(RoleArn=arn, RoleSessionName="night")["Credentials"]
    session = made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    aws.client("iam", *session).attach_role_policy(RoleName="helper", PolicyArn=administrator)
    assert not ask(aws, **by("ResourceName", "helper"))["Events"], "IAM writes where its end point is"
    page = ask(aws, "us-east-1", **by("ResourceName", "helper"))
    assert [event["EventName"] for event in page["Events"]] == ["AttachRolePolicy", "PutRolePolicy", "CreateRole"]
    assert page["Events"][0]["Username"] == "night"
    identity = records(page)[0]["userIdentity"]
    assert identity["arn"] == "arn:aws:sts::000000000000:assumed-role/helper/night"
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == arn
    assert {"ResourceType": "AWS::IAM::Policy", "ResourceName": administrator} in page["Events"][0]["Resources"]


def test_secrets_are_left_out_and_refused_calls_have_their_code(aws: Aws) -> None:
    """No value of a secret, a parameter or a stack is written down; a denied call is, a read is not."""
    aws.client("secretsmanager").create_secret(Name="s", SecretString="hunter2")
    aws.client("secretsmanager").put_secret_value(SecretId="s", SecretString="hunter2")
    aws.client("ssm").put_parameter(Name="/p", Value="hunter2", Type="String")
    keys = user(aws, "bob")
    assert "AccessDenied" in refused(aws.client("ssm", *keys).put_parameter, Name="/p", Value="hunter2", Type="String")
    assert "hunter2" not in (aws.folder / "state" / "cloudtrail.jsonl").read_text()
    denied, put = records(ask(aws, **by("ResourceName", "/p")))
    assert denied["errorCode"] == "AccessDeniedException"
    assert denied["userIdentity"]["userName"] == "bob"
    assert "errorCode" not in put
    assert put["requestParameters"]["name"] == "/p"
    names = [event["EventName"] for event in ask(aws, **by("ResourceName", "s"))["Events"]]
    assert names == ["PutSecretValue", "CreateSecret"]


def test_what_a_stack_does_is_done_by_cloudformation(aws: Aws) -> None:
    """Each resource has an event of the service role's session, or of the caller where a stack has none; none is
    written of objects, items and messages."""
    trust = json.dumps(policy(Principal={"Service": "cloudformation.amazonaws.com"}))
    service = aws.client("iam").create_role(RoleName="service", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    rights = json.dumps(EVERYTHING)
    aws.client("iam").put_role_policy(RoleName="service", PolicyName="everything", PolicyDocument=rights)
    stack = {"Topic": resource("SNS::Topic", TopicName="made"), "Role": resource("IAM::Role", RoleName="own", **ROLE)}
    topic = aws.deploy("with-role", stack, RoleARN=service)["Topic"]
    (made,) = records(ask(aws, **by("ResourceName", topic)))
    assert (made["eventName"], made["sourceIPAddress"]) == ("CreateTopic", "cloudformation.amazonaws.com")
    assert made["userIdentity"]["invokedBy"] == "cloudformation.amazonaws.com"
    assert made["userIdentity"]["arn"].endswith("assumed-role/service/AWSCloudFormation")
    assert made["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == service
    assert [r["eventName"] for r in records(ask(aws, "us-east-1", **by("ResourceName", "own")))] == ["CreateRole"]
    aws.client("s3").create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    aws.client("s3").put_object(Bucket="data", Key="k", Body=b"x")
    aws.client("sns").publish(TopicArn=topic, Message="m")
    assert [r["eventName"] for r in records(ask(aws, **by("ResourceName", "data")))] == ["CreateBucket"]
    (created,) = records(ask(aws, **by("ResourceName", "with-role")))
    assert (created["eventName"], created["userIdentity"]["type"]) == ("CreateChangeSet", "Root")
    assert "templateBody" not in created["requestParameters"]


def test_the_stand_in_for_controllers_is_a_service(aws: Aws) -> None:
    """It calls with the account's number as its key."""
    aws.client("ssm", "000000000000", "test").put_parameter(Name="/by/controller", Value="v", Type="String")
    (put,) = records(ask(aws, **by("ResourceName", "/by/controller")))
    assert put["userIdentity"] == {"type": "AWSService", "invokedBy": "eks.amazonaws.com"}


def test_calls_of_rest_services_name_what_stands_in_their_path(aws: Aws) -> None:
    """EKS and Route 53 name the cluster and the zone there."""
    assert refused(aws.client("eks").update_cluster_config, name="demo", deletionProtection=False)
    (denied,) = records(ask(aws, **by("ResourceName", "demo")))
    assert (denied["eventName"], denied["requestParameters"]["name"]) == ("UpdateClusterConfig", "demo")
    assert denied["errorCode"] == "ResourceNotFoundException"


def test_pages_attributes_and_times(aws: Aws) -> None:
    """Newest first, the next page where the last one ended; each attribute; what AWS refuses is refused."""
    for number in range(3):
        aws.client("ssm").put_parameter(Name=f"/paged/{number}", Value="v", Type="String")
    asked = by("EventName", "PutParameter")
    page = ask(aws, **asked, MaxResults=2)
    aws.client("ssm").put_parameter(Name="/paged/later", Value="v", Type="String")
    rest = ask(aws, **asked, MaxResults=50, NextToken=page["NextToken"])
    names = [r["requestParameters"]["name"] for r in (*records(page), *records(rest))]
    assert names[:3] == ["/paged/2", "/paged/1", "/paged/0"]
    newest = ask(aws, MaxResults=1)["Events"][0]
    values = {
        "AccessKeyId": "AKIAROOT",
        "EventId": newest["EventId"],
        "ReadOnly": "false",
        "ResourceType": "AWS::SSM::Parameter",
        "Username": "root",
    }
    for key, value in values.items():
        assert ask(aws, **by(key, value), MaxResults=1)["Events"] == [newest], key
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert not ask(aws, StartTime=tomorrow)["Events"]
    assert ask(aws, EndTime=tomorrow)["Events"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"LookupAttributes": [*by("EventName", "a")["LookupAttributes"] * 2]}, "InvalidLookupAttributesException"),
        ({"NextToken": "x"}, "InvalidNextTokenException"),
        ({"StartTime": 2, "EndTime": 1}, "InvalidTimeRangeException"),
    ],
)
def test_what_aws_refuses_is_refused(aws: Aws, request_: dict[str, Any], code: str) -> None:
    """Two attributes, a token of nobody's, and an end before the start."""
    with pytest.raises(ClientError, match=code):
        ask(aws, **request_)


def test_more_than_two_calls_a_second_are_throttled(aws: Aws) -> None:
    """However slow the machine, it does not take 100 calls half a second each."""
    client = aws.client("cloudtrail")

    def call_often() -> None:
        for _ in range(100):
            client.lookup_events(MaxResults=1)

    with pytest.raises(ClientError, match="ThrottlingException"):
        call_often()


def test_the_newest_events_stay_also_across_a_restart(tmp_path: Path) -> None:
    """They are on disk once the call is answered, a line that a kill cut short is passed over, and the file ends."""
    path = tmp_path / "state" / "cloudtrail.jsonl"
    trail = Trail(path, kept=3)

    def event(number: int) -> Event:
        return Event("1", "r", str(number), "n", "s", float(number), "u", "k", (("t", "r"),), "{}")

    for number in range(20):
        trail.append(event(number))
    with path.open("a") as file:
        file.write('{"account": "1')
    again = Trail(path, kept=3)
    assert again.newest_first("1", "r") == trail.newest_first("1", "r") == [event(19), event(18), event(17)]
    assert again.newest_first("1", "other") == []
    assert len(path.read_text().splitlines()) == 3
