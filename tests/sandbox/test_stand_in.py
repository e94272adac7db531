"""The stand-in controller in a running sandbox: what the imitated controllers do, and only while they are Ready."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.paths import StateDirectory
from sandbox.plane.kubernetes_api import MERGE_PATCH, ApiError
from sandbox.stand_in.certificates import authority, issue
from tests.helpers.waiting import eventually
from tests.sandbox.stand_in_cluster import CLUSTER, REGION, SECRET_VALUE, Cluster, accepted


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("sandbox")
    try:
        yield Cluster(root)
    finally:
        lifecycle.reset_sandbox(StateDirectory(root))


def test_load_balancer_waits_for_controller(cluster: Cluster) -> None:
    """Without the load balancer controller a Service gets no load balancer."""
    cluster.service("early", "LoadBalancer")
    time.sleep(2)
    assert cluster.host_of("early") is None
    assert cluster.load_balancers() == []


def test_services_are_refused_until_webhook_answers(cluster: Cluster) -> None:
    """Services are refused until the controller's webhook answers; then the waiting one gets its balancer."""
    cluster.install("aws-load-balancer-controller", wait=False, podAnnotations={"sandbox/ready-delay": "4s"})
    with pytest.raises(ApiError, match=r'failed calling webhook "mservice\.elbv2\.k8s\.aws"'):
        cluster.service("raced")
    waited = eventually("a Service is accepted", lambda: accepted(lambda: cluster.service("raced")))
    assert waited > 1, "it answered before its pods were ready"
    eventually("the early Service has its load balancer", lambda: cluster.host_of("early") is not None)


def test_webhook_serves_new_certificate_after_upgrade(cluster: Cluster) -> None:
    """After an upgrade that made a new certificate the webhook answers again."""
    cluster.install("aws-load-balancer-controller", keepTLSSecret=False)
    eventually("a Service is accepted", lambda: accepted(lambda: cluster.service("after-upgrade")))
    cluster.install("aws-load-balancer-controller")
    eventually("a Service is accepted", lambda: accepted(lambda: cluster.service("after-second")))


def test_unknown_ca_bundle_is_left_alone(cluster: Cluster, tmp_path: Path) -> None:
    """As in the midst of an upgrade: an injector that took the field would make helm's next upgrade a conflict."""
    chart = authority(tmp_path)
    pair = issue("own-webhook.default.svc", chart)
    cluster.apply(
        apiVersion="v1",
        kind="Service",
        metadata={"name": "own-webhook", "namespace": "default"},
        spec={"ports": [{"port": 443}]},
    )
    cluster.apply(
        apiVersion="discovery.k8s.io/v1",
        kind="EndpointSlice",
        addressType="IPv4",
        metadata={
            "name": "own-webhook",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "own-webhook"},
        },
        endpoints=[{"addresses": ["10.9.9.9"], "conditions": {"ready": True}}],
    )
    client = {
        "service": {"name": "own-webhook", "namespace": "default", "path": "/"},
        "caBundle": base64.b64encode(chart.certificate).decode(),
    }
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    cluster.apply(
        apiVersion="admissionregistration.k8s.io/v1",
        kind="ValidatingWebhookConfiguration",
        metadata={"name": "own-webhook"},
        webhooks=[
            {
                "name": "own.example.com",
                "clientConfig": client,
                "rules": [rule],
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 1,
                "objectSelector": {"matchLabels": {"mine": "yes"}},
            }
        ],
    )

    def guarded() -> None:
        cluster.apply(
            apiVersion="v1",
            kind="ConfigMap",
            metadata={"name": "guarded", "namespace": "default", "labels": {"mine": "yes"}},
        )

    def bundle() -> str:
        webhook = cluster.api.get("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/own-webhook")
        return str((webhook or {})["webhooks"][0]["clientConfig"]["caBundle"])

    time.sleep(2)
    assert not accepted(guarded)
    assert bundle() == client["caBundle"]
    cluster.apply(
        apiVersion="v1",
        kind="Secret",
        metadata={"name": "own-webhook", "namespace": "default"},
        data={"tls.crt": base64.b64encode(pair.certificate).decode(), "tls.key": base64.b64encode(pair.key).decode()},
    )
    eventually("the chart's own certificate is served", lambda: accepted(guarded))
    assert bundle() == client["caBundle"]


