"""Objects that somebody makes in the cluster and no unit declares."""

from __future__ import annotations

from tests.injections.injection import Object

_RBAC = "rbac.authorization.k8s.io/v1"
_ADMIN = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
_EVE = [{"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"}]
_POD = {"containers": [{"name": "theirs", "image": "registry.example.com/theirs:1"}]}
_LABELS = {"app": "theirs"}


def _made(api_version: str, kind: str, namespace: str = "", **more: object) -> Object:
    where = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "theirs", **where}, **more}


_RELEASES = {"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "argocd"}
_TEMPLATE = {"metadata": {"labels": _LABELS}, "spec": _POD}
_JOB = {"template": {"spec": {**_POD, "restartPolicy": "Never"}}}
UNDECLARED: tuple[Object, ...] = (
    _made(_RBAC, "ClusterRoleBinding", roleRef=_ADMIN, subjects=_EVE),
    _made(_RBAC, "ClusterRole", rules=[]),
    _made(_RBAC, "RoleBinding", "argocd", roleRef=_ADMIN, subjects=_EVE),
    _made(_RBAC, "Role", "observability", rules=[]),
    _made("apps/v1", "Deployment", "external-dns", spec={"selector": {"matchLabels": _LABELS}, "template": _TEMPLATE}),
    _made("apps/v1", "DaemonSet", "kube-system", spec={"selector": {"matchLabels": _LABELS}, "template": _TEMPLATE}),
    _made("batch/v1", "CronJob", "argocd", spec={"schedule": "0 0 1 1 *", "jobTemplate": {"spec": _JOB}}),
    {**_made("v1", "ConfigMap", "argocd"), "metadata": {"name": "theirs", "namespace": "argocd", "labels": _RELEASES}},
    _made("v1", "Secret", "external-secrets", stringData={"a": "b"}),
    _made("v1", "Service", "observability", spec={"ports": [{"port": 80}]}),
    _made("v1", "ServiceAccount", "istio-system"),
    _made("v1", "Pod", "keycloak", spec=_POD),
    _made("v1", "Namespace"),
    _made("networking.k8s.io/v1", "NetworkPolicy", "argocd", spec={"podSelector": {}}),
    _made(
        "networking.k8s.io/v1",
        "Ingress",
        "argocd",
        spec={"defaultBackend": {"service": {"name": "argocd-server", "port": {"number": 80}}}},
    ),
    _made("policy/v1", "PodDisruptionBudget", "argocd", spec={"maxUnavailable": 0}),
    _made("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    _made("v1", "ResourceQuota", "observability", spec={"hard": {"count/configmaps": "900"}}),
)
