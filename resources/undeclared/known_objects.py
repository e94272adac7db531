"""Objects that nobody declares and that are no finding, as data with a reason each: who makes them by itself.

A line counts only for what its own field manager made: a person who takes a controller's name for an object still has
to take its field manager, and the audit log tells who that was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from resources.kubernetes.objects import Object


@dataclass(frozen=True)
class KnownObject:
    """Patterns, each of the whole text: of `Kind`, of `namespace/name` (`/name` without a namespace), and of the field
    manager that made it."""

    kind: re.Pattern[str]
    name: re.Pattern[str]
    manager: re.Pattern[str]
    reason: str

    def matches(self, obj: Object, manager: str) -> bool:
        meta = obj["metadata"]
        name = f"{meta.get('namespace', '')}/{meta['name']}"
        return bool(self.kind.fullmatch(obj["kind"]) and self.name.fullmatch(name) and self.manager.fullmatch(manager))


def _known(kind: str, name: str, manager: str, reason: str) -> KnownObject:
    return KnownObject(re.compile(kind), re.compile(name), re.compile(manager, re.DOTALL), reason)


_ANY = ".*"
_RBAC = "(?:Cluster)?Role(?:Binding)?"
# Kinds that are not even listed.
UNLISTED = {
    "Event": "what happened, kept for an hour",
    "Lease": "who leads, and which nodes are alive",
    "Endpoints": "made of Services and pods",
    "EndpointSlice": "made of Services and pods",
    "ControllerRevision": "earlier templates of DaemonSets and StatefulSets",
    "PodMetrics": "measurements",
    "NodeMetrics": "measurements",
}
KNOWN_OBJECTS = (
    _known("ConfigMap", ".*/kube-root-ca.crt", "kube-controller-manager", "the cluster's authority, in each namespace"),
    # An account has no fields, and so nobody is noted who made it.
    _known("ServiceAccount", ".*/default", "(?:kube-controller-manager)?", "each namespace has one"),
    _known("Namespace", "/(?:default|kube-.*)", "kube-apiserver", "the namespaces of Kubernetes itself"),
    _known(_ANY, "(?:kube-system|kube-public|default)?/.*", "kube-apiserver", "what the API server makes at its start"),
    _known(
        "ServiceAccount",
        "kube-system/(?:[a-z-]+-(?:controller|autoscaler|binder|collector|cleaner|publisher|signer)|aws-cloud-provider)",
        "(?:kube-controller-manager)?",
        "accounts of the controllers in kube-controller-manager and AWS's cloud controller manager",
    ),
    _known(_ANY, _ANY, "eks", "the control plane's own objects, and those of EKS add-ons"),
    _known(_RBAC, "(?:kube-system)?/(?:eks:.*|aws-node|vpc-resource-controller-.*)", _ANY, "EKS makes them"),
    _known(
        "(?:Mutating|Validating)WebhookConfiguration",
        "/(?:pod-identity-webhook|vpc-resource-.*-webhook|eks-aws-auth-configmap-validation-webhook)",
        _ANY,
        "EKS makes them",
    ),
    _known("ConfigMap", "kube-system/aws-auth", "vpcLambda|eks.*", "EKS maps the roles of nodes there"),
    _known("APIService|Service", "(?:kube-system)?/(?:v1.metrics.eks.amazonaws.com|eks-extension-.*)", _ANY, "of EKS"),
    # The scheduler notes a node on it before the controller manager binds it.
    _known("PersistentVolumeClaim", _ANY, "kube-(?:controller-manager|scheduler)", "volumes that a StatefulSet claims"),
    _known(
        "Secret", r".*/sh\.helm\.release\.v1\..*", "[Hh]elm", "where helm keeps a release, which is looked at itself"
    ),
    _known("Secret", _ANY, "kube-webhook-certgen", "certificates that a chart's hook makes for its webhooks"),
    _known("Secret", _ANY, "external-secrets", "made of an ExternalSecret"),
    _known("ConfigMap", "kube-system/aws-load-balancer-controller-leader", "controller", "who leads"),
    _known("TargetGroupBinding", _ANY, "controller|aws-load-balancer-controller", "made of an Ingress or Service"),
    _known("ConfigMap", ".*/istio-.*", "pilot-discovery", "Istio's authority and its leaders, in each namespace"),
    _known("Secret", ".*/istio-ca-secret", "pilot-discovery", "Istio's authority"),
    _known("Secret", "argocd/argocd-(?:initial-admin-secret|redis)", "argocd.*", "passwords that Argo CD makes itself"),
    _known("AppProject", "argocd/default", "argocd.*", "Argo CD makes it at its start"),
    _known("Service", "kube-system/.*-kubelet", "PrometheusOperator|operator", "where Prometheus finds the kubelets"),
    _known(
        "Namespace", _ANY, "argocd-controller|argocd-application-controller", "of Applications with CreateNamespace"
    ),
)


def known_reason(obj: Object, manager: str) -> str:
    """Why the object is no finding; empty where it is one."""
    return next((known.reason for known in KNOWN_OBJECTS if known.matches(obj, manager)), "")
