"""The cluster that the tests of the stand-in controller share: one sandbox for all, one for each would take minutes."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

from sandbox import lifecycle
from sandbox.lifecycle import Options
from sandbox.paths import StateDirectory
from sandbox.plane.kubernetes_api import ApiError, KubernetesApi
from tests.helpers.waiting import eventually

ACCOUNT, REGION, CLUSTER = "000000000000", "us-west-2", "stand-in-test"
NODES = [
    {"name": f"ip-10-0-1-{number}.us-west-2.compute.internal", "instance_type": "m7i.4xlarge", "zone": "us-west-2a"}
    for number in (10, 11)
]
SECRET_VALUE = "correct-horse"
CHARTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "aws-load-balancer-controller": ("3.5.0", "kube-system", {"clusterName": CLUSTER, "keepTLSSecret": True}),
    "external-dns": ("1.21.1", "external-dns", {"policy": "sync", "txtOwnerId": CLUSTER}),
    "external-secrets": ("2.9.0", "external-secrets", {}),
    "karpenter-crd": ("1.14.1", "kube-system", {}),
    "karpenter": ("1.14.1", "kube-system", {"settings": {"clusterName": CLUSTER}}),
}


class Cluster:
    """The cluster under test, its registry of charts and its AWS."""

    def __init__(self, root: Path) -> None:
        self.state = StateDirectory(root)
        self.running = lifecycle.start_sandbox(Options(pod_seconds=0, state=self.state))
        role = self.aws("iam").create_role(RoleName="cluster", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        network = {"subnetIds": self._subnets()}
        self.aws("eks").create_cluster(name=CLUSTER, version="1.34", roleArn=role, resourcesVpcConfig=network)
        eventually("the cluster is active", lambda: self._described()["status"] == "ACTIVE", seconds=60)
        self._call("PUT", f"/clusters/{CLUSTER}/node-groups/system", {"version": "1.34", "nodes": NODES})
        self._call("PUT", f"/clusters/{CLUSTER}/addons/aws-ebs-csi-driver", {"version": "v1", "configuration": None})
        self.api = KubernetesApi(self._described()["endpoint"], self.state.cluster(CLUSTER) / "certificates")

    def _call(self, method: str, path: str, body: object = None) -> Any:
        return lifecycle.call(self.running["supervisor_url"], method, path, body)

    def aws(self, service: str) -> Any:
        make_client: Any = boto3.client
        return make_client(
            service,
            endpoint_url=self.running["aws_endpoint"],
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="test",
        )

    def subnets(self) -> list[str]:
        given: list[str] = self._described()["resourcesVpcConfig"]["subnetIds"]
        return given

    def _described(self) -> dict[str, Any]:
        cluster: dict[str, Any] = self.aws("eks").describe_cluster(name=CLUSTER)["cluster"]
        return cluster

    def _subnets(self) -> list[str]:
        ec2 = self.aws("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        zones = ("us-west-2a", "us-west-2b")
        return [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for number, zone in enumerate(zones)
        ]

    def helm(self, *arguments: str, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "KUBECONFIG": str(self.state.cluster(CLUSTER) / "admin.kubeconfig")}
        command = [str(Path(self.running["tools"]) / "helm"), *arguments]
        command += ["--values", "-"] if values is not None else []
        return subprocess.run(
            command, env=environment, input=json.dumps(values), capture_output=True, text=True, timeout=120, check=False
        )

    def install(self, name: str, wait: bool = True, **more: Any) -> None:
        version, namespace, values = CHARTS[name]
        chart = f"oci://{self.running['registry']}/charts/{name}"
        flags = ["--create-namespace", "--reset-values", *(["--wait"] if wait else [])]
        done = self.helm(
            "upgrade",
            "--install",
            name,
            chart,
            "--version",
            version,
            "--plain-http",
            "--namespace",
            namespace,
            *flags,
            values={**values, **more},
        )
        assert done.returncode == 0, done.stderr

    def uninstall(self, name: str) -> None:
        done = self.helm("uninstall", name, "--namespace", CHARTS[name][1], "--wait")
        assert done.returncode == 0, done.stderr

    def apply(self, **thing: Any) -> None:
        self.api.apply(thing, "test")

    def service(self, name: str, kind: str = "ClusterIP", **annotations: str) -> None:
        spec = {"type": kind, "ports": [{"port": 80}], "selector": {"app": name}}
        metadata = {"name": name, "namespace": "default", "annotations": annotations}
        self.apply(apiVersion="v1", kind="Service", metadata=metadata, spec=spec)

    def host_of(self, name: str) -> str | None:
        service = self.api.get(f"/api/v1/namespaces/default/services/{name}") or {}
        ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
        host: str | None = ingress[0].get("hostname")
        return host

    def load_balancers(self) -> list[str]:
        return [balancer["DNSName"] for balancer in self.aws("elbv2").describe_load_balancers()["LoadBalancers"]]

    def interfaces(self, load_balancer: str) -> list[str]:
        """Subnets in which a load balancer has a network interface."""
        interfaces = self.aws("ec2").describe_network_interfaces()["NetworkInterfaces"]
        mine = [one for one in interfaces if one.get("Description", "").startswith(f"ELB net/{load_balancer}/")]
        return sorted(one["SubnetId"] for one in mine)

    def ready(self, plural: str, name: str) -> dict[str, Any]:
        """The condition Ready of an ExternalSecret, or of a NodeClaim."""
        path = f"/apis/external-secrets.io/v1/namespaces/default/{plural}/{name}"
        thing = self.api.get(path if plural == "externalsecrets" else f"/apis/karpenter.sh/v1/{plural}/{name}") or {}
        conditions = (thing.get("status") or {}).get("conditions") or []
        return next((one for one in conditions if one["type"] == "Ready"), {})

    def secret(self, name: str) -> dict[str, str]:
        held = self.api.get(f"/api/v1/namespaces/default/secrets/{name}") or {}
        return {key: base64.b64decode(value).decode() for key, value in (held.get("data") or {}).items()}

    def external_secret(self, name: str, **spec: Any) -> None:
        store = {"name": "aws", "kind": "ClusterSecretStore"}
        self.apply(
            apiVersion="external-secrets.io/v1",
            kind="ExternalSecret",
            metadata={"name": name, "namespace": "default"},
            spec={"secretStoreRef": store, **spec},
        )


def accepted(create: Callable[[], None]) -> bool:
    try:
        create()
    except ApiError as error:
        if "failed calling webhook" in str(error):
            return False
        raise
    return True
