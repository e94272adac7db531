"""Why an object that was deleted is still there: what holds it, who takes that away, and the commands to look. Pure.

Sources: Kubernetes documentation, "Finalizers" and "Namespaces walkthrough"; the finalizers of each controller as its
own documentation or source names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Finalizer, or the part of it before the last /, to the controller that takes it away once it has cleared up.
OWNERS = {
    "resources-finalizer.argocd.argoproj.io": "Argo CD's application controller",
    "post-delete-finalizer.argocd.argoproj.io": "Argo CD's application controller",
    "service.kubernetes.io/load-balancer-cleanup": "the controller of Services of type LoadBalancer",
    "service.k8s.aws": "the AWS Load Balancer Controller",
    "ingress.k8s.aws": "the AWS Load Balancer Controller",
    "elbv2.k8s.aws": "the AWS Load Balancer Controller",
    "group.ingress.k8s.aws": "the AWS Load Balancer Controller",
    "karpenter.sh": "Karpenter",
    "karpenter.k8s.aws": "Karpenter",
    "kubernetes.io/pvc-protection": "Kubernetes, which waits for the pods that use it",
    "kubernetes.io/pv-protection": "Kubernetes, which waits for the claim that uses it",
    "external-provisioner.volume.kubernetes.io": "the CSI driver's provisioner",
    "external-attacher": "the CSI driver's attacher, which waits until no node has the volume",
    "externalsecrets.external-secrets.io": "External Secrets",
    "secretstore.externalsecrets.external-secrets.io": "External Secrets",
    "customresourcecleanup.apiextensions.k8s.io": "the API server, which waits until no object of the kind is left",
    "foregroundDeletion": "Kubernetes' garbage collector, which waits for what the object owns",
    "kubernetes": "Kubernetes' namespace controller, which waits until the namespace is empty",
}


def describe_hold(live: Mapping[str, Any]) -> str:
    """What keeps a deleted object: each finalizer with whose it is, and what a namespace says itself."""
    meta = live["metadata"]
    if not meta.get("deletionTimestamp"):
        return "it is there, and not being deleted"
    words = [*_conditions(live), *(_owned(finalizer) for finalizer in meta.get("finalizers") or ())]
    return "; ".join(words) or "no finalizer holds it any more"


def _owned(finalizer: str) -> str:
    stem = finalizer.rpartition("/")[0]
    owner = next((OWNERS[known] for known in (finalizer, stem) if known in OWNERS), "")
    if not owner:
        owner = f"whose it is nobody here knows; its name points to {stem or finalizer}"
    return f"finalizer {finalizer} ({owner})"


def _conditions(live: Mapping[str, Any]) -> Iterator[str]:
    if live.get("kind") != "Namespace":
        return
    for condition in (live.get("status") or {}).get("conditions") or ():
        if condition.get("status") == "True" and condition.get("message"):
            yield str(condition["message"]).rstrip(".")


def name_for_kubectl(live: Mapping[str, Any]) -> str:
    """The object as arguments of kubectl, such as `application.argoproj.io storefront -n argocd`."""
    group = str(live["apiVersion"]).rpartition("/")[0]
    kind = str(live["kind"]).lower() + (f".{group}" if group else "")
    namespace = live["metadata"].get("namespace")
    return f"{kind} {live['metadata']['name']}" + (f" -n {namespace}" if namespace else "")


def describe_remedy(live: Mapping[str, Any]) -> str:
    """How to look at an object that is held, and how to let it go once what its finalizer stands for is cleared up."""
    name = name_for_kubectl(live)
    if live.get("kind") == "Namespace":
        every = "kubectl api-resources --verbs=list --namespaced -o name"
        return (
            f"see what is left in it: {every} | xargs -n1 kubectl get --ignore-not-found -n {live['metadata']['name']}"
        )
    patch = '{"metadata":{"finalizers":null}}'
    return (
        f"look at it: kubectl get {name} -o yaml; once it is cleared up: kubectl patch {name} --type=merge -p '{patch}'"
    )
