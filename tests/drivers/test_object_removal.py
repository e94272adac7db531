"""Objects go in reverse order and are waited for; what holds one that stays is named with its owner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from resources.config.environment import Deadlines, Environment
from resources.context import Context
from resources.drivers.manifests import ManifestsDriver
from resources.drivers.products import plan_products, remove_products
from resources.kubernetes.finalizers import describe_hold, describe_remedy
from resources.kubernetes.objects import apply_object, read_object
from resources.model.errors import WaitTimeout
from resources.model.products import ProductKind, Products, Workload
from resources.model.specs import Manifests
from tests.helpers.waiting import eventually

NAMESPACE: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "goes"}}
INSIDE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "inside", "namespace": "goes"},
    "data": {"a": "b"},
}
HELD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "held", "namespace": "default", "finalizers": ["karpenter.sh/termination"]},
}


def test_owner_of_a_known_finalizer_is_named() -> None:
    """Of a finalizer that nobody here knows the domain is what there is to say."""
    meta = {"name": "a", "namespace": "b", "deletionTimestamp": "2026-11-30T00:00:00Z"}
    known = {"apiVersion": "v1", "kind": "Service", "metadata": {**meta, "finalizers": ["service.k8s.aws/resources"]}}
    assert describe_hold(known) == "finalizer service.k8s.aws/resources (the AWS Load Balancer Controller)"
    unknown = {**known, "metadata": {**meta, "finalizers": ["example.com/cleanup"]}}
    assert "points to example.com" in describe_hold(unknown)
    assert "kubectl get service a -n b -o yaml" in describe_remedy(known)


def test_namespace_says_itself_what_is_left_in_it() -> None:
    """Its conditions name the finalizers of the objects in it."""
    words = "Some content in the namespace has finalizers remaining: example.com/x in 1 resource instances"
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "a", "deletionTimestamp": "2026-11-30T00:00:00Z"},
        "status": {"conditions": [{"type": "NamespaceFinalizersRemaining", "status": "True", "message": words}]},
    }
    assert describe_hold(namespace) == words
    assert "kubectl get --ignore-not-found -n a" in describe_remedy(namespace)


def free(context: Context, obj: dict[str, Any]) -> None:
    """Let an object go, whatever holds it."""
    if read_object(context.cluster, obj) is None:
        return
    kind, meta = context.cluster.kind(obj["apiVersion"], obj["kind"]), obj["metadata"]
    where = {"name": meta["name"], "namespace": meta.get("namespace")}
    kind.patch(body={"metadata": {"finalizers": None}}, content_type="application/merge-patch+json", **where)
    if read_object(context.cluster, obj) is not None:
        kind.delete(**where)


@pytest.fixture
def impatient(platform: Environment) -> Iterator[Context]:
    """The deployed cluster, of an environment that waits for 3 seconds; what these tests make is gone afterwards."""
    deadlines = Deadlines(stack=3, release=3, cluster=3)
    context = Context.of(platform.model_copy(update={"deadlines": deadlines}))
    yield context
    made = (HELD, {**HELD, "metadata": {**HELD["metadata"], "namespace": "goes"}}, INSIDE, NAMESPACE)
    for obj in made:
        free(context, obj)
    eventually("they are gone", lambda: all(read_object(context.cluster, obj) is None for obj in made), 60)


@pytest.mark.sandbox
def test_objects_go_in_reverse_order_and_a_second_time_nothing(impatient: Context) -> None:
    """The ConfigMap first, then its namespace, which we made."""
    spec, driver, lines = Manifests(objects=(NAMESPACE, INSIDE), timeout=30), ManifestsDriver(), list[str]()
    driver.apply(spec, impatient)
    plan = driver.plan_removal(spec, impatient, delete_data=False)
    assert [removed.object for removed in plan.removes] == ["ConfigMap goes/inside", "Namespace goes"]
    impatient.progress = lines.append
    driver.destroy(spec, impatient, delete_data=False)
    removing = [line for line in lines if line.startswith("removing ")]
    assert removing[0] == "removing ConfigMap goes/inside"
    assert read_object(impatient.cluster, NAMESPACE) is None
    assert driver.plan_removal(spec, impatient, delete_data=False).removes == ()
    driver.destroy(spec, impatient, delete_data=False)


@pytest.mark.sandbox
def test_namespace_of_somebody_else_stays(impatient: Context) -> None:
    """Also where we label it; and never those of Kubernetes."""
    # Who applies no field owns none, and Kubernetes does not name him.
    theirs = {**NAMESPACE, "metadata": {"name": "goes", "labels": {"c": "d"}}}
    apply_object(impatient.cluster, theirs, manager="terraform")
    labelled = {**NAMESPACE, "metadata": {"name": "goes", "labels": {"a": "b"}}}
    system = {**NAMESPACE, "metadata": {"name": "kube-system"}}
    spec, driver = Manifests(objects=(labelled, system), timeout=30), ManifestsDriver()
    apply_object(impatient.cluster, labelled)
    plan = driver.plan_removal(spec, impatient, delete_data=False)
    assert plan.removes == ()
    assert {kept.object: kept.why for kept in plan.keeps} == {
        "Namespace goes": "terraform made it, not we",
        "Namespace kube-system": "Kubernetes makes it",
    }
    driver.destroy(spec, impatient, delete_data=False)
    assert read_object(impatient.cluster, NAMESPACE) is not None


@pytest.mark.sandbox
def test_object_that_hangs_names_finalizer_owner_and_command(impatient: Context) -> None:
    """It is asked to go, and what holds it is named; once that is gone the next run finds nothing."""
    spec, driver = Manifests(objects=(HELD,), timeout=3), ManifestsDriver()
    apply_object(impatient.cluster, HELD)
    with pytest.raises(WaitTimeout) as raised:
        driver.destroy(spec, impatient, delete_data=False)
    assert "ConfigMap default/held: finalizer karpenter.sh/termination (Karpenter)" in raised.value.message
    assert "kubectl patch configmap held -n default" in raised.value.next_step
    free(impatient, HELD)
    assert driver.plan_removal(spec, impatient, delete_data=False).removes == ()


@pytest.mark.sandbox
def test_namespace_that_hangs_names_what_is_left_in_it(impatient: Context) -> None:
    """Kubernetes says so in the namespace's conditions."""
    driver, spec = ManifestsDriver(), Manifests(objects=(NAMESPACE,), timeout=8)
    driver.apply(spec, impatient)
    apply_object(impatient.cluster, {**HELD, "metadata": {**HELD["metadata"], "namespace": "goes"}})
    with pytest.raises(WaitTimeout, match=r"karpenter\.sh/termination in 1 resource instances"):
        driver.destroy(spec, impatient, delete_data=False)


@pytest.mark.sandbox
def test_what_a_dead_controller_left_goes_without_it(impatient: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own finalizers are taken away, which is said; those of others are not."""
    monkeypatch.setattr("resources.drivers.products.PATIENCE", 0.5)
    kind = ProductKind("v1", "ConfigMap", "its box", {"metadata.name": "held"}, finalizers=("karpenter.sh",))
    products = Products("boxes", "the box controller", (Workload("Deployment", "default", "boxes"),), (kind,))
    lines: list[str] = []
    impatient.progress = lines.append
    apply_object(impatient.cluster, HELD)
    plan = plan_products(products, impatient, delete_data=False)
    assert [removed.object for removed in plan.removes] == ["ConfigMap default/held"]
    remove_products(products, impatient, delete_data=False)
    assert read_object(impatient.cluster, HELD) is None
    assert any("the box controller is dead" in line for line in lines)

    foreign = {**HELD, "metadata": {**HELD["metadata"], "finalizers": ["karpenter.sh/termination", "example.com/mine"]}}
    apply_object(impatient.cluster, foreign)
    with pytest.raises(WaitTimeout, match=r"finalizer example\.com/mine"):
        remove_products(products, impatient, delete_data=False)
