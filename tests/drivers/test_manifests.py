"""The Manifests driver on the sandbox's cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from eks_assets.graph.unit import AnyUnit, unit
from resources.config.environment import Environment
from resources.context import Context
from resources.kubernetes.objects import read_object
from resources.model.specs import Manifests
from tests.helpers.cluster_objects import remove
from tests.helpers.materialization import Materialize, failure, shown

pytestmark = pytest.mark.sandbox
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "boxes.driver.test"},
    "spec": {
        "group": "driver.test",
        "scope": "Cluster",
        "names": {"plural": "boxes", "singular": "box", "kind": "Box", "listKind": "BoxList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}
BOX = {"apiVersion": "driver.test/v1", "kind": "Box", "metadata": {"name": "one"}, "size": 3}


def config_map(namespace: str = "default", **data: str) -> dict[str, Any]:
    metadata = {"name": "driver-test", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def manifests(*objects: dict[str, Any]) -> AnyUnit:
    """A unit with these objects."""

    @unit(wave="configuration")
    def demo(env: Environment) -> Manifests:
        """Some objects."""
        return Manifests(objects=objects)

    return demo


@pytest.fixture
def clean(platform: Environment, context: Context) -> Iterator[Context]:
    """The cluster, without the objects of these tests afterwards."""
    yield context
    remove(context, config_map())
    remove(context, CRD)


def live(context: Context) -> dict[str, Any]:
    config_map_now = read_object(context.cluster, config_map())
    assert config_map_now is not None
    return config_map_now


def change(context: Context, manager: str, patch: dict[str, Any], content_type: str, **options: Any) -> None:
    """Somebody else changes the ConfigMap."""
    kinds = context.cluster.api.resources.get(api_version="v1", kind="ConfigMap")
    kinds.patch(
        name="driver-test",
        namespace="default",
        body=patch,
        content_type=content_type,
        field_manager=manager,
        **options,
    )


def test_manifests_are_created_and_then_untouched(materialize: Materialize, clean: Context) -> None:
    """Without changes the object's resourceVersion stays."""
    wanted = manifests(config_map(colour="blue"))
    assert shown(materialize(wanted), "demo")["result"].startswith("created in")
    before = live(clean)
    assert before["data"] == {"colour": "blue"}
    assert shown(materialize(wanted), "demo")["result"].startswith("nothing to do")
    assert live(clean)["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_change_by_hand_is_reverted_and_additions_are_removed(materialize: Materialize, clean: Context) -> None:
    """Our fields are reverted; what others added goes, whether we had the object before or not."""
    wanted = manifests(config_map(colour="blue"))
    assert materialize(wanted).success
    by_hand = {"data": {"colour": "red", "added": "gone"}}
    change(clean, "kubectl-edit", by_hand, "application/merge-patch+json")
    mended = shown(materialize(wanted), "demo")
    assert mended["result"].startswith("updated in")
    assert "| `ConfigMap default/driver-test data.colour` | `red` | `blue` |" in mended["changes"]
    assert "| `ConfigMap default/driver-test data.added` | `gone` |" in mended["changes"]
    assert live(clean)["data"] == {"colour": "blue"}
    assert shown(materialize(wanted), "demo")["result"].startswith("nothing to do")


def test_field_that_another_manager_applies_is_taken_back(materialize: Materialize, clean: Context) -> None:
    """Whoever applied over our value, by force, does not stop the next deploy."""
    assert materialize(manifests(config_map(colour="blue"))).success
    theirs = config_map(colour="red", added="theirs")
    change(clean, "their-operator", theirs, "application/apply-patch+yaml", force_conflicts=True)
    assert shown(materialize(manifests(config_map(colour="blue"))), "demo")["result"].startswith("updated in")
    assert live(clean)["data"] == {"colour": "blue"}


def test_object_that_others_made_is_taken_over(materialize: Materialize, clean: Context) -> None:
    """An object that is there before its first deploy becomes what the spec says, in one deploy."""
    theirs = config_map(colour="red", added="theirs")
    clean.cluster.api.resources.get(api_version="v1", kind="ConfigMap").create(body=theirs, namespace="default")
    assert materialize(manifests(config_map(colour="blue"))).success
    assert live(clean)["data"] == {"colour": "blue"}


def test_crd_is_established_before_its_objects(materialize: Materialize, clean: Context) -> None:
    """A CRD is waited for before objects of its kind are applied."""
    assert materialize(manifests(CRD, BOX)).success
    box = read_object(clean.cluster, BOX)
    assert box is not None
    assert box["size"] == 3


def test_unknown_kind_is_refused_with_next_step(materialize: Materialize, platform: Environment) -> None:
    """The error asks for the unit that brings the CRD."""
    said = failure(materialize(manifests({**BOX, "kind": "Crate"})))
    assert "applying Crate one: the cluster does not know this kind" in said
    assert "is the unit that brings its CRD deployed?" in said


def test_missing_namespace_is_refused(materialize: Materialize, platform: Environment) -> None:
    """Kubernetes' answer is in the error."""
    said = failure(materialize(manifests(config_map("absent-namespace"))))
    assert 'applying ConfigMap absent-namespace/driver-test: Kubernetes says 404: namespaces "absent-namespace"' in said
