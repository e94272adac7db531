"""The stand-in charts, rendered and pushed with the real helm: whoever installs them sees what the real ones show."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.charts.__main__ import publish_all
from sandbox.charts.packaging import ChartArchive, ChartError, archive_of, chart_names, package
from sandbox.charts.registry import MANIFEST, push

CRASH = {"sandbox/mode": "crash"}
POD = {"podAnnotations": CRASH}
SPEC = {"podMetadata": {"annotations": CRASH}}

# The least values each chart needs, and where it takes pod annotations.
VALUES: dict[str, dict[str, Any]] = {
    "argo-cd": {"global": POD},
    "aws-load-balancer-controller": {"clusterName": "demo", "region": "us-west-2", "vpcId": "vpc-1", **POD},
    "base": {},
    "external-dns": {"policy": "upsert-only", "domainFilters": ["example.com"], **POD},
    "external-secrets": {**POD, "webhook": POD, "certController": POD},
    "fluent-bit": POD,
    "gateway": POD,
    "istiod": POD,
    "karpenter": {"settings": {"clusterName": "demo", "interruptionQueue": "demo"}, **POD},
    "karpenter-crd": {},
    "kube-prometheus-stack": {
        "prometheusOperator": POD,
        "grafana": {"admin": {"existingSecret": "grafana-admin"}, **POD},
        "kube-state-metrics": POD,
        "prometheus-node-exporter": POD,
        "prometheus": {"prometheusSpec": SPEC},
        "alertmanager": {"alertmanagerSpec": SPEC},
    },
    "loki": {
        "deploymentMode": "SingleBinary",
        "defaults": POD,
        "singleBinary": {"replicas": 1},
        "loki": {"useTestSchema": True, "storage": {"bucketNames": {"chunks": "logs"}, "s3": {"region": "us-west-2"}}},
        "read": {"replicas": 0},
        "write": {"replicas": 0},
        "backend": {"replicas": 0},
    },
    "nvidia-device-plugin": POD,
}

# What the project and its users look for, as KIND/NAME, when the release is called RELEASE.
OBJECTS = {
    ("argo-cd", "argocd"): [
        "Deployment/argocd-server",
        "StatefulSet/argocd-application-controller",
        "Deployment/argocd-repo-server",
        "Deployment/argocd-applicationset-controller",
        "Secret/argocd-secret",
        "ConfigMap/argocd-cm",
        "ConfigMap/argocd-cmd-params-cm",
        "ConfigMap/argocd-rbac-cm",
        "CustomResourceDefinition/applications.argoproj.io",
        "CustomResourceDefinition/applicationsets.argoproj.io",
    ],
    ("aws-load-balancer-controller", "aws-load-balancer-controller"): [
        "MutatingWebhookConfiguration/aws-load-balancer-webhook",
        "Secret/aws-load-balancer-tls",
        "IngressClass/alb",
        "ValidatingWebhookConfiguration/aws-load-balancer-webhook",
        "Service/aws-load-balancer-webhook-service",
        "CustomResourceDefinition/targetgroupbindings.elbv2.k8s.aws",
    ],
    ("external-secrets", "external-secrets"): [
        "Deployment/external-secrets",
        "Deployment/external-secrets-webhook",
        "Deployment/external-secrets-cert-controller",
        "ValidatingWebhookConfiguration/secretstore-validate",
        "CustomResourceDefinition/externalsecrets.external-secrets.io",
    ],
    ("karpenter", "karpenter"): [
        "Deployment/karpenter",
        "ServiceAccount/karpenter",
        "CustomResourceDefinition/nodepools.karpenter.sh",
    ],
    ("karpenter-crd", "karpenter-crd"): [
        "CustomResourceDefinition/ec2nodeclasses.karpenter.k8s.aws",
        "CustomResourceDefinition/nodeclaims.karpenter.sh",
    ],
    ("kube-prometheus-stack", "kube-prometheus-stack"): [
        "StatefulSet/prometheus-kube-prometheus-stack-prometheus",
        "Deployment/kube-prometheus-stack-grafana",
        "CustomResourceDefinition/servicemonitors.monitoring.coreos.com",
    ],
    ("loki", "loki"): ["StatefulSet/loki", "Deployment/loki-gateway"],
    ("fluent-bit", "fluent-bit"): ["DaemonSet/fluent-bit", "ConfigMap/fluent-bit", "ClusterRole/fluent-bit"],
    ("istiod", "istiod"): ["Deployment/istiod", "MutatingWebhookConfiguration/istio-sidecar-injector"],
    ("gateway", "istio-gateway"): ["Deployment/istio-gateway", "Service/istio-gateway"],
}


@pytest.fixture(scope="module")
def archives(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ChartArchive]:
    folder = tmp_path_factory.mktemp("charts")
    return {name: package(name, tools, folder) for name in chart_names()}


def helm(tools: Path, *arguments: str, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(tools / "helm"), *arguments, *(["--values", "-"] if values is not None else [])]
    return subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, timeout=60, check=False)


def render(tools: Path, chart: ChartArchive, release: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    done = helm(tools, "template", release, str(chart.path), "--namespace", "default", "--include-crds", values=values)
    assert done.returncode == 0, done.stderr
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [thing for thing in yaml.load_all(done.stdout, loader) if thing]


def workloads(things: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [thing for thing in things if thing["kind"] in ("Deployment", "StatefulSet", "DaemonSet")]


def test_every_stand_in_chart_has_test_values() -> None:
    """Every stand-in chart has its least values in this file."""
    assert sorted(VALUES) == chart_names()


@pytest.mark.parametrize("name", sorted(VALUES))
def test_stand_in_chart_passes_helm_lint(name: str, tools: Path, archives: dict[str, ChartArchive]) -> None:
    """helm lint finds neither an error nor a warning."""
    done = helm(tools, "lint", str(archives[name].path), values=VALUES[name])
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize("name", sorted(set(VALUES) - {"base", "karpenter-crd"}))
def test_stand_in_chart_annotates_every_pod(name: str, tools: Path, archives: dict[str, ChartArchive]) -> None:
    """Every pod takes the annotation that makes it crash, and has the usual labels."""
    rendered = workloads(render(tools, archives[name], name, VALUES[name]))
    assert rendered
    for workload in rendered:
        pod = workload["spec"]["template"]["metadata"]
        assert pod["annotations"]["sandbox/mode"] == "crash", workload["metadata"]["name"]
        assert pod["labels"]["app.kubernetes.io/name"]
        assert pod["labels"]["app.kubernetes.io/instance"] == name


@pytest.mark.parametrize(("chart", "release"), sorted(OBJECTS))
def test_stand_in_chart_names_objects_like_real_one(
    chart: str, release: str, tools: Path, archives: dict[str, ChartArchive]
) -> None:
    """Objects that the project or its users look for have the real chart's names."""
    things = render(tools, archives[chart], release, VALUES[chart])
    names = {f"{thing['kind']}/{thing['metadata']['name']}" for thing in things}
    assert set(OBJECTS[chart, release]) <= names


