"""EKS add-ons as small workloads: what each real one would put into kube-system, with our KWOK nodes to run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.errors import UnknownName
from sandbox.plane.kubernetes_api import KubernetesApi, Object

NAMESPACE = "kube-system"
LABEL = "eks.amazonaws.com/component"
_EVERY_TAINT = [{"operator": "Exists"}]
_REGISTRY = "602401143452.dkr.ecr.us-west-2.amazonaws.com"
_FROM_CONFIGURATION = ("nodeSelector", "tolerations", "affinity", "priorityClassName", "topologySpreadConstraints")

Configuration = Mapping[str, Any]


def manifests(addon: str, version: str, configuration: Configuration) -> list[Object]:
    """The objects of an add-on. Raises UnknownName for an add-on that the sandbox does not know."""
    if addon not in _BUILDERS:
        raise UnknownName(f"The sandbox knows no EKS add-on {addon!r}; it knows {', '.join(sorted(_BUILDERS))}.")
    return _BUILDERS[addon](version, configuration)


def apply_addon(api: KubernetesApi, addon: str, version: str, configuration: Configuration) -> None:
    """Server-side applies an add-on's objects, as EKS does, and removes those it no longer has. Raises SandboxError."""
    for manifest in manifests(addon, version, configuration):
        api.apply(manifest)


def remove_addon(api: KubernetesApi, addon: str) -> None:
    """Delete an add-on's objects. Raises SandboxError."""
    for manifest in manifests(addon, "v0", {}):
        api.delete(manifest)


def addon_health(api: KubernetesApi, addon: str) -> tuple[bool, str]:
    """Whether all of an add-on's pods are available, and a sentence that says so or why not. Raises SandboxError."""
    waiting = []
    for manifest in manifests(addon, "v0", {}):
        if manifest["kind"] not in ("Deployment", "DaemonSet"):
            continue
        live = api.get(api.path_of(manifest))
        if problem := _problem(live, manifest):
            waiting.append(problem)
    return (not waiting, "; ".join(waiting) or f"{addon} is available")


def _problem(live: Object | None, manifest: Object) -> str | None:
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    if live is None:
        return f"{name} does not exist"
    status = live.get("status", {})
    if status.get("observedGeneration", 0) < live["metadata"]["generation"]:
        return f"{name} is not observed yet"
    if manifest["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        current = min(status.get("numberAvailable", 0), status.get("updatedNumberScheduled", 0))
    else:
        wanted = live["spec"]["replicas"]
        current = min(status.get("availableReplicas", 0), status.get("updatedReplicas", 0))
    return f"{name} has {current} of {wanted} pods available" if current < wanted else None


def _workload(
    kind: str,
    name: str,
    component: str,
    image: str,
    configuration: Configuration,
    spec: Mapping[str, Any],
    app: str = "",
) -> Object:
    app = app or name
    labels = {"k8s-app": app, LABEL: component}
    container: Object = {"name": name, "image": f"{_REGISTRY}/eks/{image}"}
    if configuration.get("env"):
        container["env"] = [{"name": key, "value": str(value)} for key, value in configuration["env"].items()]
    if configuration.get("resources"):
        container["resources"] = configuration["resources"]
    pod = {
        "serviceAccountName": name,
        "priorityClassName": "system-node-critical" if kind == "DaemonSet" else "system-cluster-critical",
        "tolerations": _EVERY_TAINT if kind == "DaemonSet" else [],
        "hostNetwork": kind == "DaemonSet",
        **{key: configuration[key] for key in _FROM_CONFIGURATION if configuration.get(key)},
        "containers": [container],
    }
    metadata = {
        "labels": labels | (configuration.get("podLabels") or {}),
        "annotations": configuration.get("podAnnotations") or {},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"k8s-app": app}},
            **spec,
            "template": {"metadata": metadata, "spec": pod},
        },
    }


def _service_account(name: str, component: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {LABEL: component}},
    }


def _daemon_set(addon: str, name: str, image: str) -> Callable[[str, Configuration], list[Object]]:
    def build(version: str, configuration: Configuration) -> list[Object]:
        workload = _workload("DaemonSet", name, addon, f"{image}:{version}", configuration, {})
        return [_service_account(name, addon), workload]

    return build


def _coredns(version: str, configuration: Configuration) -> list[Object]:
    spec = {"replicas": configuration.get("replicaCount", 2)}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": NAMESPACE, "labels": {"k8s-app": "kube-dns", LABEL: "coredns"}},
        "spec": {
            "selector": {"k8s-app": "kube-dns"},
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53}],
        },
    }
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "coredns", "namespace": NAMESPACE, "labels": {LABEL: "coredns"}},
        "data": {"Corefile": configuration.get("corefile", ".:53 {\n    kubernetes cluster.local\n}\n")},
    }
    workload = _workload("Deployment", "coredns", "coredns", f"coredns:{version}", configuration, spec, "kube-dns")
    return [_service_account("coredns", "coredns"), config_map, workload, service]


def _metrics_server(version: str, configuration: Configuration) -> list[Object]:
    spec = {"replicas": configuration.get("replicas", 2)}
    workload = _workload(
        "Deployment", "metrics-server", "metrics-server", f"metrics-server:{version}", configuration, spec
    )
    return [_service_account("metrics-server", "metrics-server"), workload]


def _csi_driver(kind: str) -> Callable[[str, Configuration], list[Object]]:
    addon = f"aws-{kind}-csi-driver"

    def build(version: str, configuration: Configuration) -> list[Object]:
        controller, node = configuration.get("controller") or {}, configuration.get("node") or {}
        image = f"{addon}:{version}"
        driver = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "CSIDriver",
            "metadata": {"name": f"{kind}.csi.aws.com", "labels": {LABEL: addon}},
            # Nothing attaches volumes here, so nobody may wait for it.
            "spec": {"attachRequired": False, "podInfoOnMount": False},
        }
        spec = {"replicas": controller.get("replicaCount", 2)}
        return [
            _service_account(f"{kind}-csi-controller", addon),
            _service_account(f"{kind}-csi-node", addon),
            driver,
            _workload("Deployment", f"{kind}-csi-controller", addon, image, controller, spec),
            _workload("DaemonSet", f"{kind}-csi-node", addon, image, node, {}),
        ]

    return build


_BUILDERS: dict[str, Callable[[str, Configuration], list[Object]]] = {
    "vpc-cni": _daemon_set("vpc-cni", "aws-node", "amazon-k8s-cni"),
    "kube-proxy": _daemon_set("kube-proxy", "kube-proxy", "kube-proxy"),
    "eks-pod-identity-agent": _daemon_set("eks-pod-identity-agent", "eks-pod-identity-agent", "eks-pod-identity-agent"),
    "eks-node-monitoring-agent": _daemon_set(
        "eks-node-monitoring-agent", "eks-node-monitoring-agent", "eks-node-monitoring-agent"
    ),
    "coredns": _coredns,
    "metrics-server": _metrics_server,
    "aws-ebs-csi-driver": _csi_driver("ebs"),
    "aws-efs-csi-driver": _csi_driver("efs"),
}
