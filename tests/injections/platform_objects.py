"""Changes of the rarer kinds of objects, and objects that are deleted."""

from __future__ import annotations

from tests.injections.injection import Injection, add, set_to

DEFAULT_CLASS = "/metadata/annotations/storageclass.kubernetes.io~1is-default-class"
EVERYWHERE = {"namespace": "*", "server": "*"}
ADMINISTRATOR = {"name": "theirs", "policies": ["p, proj:platform:theirs, applications, *, platform/*, allow"]}
CLASSES = (
    Injection("default class", ("StorageClass",), add(DEFAULT_CLASS, "true")),
    Injection("default class changed", ("StorageClass",), set_to(DEFAULT_CLASS, "false")),
    Injection("volume expansion", ("StorageClass",), set_to("/allowVolumeExpansion", value=False)),
    Injection("options of mounts", ("StorageClass",), add("/mountOptions/-", "noatime")),
    Injection(
        "default ingress class",
        ("IngressClass",),
        add("/metadata/annotations/ingressclass.kubernetes.io~1is-default-class", "true"),
    ),
)
NAMESPACES = (
    Injection(
        "pod security", ("Namespace",), add("/metadata/labels/pod-security.kubernetes.io~1enforce", "privileged")
    ),
    Injection(
        "pod security, applied",
        ("Namespace",),
        add("/metadata/labels/pod-security.kubernetes.io~1warn", "privileged"),
        "apply",
    ),
    Injection("injection of sidecars", ("Namespace",), set_to("/metadata/labels/istio-injection", "disabled")),
    Injection("annotation of a namespace", ("Namespace",), add("/metadata/annotations/theirs.example~1a", "yes")),
)
CUSTOM = (
    Injection("disruption budget", ("PodDisruptionBudget",), set_to("/spec/maxUnavailable", "100%")),
    Injection(
        "disruption of unhealthy pods", ("PodDisruptionBudget",), add("/spec/unhealthyPodEvictionPolicy", "AlwaysAllow")
    ),
    Injection("endpoint of a monitor", ("ServiceMonitor",), add("/spec/endpoints/-", {"port": "theirs"})),
    Injection("interval of a monitor", ("ServiceMonitor",), add("/spec/endpoints/0/interval", "7s")),
    Injection("selector of a monitor", ("ServiceMonitor",), add("/spec/selector/matchLabels/theirs", "yes")),
    Injection("alert", ("PrometheusRule",), set_to("/spec/groups/0/rules/0/expr", "vector(0)")),
    Injection("label of an alert", ("PrometheusRule",), add("/spec/groups/0/rules/0/labels/theirs", "yes")),
    Injection("group of alerts", ("PrometheusRule",), add("/spec/groups/-", {"name": "theirs", "rules": []})),
    Injection("user data", ("EC2NodeClass",), add("/spec/userData", "theirs")),
    Injection("public address", ("EC2NodeClass",), add("/spec/associatePublicIPAddress", value=True)),
    Injection("tag of nodes", ("EC2NodeClass",), add("/spec/tags/theirs", "yes")),
    Injection("limits of a pool", ("NodePool",), add("/spec/limits/memory", "9000Gi")),
    Injection(
        "requirement of a pool",
        ("NodePool",),
        add("/spec/template/spec/requirements/-", {"key": "theirs", "operator": "Exists"}),
    ),
    Injection("weight of a pool", ("NodePool",), add("/spec/weight", 7)),
    Injection("interval of a secret", ("ExternalSecret",), set_to("/spec/refreshInterval", "9h")),
    Injection("source of a secret", ("ExternalSecret",), add("/spec/dataFrom/-", {"extract": {"key": "theirs"}})),
    Injection("conditions of a store", ("ClusterSecretStore",), add("/spec/conditions/0/namespaces/-", "theirs")),
    Injection("region of a store", ("ClusterSecretStore",), set_to("/spec/provider/aws/region", "eu-west-1")),
    Injection("group of an ingress class", ("IngressClassParams",), add("/spec/group", {"name": "theirs"})),
)
ARGO_CD = (
    Injection("destination of a project", ("AppProject",), add("/spec/destinations/-", EVERYWHERE)),
    Injection("source of a project", ("AppProject",), add("/spec/sourceRepos/-", "https://theirs.example")),
    Injection("role of a project", ("AppProject",), add("/spec/roles", [ADMINISTRATOR])),
    Injection(
        "windows of a project",
        ("AppProject",),
        add("/spec/syncWindows", [{"kind": "deny", "schedule": "0 0 1 1 *", "duration": "1h", "applications": ["*"]}]),
    ),
    Injection("label of an application set", ("ApplicationSet",), add("/metadata/labels/theirs", "yes")),
    Injection(
        "applications kept", ("ApplicationSet",), add("/spec/syncPolicy/preserveResourcesOnDeletion", value=True)
    ),
    Injection("label of a template", ("ApplicationSet",), add("/spec/template/metadata/labels/theirs", "yes")),
)
# One object of each kind; what would take others with it is left out.
DELETED = tuple(
    Injection(f"{kind} deleted", (kind,), None, "delete")
    for kind in (
        "ConfigMap",
        "Secret",
        "Service",
        "ServiceAccount",
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "ClusterRole",
        "ClusterRoleBinding",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "PodDisruptionBudget",
        "ServiceMonitor",
        "PrometheusRule",
        "IngressClass",
        "StorageClass",
        "ClusterSecretStore",
        "ExternalSecret",
        "AppProject",
    )
)
PLATFORM_OBJECTS = (*CLASSES, *NAMESPACES, *CUSTOM, *ARGO_CD, *DELETED)
