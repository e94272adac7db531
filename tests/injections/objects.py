"""Changes of metadata, configuration, and of what is reached through the network."""

from __future__ import annotations

import base64

from tests.injections.injection import Edit, Injection, Object, add, drop, first, only_where, set_to

THEIRS = base64.b64encode(b"theirs").decode()
HOLD = "test.example/hold"
ROLE = "arn:aws:iam::000000000000:role/theirs"
# What helm and Kubernetes' own controllers note for themselves stands in no manifest.
NOTES = ("meta.helm.sh/", "deployment.kubernetes.io/", "pv.kubernetes.io/", "volume.kubernetes.io/")
# Objects that nothing but their release writes to.
QUIET = (
    "ConfigMap",
    "Service",
    "ServiceAccount",
    "Deployment",
    "ClusterRole",
    "ClusterRoleBinding",
    "PodDisruptionBudget",
    "ServiceMonitor",
    "IngressClass",
    "CustomResourceDefinition",
)


def _is_other(value: str) -> Edit:
    return set_to("/metadata/labels/app.kubernetes.io~1managed-by", value)


def _annotation_dropped(obj: Object) -> None:
    held = obj["metadata"]["annotations"]
    del held[min(key for key in held if not key.startswith(NOTES))]


def _has_address(service: Object) -> bool:
    return bool(service["spec"].get("clusterIP") != "None")


def _alters(held: Object, key: str) -> None:
    held[key] = THEIRS


METADATA = (
    Injection("label added", QUIET, add("/metadata/labels/theirs", "yes")),
    Injection("label added, applied", QUIET, add("/metadata/labels/theirs", "applied"), "apply"),
    Injection("empty label added", QUIET, add("/metadata/labels/empty", "")),
    Injection("label changed", QUIET, _is_other("Pulumi")),
    Injection("label changed, applied", QUIET, _is_other("Terraform"), "apply"),
    Injection("label removed", QUIET, drop("/metadata/labels/helm.sh~1chart")),
    Injection("annotation added", QUIET, add("/metadata/annotations/theirs.example~1a", "yes")),
    Injection("annotation changed", (), first("/metadata/annotations", _alters)),
    Injection("annotation removed", (), _annotation_dropped),
    Injection("finalizer", ("ConfigMap", "ServiceAccount", "Service"), add("/metadata/finalizers/-", HOLD)),
)
CONFIGURATION = (
    Injection("key added", ("ConfigMap",), add("/data/theirs", "yes")),
    Injection("key added, applied", ("ConfigMap",), add("/data/theirs", "applied"), "apply"),
    Injection("empty key added", ("ConfigMap",), add("/data/empty", "")),
    Injection("key changed", ("ConfigMap",), first("/data", _alters)),
    Injection("key removed", ("ConfigMap",), first("/data", lambda held, key: held.pop(key))),
    Injection("binary key added", ("ConfigMap",), add("/binaryData/theirs", THEIRS)),
    Injection("Secret's key added", ("Secret",), add("/data/theirs", THEIRS)),
    Injection("Secret's key added, applied", ("Secret",), add("/data/theirs", THEIRS), "apply"),
    Injection("Secret's key changed", ("Secret",), first("/data", _alters)),
    Injection("Secret's label added", ("Secret",), add("/metadata/labels/theirs", "yes")),
    Injection(
        "role of an account", ("ServiceAccount",), add("/metadata/annotations/eks.amazonaws.com~1role-arn", ROLE)
    ),
    Injection("pull secret of an account", ("ServiceAccount",), add("/imagePullSecrets/-", {"name": "theirs"})),
    Injection("secret of an account", ("ServiceAccount",), add("/secrets/-", {"name": "theirs"})),
    Injection("account without token", ("ServiceAccount",), add("/automountServiceAccountToken", value=False)),
)
PORT = {"name": "theirs", "port": 9999, "targetPort": 9999, "protocol": "TCP"}
SERVICES = (
    Injection("selector key added", ("Service",), add("/spec/selector/theirs", "yes")),
    Injection("selector key changed", ("Service",), set_to("/spec/selector/app.kubernetes.io~1name", "theirs")),
    Injection("selector key removed", ("Service",), drop("/spec/selector/app.kubernetes.io~1instance")),
    Injection("port added", ("Service",), add("/spec/ports/-", PORT)),
    Injection("target port", ("Service",), set_to("/spec/ports/0/targetPort", 7777)),
    Injection(
        "type",
        ("Service",),
        only_where(_has_address, set_to("/spec/type", "NodePort")),
        brings=("/spec/ports", "/spec/externalTrafficPolicy"),
    ),
    Injection(
        "session affinity",
        ("Service",),
        set_to("/spec/sessionAffinity", "ClientIP"),
        brings=("/spec/sessionAffinityConfig",),
    ),
    Injection(
        "external address",
        ("Service",),
        add("/spec/externalIPs", ["192.0.2.1"]),
        brings=("/spec/externalTrafficPolicy",),
    ),
    Injection("traffic policy", ("Service",), set_to("/spec/internalTrafficPolicy", "Local")),
    Injection("not ready addresses", ("Service",), add("/spec/publishNotReadyAddresses", value=True)),
)
OBJECTS = (*METADATA, *CONFIGURATION, *SERVICES)