def test_load_balancer_has_dns_records_and_goes_with_service(cluster: Cluster) -> None:
    """A load balancer has network interfaces and DNS records, and all go with its Service."""
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
    eventually("its interfaces are gone", lambda: not cluster.interfaces(name))


def test_load_balancer_outlives_its_controller(cluster: Cluster) -> None:
    """A Service that is deleted while no controller runs stays until one cleans up its load balancer."""
    host = cluster.host_of("early")
    cluster.uninstall("aws-load-balancer-controller")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "early", "namespace": "default"}}
    cluster.api.delete(service)
    time.sleep(2)
    path = "/api/v1/namespaces/default/services/early"
    held = cluster.api.get(path) or {}
    assert held["metadata"]["finalizers"] == ["service.k8s.aws/resources"]
    assert host in cluster.load_balancers()
    cluster.install("aws-load-balancer-controller")
    eventually("the orphan is cleaned up", lambda: host not in cluster.load_balancers())
    eventually("its service goes after it", lambda: cluster.api.get(path) is None)


def test_external_secret_is_copied_and_errors_show_no_value(cluster: Cluster) -> None:
    """Secrets are copied and follow their source; an error names the key and shows no value."""
    secret = {"user": "admin", "password": SECRET_VALUE}
    cluster.aws("secretsmanager").create_secret(Name="demo/grafana", SecretString=json.dumps(secret))
    cluster.install("external-secrets")

    def store() -> None:
        provider = {"aws": {"service": "SecretsManager", "region": REGION}}
        cluster.apply(
            apiVersion="external-secrets.io/v1",
            kind="ClusterSecretStore",
            metadata={"name": "aws"},
            spec={"provider": provider},
        )

    eventually("the API server trusts the webhook", lambda: accepted(store))
    template = {"metadata": {"labels": {"team": "web"}}, "data": {"login": "{{ .user }}:{{ .password }}"}}
    cluster.external_secret(
        "whole",
        refreshInterval="2s",
        target={"name": "login", "template": template},
        dataFrom=[{"extract": {"key": "demo/grafana"}}],
    )
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
    eventually("the change arrives", lambda: cluster.secret("login") == {"login": f"root:{SECRET_VALUE}"}, seconds=8)


def test_secret_store_is_refused_while_webhook_has_no_pod(cluster: Cluster) -> None:
    """Stores are refused while the webhook has no pod, and accepted afterwards."""
    cluster.install("external-secrets", wait=False, webhook={"replicaCount": 0})

    def store() -> None:
        provider = {"aws": {"service": "SecretsManager", "region": REGION}}
        cluster.apply(
            apiVersion="external-secrets.io/v1",
            kind="SecretStore",
            spec={"provider": provider},
            metadata={"name": f"s{time.monotonic_ns()}", "namespace": "default"},
        )

    eventually("stores are refused", lambda: not accepted(store))
    cluster.install("external-secrets")
    eventually("stores are accepted", lambda: accepted(store))


