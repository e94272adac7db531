"""What the cluster would refuse stops a unit before its first write."""

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
from tests.helpers.materialization import Materialize, failure

pytestmark = pytest.mark.sandbox
GOOD = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "rehearsed", "namespace": "default"}}


def refused(name: str) -> dict[str, Any]:
    """A Service with a port that no API server takes."""
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 70000}]}}


def manifests(*objects: dict[str, Any]) -> AnyUnit:
    @unit(wave="configuration")
    def rehearsed(env: Environment) -> Manifests:
        """Some objects."""
        return Manifests(objects=objects)

    return rehearsed


@pytest.fixture
def clean(platform: Environment, context: Context) -> Iterator[Context]:
    yield context
    remove(context, GOOD)


def test_rehearsal_writes_nothing_if_one_object_is_refused(materialize: Materialize, clean: Context) -> None:
    """A dry run of all objects comes before the first write."""
    said = failure(materialize(manifests(GOOD, refused("one"))))
    assert "applying Service default/one" in said
    assert "must be between 1 and 65535" in said
    assert read_object(clean.cluster, GOOD) is None


def test_rehearsal_reports_every_refusal_at_once(materialize: Materialize, clean: Context) -> None:
    """All refused objects are in one error."""
    said = failure(materialize(manifests(refused("one"), GOOD, refused("two"))))
    assert "nothing was applied" in said
    assert "Service default/one" in said
    assert "Service default/two" in said
    assert read_object(clean.cluster, GOOD) is None
