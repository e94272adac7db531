"""What the embedded AWS refuses to delete, in AWS's words, and what it keeps when a stack goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.embedded_aws_server import Aws, cluster, node_group, prepare, refused, resource, wait_for


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    server = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def values(aws: Aws) -> dict[str, Any]:
    return prepare(aws)


def delete(aws: Aws, stack: str, **options: Any) -> str:
    """Delete the stack; its last status."""
    client = aws.client("cloudformation")
    identifier = client.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    client.delete_stack(StackName=stack, **options)

    def settled() -> str:
        status: str = client.describe_stacks(StackName=identifier)["Stacks"][0]["StackStatus"]
        return "" if status.endswith("_IN_PROGRESS") else status

    return str(wait_for(settled, f"the end of {stack}"))


def test_protected_stack_is_not_deleted(aws: Aws) -> None:
    """Termination protection refuses DeleteStack; RetainResources are for a stack in DELETE_FAILED."""
    client = aws.client("cloudformation")
    aws.deploy("guarded", {"Topic": resource("SNS::Topic")})
    client.update_termination_protection(StackName="guarded", EnableTerminationProtection=True)
    words = "cannot be deleted while TerminationProtection is enabled"
    assert words in refused(client.delete_stack, StackName="guarded")
    client.update_termination_protection(StackName="guarded", EnableTerminationProtection=False)
    words = refused(client.delete_stack, StackName="guarded", RetainResources=["Topic"])
    assert "RetainResources can only be specified" in words or "DELETE_FAILED state" in words
    assert delete(aws, "guarded") == "DELETE_COMPLETE"


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_what_is_retained_outlives_its_stack_with_its_tags(aws: Aws, policy: str) -> None:
    """A bucket stays, and is found by the stack that made it."""
    name = f"kept-{policy.lower()}"
    aws.deploy(name, {"Bucket": {**resource("S3::Bucket", BucketName=name), "DeletionPolicy": policy}})
    assert delete(aws, name) == "DELETE_COMPLETE"
    aws.client("s3").head_bucket(Bucket=name)
    filters = [{"Key": "aws:cloudformation:stack-name", "Values": [name]}]
    (found,) = aws.client("resourcegroupstaggingapi").get_resources(TagFilters=filters)["ResourceTagMappingList"]
    assert found["ResourceARN"] == f"arn:aws:s3:::{name}"


def test_bucket_and_zone_are_deleted_empty_only(aws: Aws) -> None:
    """CloudFormation refuses as the services do, and deletes both once nothing is in them."""
    made = aws.deploy(
        "full", {"Bucket": resource("S3::Bucket"), "Zone": resource("Route53::HostedZone", Name="a.test")}
    )
    s3, route53 = aws.client("s3"), aws.client("route53")
    s3.put_object(Bucket=made["Bucket"], Key="object", Body=b"data")
    record = {"Name": "www.a.test.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    for action in ("CREATE", "DELETE"):
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        route53.change_resource_record_sets(HostedZoneId=made["Zone"], ChangeBatch=batch)
        if action == "CREATE":
            assert "BucketNotEmpty" in refused(s3.delete_bucket, Bucket=made["Bucket"])
            assert "HostedZoneNotEmpty" in refused(route53.delete_hosted_zone, Id=made["Zone"])
            assert delete(aws, "full") == "DELETE_FAILED"
            failures = " ".join(aws.failures("full"))
            assert "The bucket you tried to delete is not empty" in failures
            assert "non-required resource record sets" in failures
            s3.delete_object(Bucket=made["Bucket"], Key="object")
    assert delete(aws, "full") == "DELETE_COMPLETE"


def test_interfaces_keep_their_subnet_and_group(aws: Aws, values: dict[str, Any]) -> None:
    """A network interface is listed by VPC, status and tag; in use it stays, and so does what it is in."""
    ec2 = aws.client("ec2")
    tags = [{"Key": "owner", "Value": "somebody"}]
    specification = [{"ResourceType": "network-interface", "Tags": tags}]
    made = ec2.create_network_interface(
        SubnetId=values["B"], Groups=[values["Group"]], Description="theirs", TagSpecifications=specification
    )["NetworkInterface"]
    identifier = made["NetworkInterfaceId"]
    for name, value, count in (
        ("vpc-id", values["Vpc"], 1),
        ("vpc-id", "vpc-other", 0),
        ("status", "in-use", 0),
        ("group-id", values["Group"], 1),
        ("tag:owner", "somebody", 1),
        ("tag:owner", "nobody", 0),
    ):
        found = ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])["NetworkInterfaces"]
        assert len(found) == count, name
    assert "DependencyViolation" in refused(ec2.delete_subnet, SubnetId=values["B"])
    assert "DependencyViolation" in refused(ec2.delete_security_group, GroupId=values["Group"])
    attached = ec2.attach_network_interface(NetworkInterfaceId=identifier, InstanceId="i-0123", DeviceIndex=1)
    words = f"Network interface '{identifier}' is currently in use."
    assert words in refused(ec2.delete_network_interface, NetworkInterfaceId=identifier)
    ec2.detach_network_interface(AttachmentId=attached["AttachmentId"])
    ec2.delete_network_interface(NetworkInterfaceId=identifier)


def test_groups_that_name_each_other_stay(aws: Aws, values: dict[str, Any]) -> None:
    """Until the rules are revoked."""
    ec2 = aws.client("ec2")
    one, two = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=values["Vpc"])["GroupId"]
        for name in ("one", "two")
    )
    rules = {
        group: [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": other}]}]
        for group, other in ((one, two), (two, one))
    }
    for group, permissions in rules.items():
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
    for group in rules:
        assert "DependencyViolation" in refused(ec2.delete_security_group, GroupId=group)
    for group, permissions in rules.items():
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=permissions)
    for group in rules:
        ec2.delete_security_group(GroupId=group)


def test_cluster_with_node_groups_or_protection_stays(aws: Aws, values: dict[str, Any]) -> None:
    """By the API and by its stack."""
    eks = aws.client("eks")
    aws.deploy("demo", {"Cluster": cluster("demo", values)})
    aws.deploy("nodes", {"Nodes": node_group(values)})
    assert "ResourceInUseException: Cluster has nodegroups attached" in refused(eks.delete_cluster, name="demo")
    assert delete(aws, "demo") == "DELETE_FAILED"
    assert delete(aws, "nodes") == "DELETE_COMPLETE"
    eks.update_cluster_config(name="demo", deletionProtection=True)
    wait_for(lambda: eks.describe_cluster(name="demo")["cluster"]["status"] == "ACTIVE", "the protection")
    assert "deletion protection is enabled" in refused(eks.delete_cluster, name="demo")
    assert delete(aws, "demo") == "DELETE_FAILED"
    eks.update_cluster_config(name="demo", deletionProtection=False)
    wait_for(lambda: eks.describe_cluster(name="demo")["cluster"]["status"] == "ACTIVE", "the protection's end")
    assert delete(aws, "demo") == "DELETE_COMPLETE"


def test_what_waits_for_its_deletion_keeps_its_name(aws: Aws) -> None:
    """A secret's name is taken, by the API and by a stack; a key is scheduled once, and can be kept."""
    secrets, kms = aws.client("secretsmanager"), aws.client("kms")
    secrets.create_secret(Name="waiting", SecretString="value")
    assert "RecoveryWindowInDays" in refused(secrets.delete_secret, SecretId="waiting", RecoveryWindowInDays=3)
    secrets.delete_secret(SecretId="waiting", RecoveryWindowInDays=7)
    words = "a secret with this name is already scheduled for deletion"
    assert words in refused(secrets.create_secret, Name="waiting", SecretString="value")
    stack = aws.execute(aws.change("secret", {"Secret": resource("SecretsManager::Secret", Name="waiting")}))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert words in " ".join(aws.failures("secret"))
    secrets.restore_secret(SecretId="waiting")

    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert "ValidationException" in refused(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=3)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    words = refused(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=7)
    assert words.startswith("KMSInvalidStateException")
    kms.cancel_key_deletion(KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def test_gateway_and_vpc_stay_while_they_are_used(aws: Aws) -> None:
    """A VPC with a group of its own, a gateway that is attached."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    assert "DependencyViolation" in refused(ec2.delete_internet_gateway, InternetGatewayId=gateway)
    assert "DependencyViolation" in refused(ec2.delete_vpc, VpcId=vpc)
    ec2.detach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    group = ec2.create_security_group(GroupName="own", Description="own", VpcId=vpc)["GroupId"]
    assert "DependencyViolation" in refused(ec2.delete_vpc, VpcId=vpc)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)
    with pytest.raises(ClientError, match="does not exist"):
        ec2.describe_vpcs(VpcIds=[vpc])


def test_instance_takes_its_own_volumes_with_it(aws: Aws) -> None:
    """The volume that it was started with goes; one that was attached later stays, and is free."""
    ec2 = aws.client("ec2")
    (instance,) = ec2.run_instances(ImageId="ami-1", InstanceType="m7i.large", MinCount=1, MaxCount=1)["Instances"]
    zone = instance["Placement"]["AvailabilityZone"]
    other = ec2.create_volume(AvailabilityZone=zone, Size=8)["VolumeId"]
    ec2.attach_volume(VolumeId=other, InstanceId=instance["InstanceId"], Device="/dev/sdf")
    before = {volume["VolumeId"] for volume in ec2.describe_volumes()["Volumes"]}
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    left = {volume["VolumeId"]: volume["State"] for volume in ec2.describe_volumes()["Volumes"]}
    assert len(before - left.keys()) == 1
    assert left[other] == "available"