def test_node_claim_makes_instance_and_node(cluster: Cluster) -> None:
    """A NodeClaim becomes an EC2 instance and a node, and both go with it."""
    cluster.install("karpenter-crd")
    cluster.install("karpenter")
    reference = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"}
    wanted = [{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["c7i.2xlarge"]}]
    claim = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": "default-1", "labels": {"karpenter.sh/nodepool": "default"}},
        "spec": {"nodeClassRef": reference, "requirements": wanted},
    }

    def instances() -> list[Any]:
        filters = [
            {"Name": "tag:karpenter.sh/nodepool", "Values": ["default"]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
        reservations = cluster.aws("ec2").describe_instances(Filters=filters)["Reservations"]
        return [instance for reservation in reservations for instance in reservation["Instances"]]

    cluster.api.apply(claim, "test")
    eventually("the claim is ready", lambda: cluster.ready("nodeclaims", "default-1").get("status") == "True")
    assert [one["InstanceType"] for one in instances()] == ["c7i.2xlarge"]
    name = (cluster.api.get("/apis/karpenter.sh/v1/nodeclaims/default-1") or {})["status"]["nodeName"]
    node = cluster.api.get(f"/api/v1/nodes/{name}") or {}
    assert node["metadata"]["labels"]["karpenter.sh/nodepool"] == "default"
    cluster.api.delete(claim)
    eventually("the instance is gone", lambda: not instances())
    assert cluster.api.get(f"/api/v1/nodes/{name}") is None


def test_node_of_another_version_is_replaced_within_budgets(cluster: Cluster) -> None:
    """As by Karpenter's drift: none while the budget is 0, then the new one before the old one goes."""
    reference = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"}
    pool: dict[str, Any] = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "drifting"},
        "spec": {
            "template": {"spec": {"nodeClassRef": reference, "requirements": []}},
            "disruption": {
                "consolidateAfter": "0s",
                "budgets": [{"nodes": "0", "reasons": ["Drifted"]}, {"nodes": "1"}],
            },
        },
    }
    claim = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": "drifting-1", "labels": {"karpenter.sh/nodepool": "drifting"}},
        "spec": {"nodeClassRef": reference, "requirements": []},
    }

    def claims() -> list[str]:
        found = cluster.api.list("/apis/karpenter.sh/v1/nodeclaims", labelSelector="karpenter.sh/nodepool=drifting")
        return [one["metadata"]["name"] for one in found]

    cluster.api.apply(pool, "test")
    cluster.api.apply(claim, "test")
    eventually("the claim is ready", lambda: cluster.ready("nodeclaims", "drifting-1").get("status") == "True")
    name = (cluster.api.get("/apis/karpenter.sh/v1/nodeclaims/drifting-1") or {})["status"]["nodeName"]
    node: dict[str, Any] = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    older = {"metadata": {"annotations": {"sandbox/kubelet-version": "v1.33.0-eks-sandbox"}}}
    cluster.api.request("PATCH", cluster.api.path_of(node), older, MERGE_PATCH)
    time.sleep(3)
    assert claims() == ["drifting-1"], "the budget allows none"
    pool["spec"]["disruption"]["budgets"] = [{"nodes": "10%"}]
    cluster.api.apply(pool, "test")
    eventually("a new one stands alone", lambda: len(claims()) == 1 and claims() != ["drifting-1"])
    assert cluster.api.get(f"/api/v1/nodes/{name}") is None


@pytest.mark.parametrize(("policy", "kept"), [("Delete", 0), ("Retain", 1)])
def test_volume_follows_reclaim_policy(policy: str, kept: int, cluster: Cluster) -> None:
    """A deleted PersistentVolume's EBS volume goes with the policy Delete and stays with Retain."""
    name = f"data-{policy.lower()}"
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "5Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": policy,
            "storageClassName": "gp3",
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": name},
            "claimRef": {"namespace": "default", "name": f"claim-{name}"},
        },
    }

    def volumes_of_claim() -> list[Any]:
        filters = [{"Name": "tag:kubernetes.io/created-for/pvc/name", "Values": [f"claim-{name}"]}]
        volumes: list[Any] = cluster.aws("ec2").describe_volumes(Filters=filters)["Volumes"]
        return volumes

    cluster.api.apply(volume, "test")
    eventually("the volume exists", lambda: [one["Size"] for one in volumes_of_claim()] == [5])
    cluster.api.delete(volume)
    eventually("the PersistentVolume is gone", lambda: cluster.api.get(f"/api/v1/persistentvolumes/{name}") is None)
    assert len(volumes_of_claim()) == kept
