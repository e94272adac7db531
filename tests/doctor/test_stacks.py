"""Stacks that failed, and why."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from resources.doctor.checks import Line
from resources.doctor.stacks import check_stacks
from tests.doctor.conftest import DoctorsAccount
from tests.helpers.embedded_aws_server import resource


def stacks_of(account: DoctorsAccount) -> list[Line]:
    return list(check_stacks(account.context()))


def test_failed_stack_says_its_first_cause_and_what_was_denied_then(account: DoctorsAccount) -> None:
    """A stack of another environment is none of ours."""
    assert [line.level for line in stacks_of(account)] == ["ok"]
    with pytest.raises(ClientError, match="not authorized"):
        account.context().aws.client("sns").create_topic(Name="of-somebody")
    wrong = {"Vpc": resource("EC2::VPC", CidrBlock="10.8.0.0/16"), "Subnet": resource("EC2::Subnet", VpcId="vpc-0")}
    wrong["Subnet"]["Properties"]["CidrBlock"] = "10.8.0.0/24"
    for name in ("demo-sandbox-efs", "demo-other-efs"):
        done = account.server.execute(account.server.change(name, wrong))
        assert done["StackStatus"] == "ROLLBACK_COMPLETE"
    (line,) = stacks_of(account)
    assert line.level == "warning"
    cause = "stack demo-sandbox-efs is ROLLBACK_COMPLETE: AWS::EC2::Subnet Subnet: Resource handler returned message"
    assert line.message.startswith(cause)
    assert "The vpc ID 'vpc-0' does not exist" in line.message
    assert (
        "; denied then: sns:CreateTopic of arn:aws:sts::000000000000:assumed-role/eks-assets-deployer/" in line.message
    )
    assert line.fix == "fix the cause, then: eks-assets deploy sandbox"
