"""What counts as an object that nobody declared."""

from __future__ import annotations

from typing import Any

import pytest

from resources.kubernetes.objects import Object
from resources.undeclared.cluster import Declared, is_undeclared, maker_of
from resources.undeclared.known_objects import KNOWN_OBJECTS

RBAC = "rbac.authorization.k8s.io/v1"


def live(kind: str, name: str, manager: str = "kubectl-create", api_version: str = "v1", **meta: Any) -> Object:
    entry = {"manager": manager, "operation": "Update", "time": "2026-01-02T00:00:00Z"}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "managedFields": [entry], **meta}}


@pytest.fixture
def declared() -> Declared:
    """A namespace of a unit, a release's objects in it, and objects of the application repository."""
    declared = Declared(groups={"products"})
    declared.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    declared.add({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}, "shop")
    declared.add({"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": "web"}}, "shop")
    return declared


@pytest.mark.parametrize(
    "obj",
    [
        live("RoleBinding", "mine", api_version=RBAC, namespace="shop"),
        live("ClusterRoleBinding", "mine", api_version=RBAC),
        live("ClusterRoleBinding", "system:mine", api_version=RBAC),
        live("ValidatingWebhookConfiguration", "mine", api_version="admissionregistration.k8s.io/v1"),
        live("Namespace", "mine"),
        live("Deployment", "web", api_version="extensions/v1", namespace="shop"),
        live("Deployment", "other", api_version="apps/v1", namespace="shop", labels={"app": "web"}),
        live("ConfigMap", "kube-root-ca.crt", namespace="shop"),
        live("Secret", "argocd-initial-admin-secret", manager="argocd-server", namespace="shop"),
        live(
            "ApplicationSet",
            "mine",
            api_version="argoproj.io/v1alpha1",
            namespace="shop",
            labels={"eks-assets/group": "products"},
        ),
        live("ConfigMap", "ours", manager="eks-assets", namespace="shop"),
    ],
    ids=lambda obj: f"{obj['kind']} {obj['metadata']['name']}",
)
def test_what_a_person_makes_is_undeclared(declared: Declared, obj: Object) -> None:
    """Also with the labels of a release, under the name that a controller's object has elsewhere, and with our own
    field manager on what no unit has."""
    assert is_undeclared(obj, declared)


@pytest.mark.parametrize(
    "obj",
    [
        live("Deployment", "web", api_version="apps/v1", namespace="shop"),
        live("ClusterRole", "web", api_version=RBAC),
        live("Namespace", "shop"),
        live("Deployment", "other", api_version="apps/v1", namespace="elsewhere"),
        live("ReplicaSet", "web-1", api_version="apps/v1", namespace="shop", ownerReferences=[{"name": "web"}]),
        live("ConfigMap", "kube-root-ca.crt", manager="kube-controller-manager", namespace="shop"),
        live("ServiceAccount", "default", manager="", namespace="shop"),
        live("ClusterRoleBinding", "system:basic-user", manager="kube-apiserver", api_version=RBAC),
        live(
            "APIService",
            "v1.",
            api_version="apiregistration.k8s.io/v1",
            labels={"kube-aggregator.kubernetes.io/automanaged": "onstart"},
        ),
        live(
            "ApplicationSet",
            "web",
            manager="eks-assets",
            api_version="argoproj.io/v1alpha1",
            namespace="shop",
            labels={"eks-assets/group": "products"},
        ),
    ],
    ids=lambda obj: f"{obj['kind']} {obj['metadata']['name']}",
)
def test_what_belongs_to_something_is_not(declared: Declared, obj: Object) -> None:
    """By a manifest, an owner, a controller that is known to make it; and what is not where we are."""
    assert not is_undeclared(obj, declared)


def test_who_made_an_object_is_the_first_who_wrote_it() -> None:
    """A later change by others does not make it theirs, nor does the status that a controller writes."""
    obj = live("Deployment", "web", creationTimestamp="2026-01-01T00:00:00Z")
    obj["metadata"]["managedFields"] = [
        {"manager": "kube-controller-manager", "time": "2026-01-01T00:00:00Z", "subresource": "status"},
        {"manager": "kubectl-edit", "time": "2026-01-03T00:00:00Z"},
        {"manager": "kubectl-create", "time": "2026-01-02T00:00:00Z"},
    ]
    assert maker_of(obj) == ("kubectl-create", "2026-01-01T00:00:00Z")


def test_service_accounts_are_those_of_objects_and_of_their_pods() -> None:
    """Where a manifest names no namespace, the release's; an operator makes pods of what is no workload, too."""
    declared = Declared()
    pods = {"template": {"spec": {"serviceAccountName": "web"}}}
    declared.add({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "own"}}, "shop")
    declared.add({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": pods}, "shop")
    cron = {"jobTemplate": {"spec": pods}, "containers": [{"serviceAccountName": "listed"}]}
    declared.add(
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "x", "namespace": "b"}, "spec": cron}
    )
    assert declared.accounts == {"shop/own", "shop/web", "b/web", "b/listed"}


def test_every_known_object_has_a_reason() -> None:
    assert all(known.reason for known in KNOWN_OBJECTS)
