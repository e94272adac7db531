"""From where the embedded AWS lets an API server be reached: the machine's addresses are a setting."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.helpers.embedded_aws_server import Aws, prepare


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    started = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def cluster(aws: Aws) -> str:
    values = prepare(aws)
    subnets = {"subnetIds": [values["A"], values["B"]]}
    aws.client("eks").create_cluster(name="demo", roleArn=values["role"], resourcesVpcConfig=subnets)
    return "demo"


@pytest.fixture(autouse=True)
def _own_limits(aws: Aws) -> Iterator[None]:
    yield
    (aws.folder / "limits.json").unlink(missing_ok=True)


def is_reached(aws: Aws, cluster: str, **addresses: str) -> bool:
    """Whether DescribeCluster names the endpoint of the API server, and not one that drops every connection."""
    (aws.folder / "limits.json").write_text(json.dumps({"machine": addresses}))
    endpoint = aws.client("eks").describe_cluster(name=cluster)["cluster"]["endpoint"]
    if endpoint.endswith(".eks.amazonaws.com"):
        return True
    with pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", urlsplit(endpoint).port or 0), timeout=0.5)
    return False


def configure(aws: Aws, cluster: str, **vpc: Any) -> dict[str, Any]:
    eks = aws.client("eks")
    eks.update_cluster_config(name=cluster, resourcesVpcConfig=vpc)
    configured: dict[str, Any] = eks.describe_cluster(name=cluster)["cluster"]["resourcesVpcConfig"]
    return configured


def test_public_endpoint_answers_its_blocks(aws: Aws, cluster: str) -> None:
    assert is_reached(aws, cluster)
    configure(aws, cluster, publicAccessCidrs=["203.0.113.0/24"])
    assert is_reached(aws, cluster)
    assert not is_reached(aws, cluster, public="198.51.100.7")


def test_private_endpoint_answers_whom_a_rule_lets_in(aws: Aws, cluster: str) -> None:
    """The group that EKS makes lets nobody in; a rule for another port, or other addresses, does not help."""
    vpc = configure(aws, cluster, endpointPublicAccess=False, endpointPrivateAccess=True)
    ec2, group = aws.client("ec2"), vpc["clusterSecurityGroupId"]
    assert not is_reached(aws, cluster)
    for port, block in ((22, "10.200.0.0/16"), (443, "10.1.0.0/16")):
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": block}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    assert not is_reached(aws, cluster)
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.200.0.0/16"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    assert is_reached(aws, cluster)
    assert not is_reached(aws, cluster, private="10.9.0.1")
    assert not is_reached(aws, cluster, private="")  # no VPN: the Internet alone
