"""Changes of Deployments, StatefulSets and DaemonSets."""

from __future__ import annotations

from typing import Any

from tests.injections.injection import Edit, Injection, Object, add, both, drop, first, only_where, set_to

SCALED = ("Deployment", "StatefulSet")
ALL = (*SCALED, "DaemonSet")
TEMPLATE = "/spec/template"
POD = f"{TEMPLATE}/spec"
FIRST = f"{POD}/containers/0"
SIDECAR = {"name": "theirs", "image": "registry.example.com/theirs:1"}
TOLERATION = {"key": "theirs", "operator": "Exists", "effect": "NoSchedule"}
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "ScheduleAnyway",
    "labelSelector": {"matchLabels": {"app": "theirs"}},
}
AFFINITY = {
    "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 1,
                "podAffinityTerm": {
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": {"matchLabels": {"app": "theirs"}},
                },
            }
        ]
    }
}


def _other_source(obj: Object) -> None:
    variable = obj["spec"]["template"]["spec"]["containers"][0]["env"][0]
    del variable["value"]
    variable["valueFrom"] = {"fieldRef": {"fieldPath": "status.podIP"}}


def _mounted(name: str, source: Object) -> Edit:
    volume, mount = {"name": name, **source}, {"name": name, "mountPath": f"/{name}"}
    return both(add(f"{POD}/volumes/-", volume), add(f"{FIRST}/volumeMounts/-", mount))


def _rolls(obj: Object) -> bool:
    return str(obj["spec"]["strategy"].get("type")) == "RollingUpdate"


def _limits(obj: Object) -> None:
    container = obj["spec"]["template"]["spec"]["containers"][0]
    container.setdefault("resources", {}).setdefault("limits", {})["ephemeral-storage"] = "9Gi"


def _of(name: str, edit: Edit, kinds: tuple[str, ...] = ALL, **more: Any) -> Injection:
    return Injection(name, kinds, edit, **more)


WORKLOADS = (
    _of("replicas", set_to("/spec/replicas", 3), SCALED),
    _of("no replicas", set_to("/spec/replicas", 0), SCALED),
    _of("image", set_to(f"{FIRST}/image", "registry.example.com/theirs:2")),
    _of("image, applied", set_to(f"{FIRST}/image", "registry.example.com/theirs:3"), verb="apply"),
    _of("pull policy", set_to(f"{FIRST}/imagePullPolicy", "Always")),
    _of("variable added", add(f"{FIRST}/env/-", {"name": "THEIRS", "value": "1"})),
    _of("variable added, applied", add(f"{FIRST}/env/-", {"name": "THEIRS", "value": "2"}), verb="apply"),
    _of("empty variable added", add(f"{FIRST}/env/-", {"name": "EMPTY", "value": ""})),
    _of("variable changed", set_to(f"{FIRST}/env/0/value", "theirs")),
    _of("variable removed", drop(f"{FIRST}/env/0")),
    _of("variable from elsewhere", _other_source),
    _of("variables of a Secret", add(f"{FIRST}/envFrom/-", {"secretRef": {"name": "theirs", "optional": True}})),
    _of("argument added", add(f"{FIRST}/args/-", "--theirs")),
    _of("argument changed", set_to(f"{FIRST}/args/0", "--theirs")),
    _of("argument removed", drop(f"{FIRST}/args/0")),
    _of("command", add(f"{FIRST}/command", ["sh"])),
    _of("sidecar", add(f"{POD}/containers/-", SIDECAR)),
    _of("sidecar, applied", add(f"{POD}/containers/-", SIDECAR), verb="apply"),
    _of("initContainer", add(f"{POD}/initContainers/-", SIDECAR)),
    _of("volume", add(f"{POD}/volumes/-", {"name": "theirs", "emptyDir": {}})),
    _of("volume mounted", _mounted("theirs", {"emptyDir": {}})),
    _of("folder of the node mounted", _mounted("host", {"hostPath": {"path": "/"}})),
    _of("mount changed", set_to(f"{FIRST}/volumeMounts/0/readOnly", value=False)),
    _of("limit added", _limits),
    _of("requests changed", set_to(f"{FIRST}/resources/requests/cpu", "77m")),
    _of("request removed", first(f"{FIRST}/resources/requests", lambda held, key: held.pop(key))),
    _of("request added", add(f"{FIRST}/resources/requests/ephemeral-storage", "1Gi")),
    _of("nodeSelector", add(f"{POD}/nodeSelector/theirs", "yes")),
    _of("toleration", add(f"{POD}/tolerations/-", TOLERATION)),
    _of("affinity", add(f"{POD}/affinity", AFFINITY)),
    _of("spread", add(f"{POD}/topologySpreadConstraints/-", SPREAD)),
    _of("service account", set_to(f"{POD}/serviceAccountName", "default"), brings=(f"{POD}/serviceAccount",)),
    _of("hostNetwork", add(f"{POD}/hostNetwork", value=True), brings=(f"{POD}/containers", f"{POD}/initContainers")),
    _of("hostPID", add(f"{POD}/hostPID", value=True)),
    _of("privileged", add(f"{FIRST}/securityContext", {"privileged": True})),
    _of("runAsUser 0", add(f"{FIRST}/securityContext", {"runAsUser": 0})),
    _of("pod runAsUser 0", add(f"{POD}/securityContext/runAsUser", 0)),
    _of("capability", add(f"{FIRST}/securityContext", {"capabilities": {"add": ["SYS_ADMIN"]}})),
    _of("template label added", add(f"{TEMPLATE}/metadata/labels/theirs", "yes")),
    _of("template annotation added", add(f"{TEMPLATE}/metadata/annotations/theirs.example~1a", "yes")),
    _of("strategy", only_where(_rolls, set_to("/spec/strategy/rollingUpdate/maxUnavailable", 1)), ("Deployment",)),
    _of("strategy without surge", set_to("/spec/strategy", {"type": "Recreate"}), ("Deployment",)),
    _of("priority class", add(f"{POD}/priorityClassName", "system-cluster-critical")),
    _of("probe added", add(f"{FIRST}/livenessProbe", {"exec": {"command": ["true"]}})),
    _of("lifecycle", add(f"{FIRST}/lifecycle", {"preStop": {"exec": {"command": ["sleep", "1"]}}})),
    _of("container port", add(f"{FIRST}/ports/-", {"name": "theirs", "containerPort": 9999, "protocol": "TCP"})),
    _of("grace period", set_to(f"{POD}/terminationGracePeriodSeconds", 7)),
    _of("dnsPolicy", set_to(f"{POD}/dnsPolicy", "Default")),
    _of("pull secret", add(f"{POD}/imagePullSecrets/-", {"name": "theirs"})),
    _of("host alias", add(f"{POD}/hostAliases/-", {"ip": "10.9.9.9", "hostnames": ["theirs.example"]})),
    _of("no token", add(f"{POD}/automountServiceAccountToken", value=False)),
    _of("history limit", set_to("/spec/revisionHistoryLimit", 3)),
    _of("minReadySeconds", add("/spec/minReadySeconds", 1)),
    _of("paused", add("/spec/paused", value=True), ("Deployment",)),
)
