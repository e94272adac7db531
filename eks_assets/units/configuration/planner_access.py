"""What the planner may read in the cluster: everything but Secrets, and of these what a plan of our releases needs.

No access policy of EKS does this: those that read custom resources read every Secret, and open shells by `get`.
Source: EKS user guide, "Review access policy permissions".
"""

from typing import Any

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.access_entries import access_entries
from eks_assets.units.configuration.external_dns import external_dns
from eks_assets.units.configuration.external_secrets import external_secrets
from eks_assets.units.configuration.namespaces import namespaces
from eks_assets.units.configuration.nvidia_device_plugin import nvidia_device_plugin
from resources.config.environment import Environment
from resources.config.planner_view import (
    GROUP,
    READABLE_REVISIONS,
    RELEASES_ALONE,
    helm_namespaces,
    revision_secret,
    shown_namespaces,
)
from resources.model.specs import Manifests

_RBAC = "rbac.authorization.k8s.io"
_READ = ["get", "list", "watch"]
_SECRETS = f"{GROUP}-secrets"
# Of the core group by name, since a wildcard would bring Secrets, and subresources by which one acts (`pods/exec`).
_CORE = [
    "configmaps",
    "endpoints",
    "events",
    "limitranges",
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "replicationcontrollers",
    "resourcequotas",
    "serviceaccounts",
    "services",
]
# Kubernetes' own, and those of what the units install. Others are read where their operator adds them to `view`.
_GROUPS = [
    "admissionregistration.k8s.io",
    "aga.k8s.aws",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "argoproj.io",
    "autoscaling",
    "autoscaling.x-k8s.io",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "crd.k8s.amazonaws.com",
    "discovery.k8s.io",
    "eks.amazonaws.com",
    "elbv2.k8s.aws",
    "events.k8s.io",
    "extensions.istio.io",
    "external-secrets.io",
    "externaldns.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "gateway.k8s.aws",
    "gateway.networking.k8s.io",
    "generators.external-secrets.io",
    "karpenter.k8s.aws",
    "karpenter.sh",
    "metrics.k8s.io",
    "monitoring.coreos.com",
    "networking.istio.io",
    "networking.k8s.aws",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    _RBAC,
    "resource.k8s.io",
    "scheduling.k8s.io",
    "security.istio.io",
    "snapshot.storage.k8s.io",
    "storage.k8s.io",
    "telemetry.istio.io",
    "vpcresources.k8s.aws",
]

# The API server counts the deprecated APIs that it is asked for; before an upgrade that is read.
_METRICS = {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}


@unit(
    wave="configuration",
    minutes=0.1,
    # helm makes the namespaces of its releases.
    after=[access_entries, namespaces, external_dns, external_secrets, nvidia_device_plugin],
    does_without=[external_dns, external_secrets, nvidia_device_plugin],
    when=lambda env: env.roles.planner is not None,
)
def planner_access(env: Environment) -> Manifests:
    """Roles of the planner's group."""
    return Manifests(
        objects=(
            _role("ClusterRole", GROUP, [_rule("", _CORE), *(_rule(group, ["*"]) for group in _GROUPS), _METRICS]),
            _binding("ClusterRoleBinding", GROUP, "ClusterRole", GROUP),
            _binding("ClusterRoleBinding", f"{GROUP}-view", "ClusterRole", "view"),
            _role("ClusterRole", _SECRETS, [_rule("", ["secrets"])]),
            *(_binding("RoleBinding", _SECRETS, "ClusterRole", _SECRETS, where) for where in shown_namespaces(env)),
            *(part for where in helm_namespaces(env) for part in _releases_alone(where, RELEASES_ALONE[where])),
        )
    )


def _releases_alone(namespace: str, names: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    secrets = [revision_secret(name, n) for name in names for n in range(1, READABLE_REVISIONS + 1)]
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": secrets, "verbs": ["get"]}
    return (
        _role("Role", _SECRETS, [rule], namespace),
        _binding("RoleBinding", _SECRETS, "Role", _SECRETS, namespace),
    )


def _rule(group: str, resources: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": _READ}


def _role(kind: str, name: str, rules: list[dict[str, Any]], namespace: str = "") -> dict[str, Any]:
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": _metadata(name, namespace), "rules": rules}


def _binding(kind: str, name: str, role_kind: str, role: str, namespace: str = "") -> dict[str, Any]:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": _metadata(name, namespace),
        "roleRef": {"apiGroup": _RBAC, "kind": role_kind, "name": role},
        "subjects": [{"kind": "Group", "apiGroup": _RBAC, "name": GROUP}],
    }


def _metadata(name: str, namespace: str) -> dict[str, Any]:
    return {"name": name, **({"namespace": namespace} if namespace else {})}
