"""An embedded AWS process for tests, and what they deploy to it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.install.python_environments import ensure_embedded_aws
from sandbox.paths import PROJECT

DELAYS = {"AWS::SNS::Topic": 0.4, "AWS::SNS::Topic/Slow": 0.8}
NAMES = (f"change-{number}" for number in itertools.count())
Template = dict[str, Any]


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 15.0) -> Any:
    """What ``condition`` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)
    return result


def read(path: Path) -> str:
    """The file's text, empty while there is none."""
    return path.read_text() if path.exists() else ""


@dataclass
class Aws:
    """An embedded AWS process in a folder, with what a test does to it."""

    folder: Path
    supervisor_url: str = ""
    module: str = "sandbox.embedded_aws"
    root: tuple[str, str] = ("AKIAROOT", "root-secret")
    variables: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Aws:
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        (self.folder / "delays.json").write_text(json.dumps(DELAYS))
        environment = {
            "PATH": os.environ["PATH"],
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "STATE_DIR": str(self.folder / "state"),
            "S3_DATA_DIR": str(self.folder / "s3"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": "true",
            "EKS_ASSETS_DELAYS": str(self.folder / "delays.json"),
            "EKS_ASSETS_LIMITS": str(self.folder / "limits.json"),
            "EKS_ASSETS_ADDON_DEADLINE": "1",
            "EKS_ASSETS_SUPERVISOR_URL": self.supervisor_url,
            "AWS_ACCESS_KEY_ID": self.root[0],
            "HOME": str(self.folder),
            "AWS_SECRET_ACCESS_KEY": self.root[1],
            "PYTHONPATH": str(PROJECT),
            **self.variables,
        }
        with (self.folder / "log").open("ab") as log:
            command = [str(ensure_embedded_aws(lambda _message: None)), "-m", self.module]
            self.process = subprocess.Popen(command, env=environment, cwd=self.folder, stdout=log, stderr=log)
        wait_for(self.answers, "The embedded AWS answering", 30)
        return self

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(signal_number)
        self.process.wait(20)

    def client(
        self,
        service: str,
        key: str = "AKIAROOT",
        secret: str = "root-secret",
        token: str = "",
        region: str = "us-west-2",
    ) -> Any:
        make_client: Any = boto3.client
        return make_client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token or None,
            config=Config(retries={"max_attempts": 0}),
        )

    def change(self, stack: str, resources: Template, kind: str = "CREATE", **options: Any) -> dict[str, Any]:
        """Create a change set and describe it. Every resource gets its Ref as an output of its name, but for policies,
        which make a bootstrap too long to be sent."""
        named = (name for name, made in resources.items() if made["Type"] != "AWS::IAM::ManagedPolicy")
        outputs = {name: {"Value": {"Ref": name}} for name in named}
        for name, value in options.pop("outputs", {}).items():
            outputs[name] = {"Value": value}
        name = next(NAMES)
        self.client("cloudformation").create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType=kind,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}, separators=(",", ":")),
            **options,
        )
        described: dict[str, Any] = self.client("cloudformation").describe_change_set(
            StackName=stack, ChangeSetName=name
        )
        return described

    def execute(self, change: dict[str, Any]) -> dict[str, Any]:
        """Execute a change set and return its stack, with its outputs as a map, when that is done."""
        cloudformation = self.client("cloudformation")
        cloudformation.execute_change_set(ChangeSetName=change["ChangeSetId"])

        def settled() -> Any:
            (stack,) = cloudformation.describe_stacks(StackName=change["StackId"])["Stacks"]
            return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

        stack: dict[str, Any] = wait_for(settled, f"The end of {change['StackName']}", 30)
        stack["values"] = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        return stack

    def deploy(self, stack: str, resources: Template, kind: str = "CREATE", **options: Any) -> dict[str, Any]:
        """Create or update a stack; its outputs. Fails unless that succeeds."""
        done = self.execute(self.change(stack, resources, kind, **options))
        assert done["StackStatus"] == f"{kind}_COMPLETE", self.failures(stack)
        values: dict[str, Any] = done["values"]
        return values

    def failures(self, stack: str) -> list[str]:
        """The reasons of a stack's failed resources, newest first."""
        events = self.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        return [event.get("ResourceStatusReason", "") for event in events if "FAILED" in event["ResourceStatus"]]


