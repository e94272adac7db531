"""What the embedded AWS answers about the account: quotas, instance types, and what a role may do."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.helpers.embedded_aws_server import Aws, policy, refused, resource

ADDRESSES, VPCS, GPUS = "L-0263D0A3", "L-F678F1CE", "L-DB2E81BA"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    started = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def _own_limits(aws: Aws) -> Iterator[None]:
    yield
    (aws.folder / "limits.json").unlink(missing_ok=True)


def limit(aws: Aws, **limits: object) -> None:
    (aws.folder / "limits.json").write_text(json.dumps(limits))


def test_quotas_are_those_of_an_account_until_they_are_set(aws: Aws) -> None:
    """GPUs are 0, as AWS has them; a set quota holds at once, its default stays."""
    quotas = aws.client("service-quotas")
    value = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=GPUS)["Quota"]
    assert (value["QuotaName"], value["Value"]) == ("Running On-Demand G and VT instances", 0)
    limit(aws, quotas={GPUS: 8})
    assert quotas.get_service_quota(ServiceCode="ec2", QuotaCode=GPUS)["Quota"]["Value"] == 8
    assert quotas.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode=GPUS)["Quota"]["Value"] == 0
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="ec2", PaginationConfig={"PageSize": 2})
    assert {q["QuotaCode"]: q["Value"] for page in pages for q in page["Quotas"]}[GPUS] == 8
    words = "The request failed because the specified service quota or service does not exist."
    missing = refused(quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-00000000")
    assert missing == f"NoSuchResourceException: {words}"


def test_quotas_are_read_with_a_right_of_their_own(aws: Aws) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    quotas = aws.client("service-quotas", key["AccessKeyId"], key["SecretAccessKey"])
    denied = refused(quotas.get_service_quota, ServiceCode="ec2", QuotaCode=GPUS)
    assert denied.startswith("AccessDenied")
    assert "servicequotas:GetServiceQuota" in denied
    allowed = json.dumps(policy("servicequotas:GetServiceQuota", Resource="*"))
    iam.put_user_policy(UserName="reader", PolicyName="quotas", PolicyDocument=allowed)
    assert quotas.get_service_quota(ServiceCode="ec2", QuotaCode=GPUS)["Quota"]["Value"] == 0


def test_one_address_and_one_vpc_more_than_allowed_are_refused(aws: Aws) -> None:
    """By the API and in a stack, in EC2's words."""
    ec2 = aws.client("ec2")
    there = len(ec2.describe_addresses()["Addresses"]), len(ec2.describe_vpcs()["Vpcs"])
    limit(aws, quotas={ADDRESSES: there[0] + 1, VPCS: there[1]})
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    words = "AddressLimitExceeded: The maximum number of addresses has been reached."
    assert refused(ec2.allocate_address, Domain="vpc") == words
    vpcs = "The maximum number of VPCs has been reached."
    assert refused(ec2.create_vpc, CidrBlock="10.9.0.0/16") == f"VpcLimitExceeded: {vpcs}"
    done = aws.execute(aws.change("one-more", {"Vpc": resource("EC2::VPC", CidrBlock="10.9.0.0/16")}))
    assert done["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any(f"{vpcs} (VpcLimitExceeded)" in reason for reason in aws.failures("one-more"))
    ec2.release_address(AllocationId=address)


def test_instance_types_are_offered_by_zone(aws: Aws) -> None:
    ec2 = aws.client("ec2")

    def zones_of(name: str) -> list[str]:
        offered = ec2.describe_instance_type_offerings(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [name]}]
        )["InstanceTypeOfferings"]
        return [offer["Location"] for offer in offered]

    assert zones_of("m7i.large") == ["us-west-2a", "us-west-2b", "us-west-2c"]
    limit(aws, not_offered={"us-west-2b": ["m7i.large"]})
    assert zones_of("m7i.large") == ["us-west-2a", "us-west-2c"]
    assert zones_of("m7i.huge") == []
    everything = ec2.get_paginator("describe_instance_types").paginate()
    assert sum(len(page["InstanceTypes"]) for page in everything) > 800


def test_instance_types_have_their_vcpus(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    names = {"m7i.large": 2, "g6.xlarge": 4, "m7g.2xlarge": 8, "p5.48xlarge": 192, "m7g.medium": 1}
    types = ec2.describe_instance_types(InstanceTypes=list(names))["InstanceTypes"]
    assert {t["InstanceType"]: t["VCpuInfo"]["DefaultVCpus"] for t in types} == names
    words = "The following supplied instance types do not exist: [m7i.huge]"
    assert refused(ec2.describe_instance_types, InstanceTypes=["m7i.huge"]) == f"InvalidInstanceType: {words}"


def test_role_is_simulated_with_its_policies_and_boundary(aws: Aws) -> None:
    """On each resource, with the context keys that are given."""
    iam, account = aws.client("iam"), "arn:aws:iam::000000000000"
    trust = json.dumps(policy(Principal={"Service": "ec2.amazonaws.com"}))
    iam.create_policy(PolicyName="bound", PolicyDocument=json.dumps(policy("s3:*", Resource="*")))
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust, PermissionsBoundary=f"{account}:policy/bound")
    here = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    rights = policy(["s3:GetObject", "ec2:RunInstances"], Resource=["arn:aws:s3:::a/*", "*"], Condition=here)
    iam.put_role_policy(RoleName="r", PolicyName="own", PolicyDocument=json.dumps(rights))

    def decisions(region: str, *actions: str) -> list[str]:
        key = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": [region], "ContextKeyType": "string"}
        results = iam.simulate_principal_policy(
            PolicySourceArn=f"{account}:role/r",
            ActionNames=list(actions),
            ResourceArns=["arn:aws:s3:::a/b"],
            ContextEntries=[key],
        )["EvaluationResults"]
        return [result["EvalDecision"] for result in results]

    assert decisions("eu-west-1", "s3:GetObject", "ec2:RunInstances") == ["allowed", "implicitDeny"]
    assert decisions("us-west-2", "s3:GetObject") == ["implicitDeny"]
    absent = refused(
        iam.simulate_principal_policy, PolicySourceArn=f"{account}:role/absent", ActionNames=["s3:GetObject"]
    )
    assert absent == "NoSuchEntity: The role with name absent cannot be found."
