"""The stand-in controller in a running sandbox: what the imitated controllers do, and only while they are Ready.

One sandbox with one cluster serves all tests: one for each would take minutes.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox import lifecycle
from sandbox.kubernetes_api import ApiError, KubernetesApi
from sandbox.lifecycle import Options
from sandbox.paths import StateDirectory
from sandbox.stand_in.admission import review_response
from sandbox.stand_in.dns_records import Record, Settings, record_sets
from sandbox.stand_in.external_secrets import SyncError, property_of, rendered, seconds
from sandbox.stand_in.volumes import gibibytes

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
        self.running = lifecycle.up(Options(pod_seconds=0, state=self.state))
        role = self.aws("iam").create_role(RoleName="cluster", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        network = {"subnetIds": self._subnets()}
        self.aws("eks").create_cluster(name=CLUSTER, version="1.34", roleArn=role, resourcesVpcConfig=network)
        eventually("the cluster is active", lambda: self._described()["status"] == "ACTIVE", limit=60)
        self._call("PUT", f"/clusters/{CLUSTER}/node-groups/system", {"version": "1.34", "nodes": NODES})
        self._call("PUT", f"/clusters/{CLUSTER}/addons/aws-ebs-csi-driver", {"version": "v1", "configuration": None})
        self.api = KubernetesApi(self._described()["endpoint"], self.state.cluster(CLUSTER) / "certificates")

    def _call(self, method: str, path: str, body: object = None) -> Any:
        return lifecycle.call(self.running["supervisor_url"], method, path, body)

    def aws(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.running["aws_endpoint"], region_name=REGION,
                            aws_access_key_id=ACCOUNT, aws_secret_access_key="test")  # fmt: skip

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
        return subprocess.run(command, env=environment, input=json.dumps(values), capture_output=True, text=True,
                              timeout=120, check=False)  # fmt: skip

    def install(self, name: str, wait: bool = True, **more: Any) -> None:
        version, namespace, values = CHARTS[name]
        chart = f"oci://{self.running['registry']}/charts/{name}"
        flags = ["--create-namespace", "--reset-values", *(["--wait"] if wait else [])]
        done = self.helm("upgrade", "--install", name, chart, "--version", version, "--plain-http",
                         "--namespace", namespace, *flags, values={**values, **more})  # fmt: skip
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
        return [found["DNSName"] for found in self.aws("elbv2").describe_load_balancers()["LoadBalancers"]]

    def interfaces(self, load_balancer: str) -> list[str]:
        """Subnets in which a load balancer has a network interface."""
        found = self.aws("ec2").describe_network_interfaces()["NetworkInterfaces"]
        mine = [one for one in found if one.get("Description", "").startswith(f"ELB net/{load_balancer}/")]
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
        self.apply(apiVersion="external-secrets.io/v1", kind="ExternalSecret",
                   metadata={"name": name, "namespace": "default"}, spec={"secretStoreRef": store, **spec})  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("sandbox")
    try:
        yield Cluster(root)
    finally:
        lifecycle.reset(StateDirectory(root))


def eventually(what: str, found: Callable[[], bool], limit: float = 20) -> float:
    begun = time.monotonic()
    while not found():
        assert time.monotonic() < begun + limit, f"not within {limit} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - begun


def accepted(create: Callable[[], None]) -> bool:
    try:
        create()
    except ApiError as error:
        if "failed calling webhook" in str(error):
            return False
        raise
    return True


def test_load_balancers_wait_for_a_controller(cluster: Cluster) -> None:
    cluster.service("early", "LoadBalancer")
    time.sleep(2)
    assert cluster.host_of("early") is None
    assert cluster.load_balancers() == []


def test_no_service_can_be_created_until_the_load_balancer_controller_answers(cluster: Cluster) -> None:
    cluster.install("aws-load-balancer-controller", wait=False, podAnnotations={"sandbox/ready-delay": "4s"})
    with pytest.raises(ApiError, match=r'failed calling webhook "mservice\.elbv2\.k8s\.aws"'):
        cluster.service("raced")
    waited = eventually("a Service is accepted", lambda: accepted(lambda: cluster.service("raced")))
    assert waited > 1, "it answered before its pods were ready"
    assert eventually("the early Service has its load balancer", lambda: cluster.host_of("early") is not None) < 10


def test_a_new_certificate_is_served_after_an_upgrade(cluster: Cluster) -> None:
    cluster.install("aws-load-balancer-controller", keepTLSSecret=False)
    eventually("a Service is accepted", lambda: accepted(lambda: cluster.service("after-upgrade")), limit=5)
    cluster.install("aws-load-balancer-controller")
    eventually("a Service is accepted", lambda: accepted(lambda: cluster.service("after-second")), limit=5)


def test_a_load_balancer_has_dns_records_and_goes_with_its_service(cluster: Cluster) -> None:
    zone = cluster.aws("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]

    def records() -> dict[str, str]:
        sets = cluster.aws("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        return {one["Name"]: one["Type"] for one in sets if one["Type"] in ("A", "TXT")}

    cluster.install("external-dns")
    cluster.service("web", "LoadBalancer", **{"external-dns.alpha.kubernetes.io/hostname": "web.example.com"})
    eventually("web has a load balancer", lambda: cluster.host_of("web") in cluster.load_balancers())
    eventually("its records exist", lambda: records() == {"web.example.com.": "A", "cname-web.example.com.": "TXT"})
    host = cluster.host_of("web") or ""
    name = "-".join(host.split("-")[:4])
    assert cluster.interfaces(name) == sorted(cluster.subnets())
    cluster.api.delete({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"}})
    eventually("load balancer and records are gone", lambda: host not in cluster.load_balancers() and not records())
    assert cluster.interfaces(name) == []


def test_a_load_balancer_outlives_its_controller(cluster: Cluster) -> None:
    host = cluster.host_of("early")
    cluster.uninstall("aws-load-balancer-controller")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "early", "namespace": "default"}}
    cluster.api.delete(service)
    time.sleep(2)
    held = cluster.api.get("/api/v1/namespaces/default/services/early") or {}
    assert held["metadata"]["finalizers"] == ["service.k8s.aws/resources"]
    assert host in cluster.load_balancers()
    cluster.install("aws-load-balancer-controller")
    eventually("the orphan is cleaned up", lambda: host not in cluster.load_balancers())
    assert cluster.api.get("/api/v1/namespaces/default/services/early") is None


def test_external_secrets_are_copied_and_errors_show_no_value(cluster: Cluster) -> None:
    secret = {"user": "admin", "password": SECRET_VALUE}
    cluster.aws("secretsmanager").create_secret(Name="demo/grafana", SecretString=json.dumps(secret))
    cluster.install("external-secrets")
    provider = {"aws": {"service": "SecretsManager", "region": REGION}}
    cluster.apply(apiVersion="external-secrets.io/v1", kind="ClusterSecretStore", metadata={"name": "aws"},
                  spec={"provider": provider})  # fmt: skip
    template = {"metadata": {"labels": {"team": "web"}}, "data": {"login": "{{ .user }}:{{ .password }}"}}
    cluster.external_secret("whole", refreshInterval="2s", target={"name": "login", "template": template},
                            dataFrom=[{"extract": {"key": "demo/grafana"}}])  # fmt: skip
    one = {"secretKey": "password", "remoteRef": {"key": "demo/grafana", "property": "password"}}
    cluster.external_secret("part", data=[one])
    missing = {"secretKey": "x", "remoteRef": {"key": "demo/grafana", "property": "nope"}}
    cluster.external_secret("wrong", data=[missing])

    def reason(name: str) -> str | None:
        return cluster.ready("externalsecrets", name).get("reason")

    eventually("both are synced", lambda: reason("whole") == reason("part") == "SecretSynced")
    assert cluster.secret("login") == {"login": f"admin:{SECRET_VALUE}"}
    assert cluster.secret("part") == {"password": SECRET_VALUE}
    eventually("wrong has failed", lambda: reason("wrong") == "SecretSyncedError")
    assert cluster.ready("externalsecrets", "wrong")["message"] == "key nope does not exist in secret demo/grafana"
    log = (cluster.state.cluster(CLUSTER) / "logs" / "stand-in.log").read_text()
    assert "default/wrong: key nope does not exist" in log
    assert SECRET_VALUE not in log

    changed = json.dumps({**secret, "user": "root"})
    cluster.aws("secretsmanager").put_secret_value(SecretId="demo/grafana", SecretString=changed)
    eventually("the change arrives", lambda: cluster.secret("login") == {"login": f"root:{SECRET_VALUE}"}, limit=8)


def test_the_secret_store_webhook_blocks_while_it_has_no_pod(cluster: Cluster) -> None:
    cluster.install("external-secrets", wait=False, webhook={"replicaCount": 0})

    def store() -> None:
        provider = {"aws": {"service": "SecretsManager", "region": REGION}}
        cluster.apply(apiVersion="external-secrets.io/v1", kind="SecretStore", spec={"provider": provider},
                      metadata={"name": f"s{time.monotonic_ns()}", "namespace": "default"})  # fmt: skip

    eventually("stores are refused", lambda: not accepted(store))
    cluster.install("external-secrets")
    eventually("stores are accepted", lambda: accepted(store), limit=5)


def test_a_node_claim_is_an_instance_and_a_node(cluster: Cluster) -> None:
    cluster.install("karpenter-crd")
    cluster.install("karpenter")
    reference = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"}
    wanted = [{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["c7i.2xlarge"]}]
    claim = {"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
             "metadata": {"name": "default-1", "labels": {"karpenter.sh/nodepool": "default"}},
             "spec": {"nodeClassRef": reference, "requirements": wanted}}  # fmt: skip

    def instances() -> list[Any]:
        filters = [{"Name": "tag:karpenter.sh/nodepool", "Values": ["default"]},
                   {"Name": "instance-state-name", "Values": ["running"]}]  # fmt: skip
        found = cluster.aws("ec2").describe_instances(Filters=filters)["Reservations"]
        return [instance for reservation in found for instance in reservation["Instances"]]

    cluster.api.apply(claim, "test")
    eventually("the claim is ready", lambda: cluster.ready("nodeclaims", "default-1").get("status") == "True")
    assert [one["InstanceType"] for one in instances()] == ["c7i.2xlarge"]
    name = (cluster.api.get("/apis/karpenter.sh/v1/nodeclaims/default-1") or {})["status"]["nodeName"]
    node = cluster.api.get(f"/api/v1/nodes/{name}") or {}
    assert node["metadata"]["labels"]["karpenter.sh/nodepool"] == "default"
    cluster.api.delete(claim)
    eventually("the instance is gone", lambda: not instances())
    assert cluster.api.get(f"/api/v1/nodes/{name}") is None


@pytest.mark.parametrize(("policy", "kept"), [("Delete", 0), ("Retain", 1)])
def test_a_volume_goes_or_stays_by_its_reclaim_policy(policy: str, kept: int, cluster: Cluster) -> None:
    name = f"data-{policy.lower()}"
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
              "spec": {"capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"],
                       "persistentVolumeReclaimPolicy": policy, "storageClassName": "gp3",
                       "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": name},
                       "claimRef": {"namespace": "default", "name": f"claim-{name}"}}}  # fmt: skip

    def found() -> list[Any]:
        filters = [{"Name": "tag:kubernetes.io/created-for/pvc/name", "Values": [f"claim-{name}"]}]
        volumes: list[Any] = cluster.aws("ec2").describe_volumes(Filters=filters)["Volumes"]
        return volumes

    cluster.api.apply(volume, "test")
    eventually("the volume exists", lambda: [one["Size"] for one in found()] == [5])
    cluster.api.delete(volume)
    eventually("the PersistentVolume is gone", lambda: cluster.api.get(f"/api/v1/persistentvolumes/{name}") is None)
    assert len(found()) == kept


def test_templates_and_properties() -> None:
    assert rendered("{{ .user }}@{{.host}}", {"user": "a", "host": "b"}) == "a@b"
    assert property_of('{"a": {"b": 1}, "c.d": "x"}', "k", "a.b") == "1"
    assert property_of('{"a": {"b": 1}, "c.d": "x"}', "k", "c.d") == "x"
    with pytest.raises(SyncError, match="the template names nope"):
        rendered("{{ .nope }}", {"user": SECRET_VALUE})
    with pytest.raises(SyncError) as caught:
        property_of(SECRET_VALUE, "demo/key", "user")
    assert SECRET_VALUE not in str(caught.value)


@pytest.mark.parametrize(("text", "expected"), [("1h0m0s", 3600), ("90s", 90), ("500ms", 0.5), ("0", 0)])
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10Gi", 10), ("1500Mi", 2), ("1Ti", 1024), ("1", 1), ("2G", 2), ("3e9", 3), ("1024Ki", 1)],
)
def test_volume_sizes(text: str, expected: int) -> None:
    assert gibibytes(text) == expected


def test_records_follow_the_arguments_of_external_dns() -> None:
    arguments = ["--policy=sync", "--txt-owner-id=me", "--txt-prefix=x-", "--domain-filter=example.com"]
    settings = Settings.of({"spec": {"template": {"spec": {"containers": [{"args": arguments}]}}}})
    alias, text = record_sets(Record("a.example.com", "lb.aws", "service/default/a"), settings)
    assert (alias["Type"], text["Name"]) == ("A", "x-cname-a.example.com.")
    assert "external-dns/owner=me,external-dns/resource=service/default/a" in text["ResourceRecords"][0]["Value"]
    assert settings.covers("example.com")
    assert not settings.covers("badexample.com")


def test_only_new_load_balancers_get_a_class() -> None:
    def answer(**spec: str) -> dict[str, Any]:
        review = {"kind": "AdmissionReview", "apiVersion": "v1", "request": {"uid": "1", "object": {"spec": spec}}}
        response: dict[str, Any] = review_response("/mutate-v1-service", review)["response"]
        return response

    patch = json.loads(base64.b64decode(answer(type="LoadBalancer")["patch"]))
    assert patch == [{"op": "add", "path": "/spec/loadBalancerClass", "value": "service.k8s.aws/nlb"}]
    assert "patch" not in answer(type="LoadBalancer", loadBalancerClass="other")
    assert answer(type="ClusterIP") == {"uid": "1", "allowed": True}