def ref(name: str) -> Template:
    return {"Ref": name}


def get(name: str, attribute: str) -> Template:
    return {"Fn::GetAtt": [name, attribute]}


def resource(kind: str, **properties: Any) -> Template:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def policy(action: str | list[str] = "sts:AssumeRole", **statement: Any) -> Template:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **statement}]}


EVERYTHING = policy("*", Resource="*")  # every right there is

NETWORK: Template = {
    "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16", EnableDnsHostnames=True),
    "Gateway": resource("EC2::InternetGateway"),
    "Attachment": resource("EC2::VPCGatewayAttachment", VpcId=ref("Vpc"), InternetGatewayId=ref("Gateway")),
    "A": resource("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.0.0.0/24", AvailabilityZone="us-west-2a"),
    "B": resource("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.0.1.0/24", AvailabilityZone="us-west-2b"),
    "Address": resource("EC2::EIP", Domain="vpc"),
    "Nat": resource("EC2::NatGateway", SubnetId=ref("A"), AllocationId=get("Address", "AllocationId")),
    "Table": resource("EC2::RouteTable", VpcId=ref("Vpc")),
    "Route": resource(
        "EC2::Route", RouteTableId=ref("Table"), DestinationCidrBlock="0.0.0.0/0", NatGatewayId=ref("Nat")
    ),
    "Association": resource("EC2::SubnetRouteTableAssociation", SubnetId=ref("B"), RouteTableId=ref("Table")),
    "Group": resource("EC2::SecurityGroup", GroupDescription="test", VpcId=ref("Vpc")),
    "Ingress": resource(
        "EC2::SecurityGroupIngress",
        GroupId=ref("Group"),
        IpProtocol="tcp",
        FromPort=2049,
        ToPort=2049,
        CidrIp=get("Vpc", "CidrBlock"),
    ),
    "FlowLog": resource(
        "EC2::FlowLog", ResourceId=ref("Vpc"), ResourceType="VPC", TrafficType="ALL", LogGroupName="flow"
    ),
}
ROLES: Template = {
    "ClusterRole": resource("IAM::Role", AssumeRolePolicyDocument=policy(Principal={"Service": "eks.amazonaws.com"})),
    "NodeRole": resource(
        "IAM::Role",
        AssumeRolePolicyDocument=policy(Principal={"Service": "ec2.amazonaws.com"}),
        ManagedPolicyArns=["arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"],
    ),
}


def cluster(name: str, values: dict[str, Any], **properties: Any) -> Template:
    return resource(
        "EKS::Cluster",
        **{
            "Name": name,
            "Version": "1.34",
            "RoleArn": values["role"],
            "ResourcesVpcConfig": {"SubnetIds": [values["A"], values["B"]]},
            "AccessConfig": {"AuthenticationMode": "API", "BootstrapClusterCreatorAdminPermissions": False},
            "UpgradePolicy": {"SupportType": "STANDARD"},
            "KubernetesNetworkConfig": {"ServiceIpv4Cidr": "172.20.0.0/16"},
            **properties,
        },
    )


def prepare(aws: Aws) -> dict[str, Any]:
    """A network and roles; the ids by name."""
    outputs = {"role": get("ClusterRole", "Arn"), "node_role": get("NodeRole", "Arn")}
    return {**aws.deploy("network", NETWORK), **aws.deploy("roles", ROLES, outputs=outputs)}


def node_group(values: dict[str, Any], **properties: Any) -> Template:
    return resource(
        "EKS::Nodegroup",
        **{
            "ClusterName": "demo",
            "NodegroupName": "workers",
            "NodeRole": values["node_role"],
            "Subnets": [values["A"], values["B"]],
            "InstanceTypes": ["g5.xlarge"],
            "Labels": {"team": "a"},
            "ScalingConfig": {"MinSize": 1, "DesiredSize": 2, "MaxSize": 3},
            "Taints": [{"Key": "gpu", "Value": "yes", "Effect": "NO_SCHEDULE"}],
            **properties,
        },
    )


def refused(operation: Callable[..., Any], **arguments: Any) -> str:
    """The code and message with which AWS refuses a call."""
    with pytest.raises(ClientError) as caught:
        operation(**arguments)
    return f"{caught.value.response['Error']['Code']}: {caught.value.response['Error']['Message']}"