def test_argo_cd_pods_have_labels_of_real_chart(tools: Path, archives: dict[str, ChartArchive]) -> None:
    """Argo CD's pods have the labels by which users select them."""
    rendered = workloads(render(tools, archives["argo-cd"], "argocd", {}))
    labels = {one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] for one in rendered}
    assert {"argocd-server", "argocd-repo-server", "argocd-applicationset-controller"} <= labels


def test_gateway_is_labelled_after_its_release(tools: Path, archives: dict[str, ChartArchive]) -> None:
    """The gateway's Service and pods have the label `app` with the release's name."""
    things = render(tools, archives["gateway"], "istio-gateway", {})
    service = next(thing for thing in things if thing["kind"] == "Service")
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["selector"]["app"] == "istio-gateway"
    assert workloads(things)[0]["spec"]["template"]["metadata"]["labels"]["app"] == "istio-gateway"


@pytest.mark.parametrize("enabled", [True, False])
def test_service_webhook_can_be_disabled(enabled: bool, tools: Path, archives: dict[str, ChartArchive]) -> None:
    """The load balancer controller's webhook on Services exists only where it is enabled."""
    values = {"clusterName": "demo", "enableServiceMutatorWebhook": enabled}
    things = render(tools, archives["aws-load-balancer-controller"], "lbc", values)
    hooks = next(thing for thing in things if thing["kind"] == "MutatingWebhookConfiguration")["webhooks"]
    on_services = [hook for hook in hooks if hook["rules"][0]["resources"] == ["services"]]
    assert [hook["failurePolicy"] for hook in on_services] == (["Fail"] if enabled else [])


def test_service_account_takes_role_and_name(tools: Path, archives: dict[str, ChartArchive]) -> None:
    """A chart's service account takes a name and a role, or is left out."""
    account = {"create": True, "name": "dns", "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/dns"}}
    things = render(tools, archives["external-dns"], "dns", {"policy": "sync", "serviceAccount": account})
    made = next(thing for thing in things if thing["kind"] == "ServiceAccount")["metadata"]
    assert (made["name"], made["annotations"]) == ("dns", account["annotations"])
    assert workloads(things)[0]["spec"]["template"]["spec"]["serviceAccountName"] == "dns"
    outside = render(tools, archives["external-dns"], "dns", {"policy": "sync", "serviceAccount": {"create": False}})
    assert not [thing for thing in outside if thing["kind"] == "ServiceAccount"]


@pytest.mark.parametrize(
    ("chart", "values", "complaint"),
    [
        ("karpenter", {"replicas": "two", "settings": {"clusterName": "demo"}}, "/replicas"),
        ("karpenter", {"settings": {"clusterName": "demo", "interruptionQueue": 7}}, "/settings/interruptionQueue"),
        ("karpenter", {}, "settings.clusterName is required"),
        ("aws-load-balancer-controller", {"clusterName": "demo", "keepTLSSecret": "yes"}, "/keepTLSSecret"),
        ("aws-load-balancer-controller", {}, "clusterName"),
        ("external-dns", {}, "missing property policy"),
        ("external-dns", {"policy": "delete-all"}, "/policy"),
        ("external-dns", {"policy": "sync", "replicaCount": 2}, "/replicaCount"),
        ("external-secrets", {"webhook": {"failurePolicy": "Maybe"}}, "/webhook/failurePolicy"),
        ("nvidia-device-plugin", {"migStrategy": "double"}, "/migStrategy"),
        ("argo-cd", {"server": {"replicas": True}}, "/server/replicas"),
        ("kube-prometheus-stack", {"grafana": {"enabled": "no"}}, "/grafana/enabled"),
        ("loki", {"deploymentMode": "Tiny"}, "/deploymentMode"),
        ("loki", {"deploymentMode": "SingleBinary"}, "loki.schemaConfig"),
        ("fluent-bit", {"kind": "StatefulSet"}, "/kind"),
        ("fluent-bit", {"config": {"outputs": "{{ .Values.none.at.all }}"}}, "nil pointer"),
        ("gateway", {"service": {"type": "Public"}}, "/service/type"),
        ("istiod", {"autoscaleEnabled": "true"}, "/autoscaleEnabled"),
    ],
)
def test_wrong_chart_value_is_refused_with_its_path(
    chart: str, values: dict[str, Any], complaint: str, tools: Path, archives: dict[str, ChartArchive]
) -> None:
    """A wrong or missing value fails the rendering with the value's path."""
    done = helm(tools, "template", "release", str(archives[chart].path), values=values)
    assert done.returncode != 0
    assert complaint in done.stderr.replace("'", "")


def test_packaged_chart_is_reproducible(tools: Path, archives: dict[str, ChartArchive], tmp_path: Path) -> None:
    """Packaging a chart again gives the same bytes and modification time."""
    for name, archive in archives.items():
        again = package(name, tools, tmp_path)
        assert (again.sha256, again.path.stat().st_mtime) == (archive.sha256, archive.path.stat().st_mtime), name


def test_unchanged_chart_is_pushed_once(registry: str, tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first publication pushes every chart, the second leaves all of them unchanged."""
    assert publish_all(registry, tools, None) == []
    first = capsys.readouterr().out.splitlines()
    assert publish_all(registry, tools, None) == []
    second = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in first] == chart_names()
    assert {line.split()[-1] for line in first} == {"pushed"}
    assert {line.split()[-1] for line in second} == {"unchanged"}


def test_chart_packaged_again_is_pushed_with_same_digest(registry: str, tools: Path, tmp_path: Path) -> None:
    """A chart that is packaged and pushed twice, as to two registries, has one manifest digest."""

    def push_from(folder: Path) -> str:
        folder.mkdir()
        archive = package("external-dns", tools, folder)
        push(registry, archive, tools)
        url = f"http://{registry}/v2/charts/{archive.name}/manifests/{archive.version}"
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": MANIFEST}), timeout=5) as answer:
            return str(answer.headers["Docker-Content-Digest"])

    assert push_from(tmp_path / "first") == push_from(tmp_path / "second")


def test_foreign_charts_are_pushed_and_broken_files_refused(
    registry: str, tools: Path, archives: dict[str, ChartArchive], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ready chart in a folder is pushed; a file that is no chart archive is a failure that names it."""
    (tmp_path / "theirs-1.0.0.tgz").write_bytes(archives["gateway"].path.read_bytes())
    (tmp_path / "broken-1.0.0.tgz").write_bytes(b"no archive")
    failures = publish_all(registry, tools, tmp_path)
    assert len(failures) == 1
    assert "broken-1.0.0.tgz is not a Helm chart archive" in failures[0]
    assert capsys.readouterr().out.startswith("gateway ")


def test_chart_errors_name_what_is_missing(tools: Path, archives: dict[str, ChartArchive], tmp_path: Path) -> None:
    """An unknown chart, a file that is no chart, and a registry that does not answer are named."""
    with pytest.raises(ChartError, match="no stand-in chart 'lokki'"):
        package("lokki", tools, tmp_path)
    with pytest.raises(ChartError, match="not a Helm chart"):
        archive_of(Path(__file__))
    dead = publish_all("127.0.0.1:9", tools, archives["base"].path.parent)
    assert len(dead) == len(archives)
    assert "does not answer" in dead[0]
