"""The live objects of a kind: listed a page at a time, whole only where they may be a release's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.helm.live_objects import live_kind, live_object
from resources.kubernetes import objects
from resources.kubernetes.objects import list_objects

pytestmark = pytest.mark.sandbox


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def test_every_page_is_read(platform: Environment, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of one object have together what a page of all has."""
    whole = list_objects(context.cluster, "v1", "ConfigMap")
    assert len(whole) > 3
    monkeypatch.setattr(objects, "PAGE", 1)
    assert [o["metadata"]["uid"] for o in list_objects(context.cluster, "v1", "ConfigMap")] == [
        o["metadata"]["uid"] for o in whole
    ]
    live = live_kind("v1", "ConfigMap", context)
    assert len(live.whole) + len(live.others) == len(whole)


def test_objects_of_others_are_read_when_they_are_asked_for(
    platform: Environment, context: Context, kubectl: Callable[..., str]
) -> None:
    """A release's objects are whole, and those of others no more than metadata, until somebody wants one."""
    kubectl("create", "configmap", "foreign", "--namespace=default", "--from-literal=key=value")
    try:
        live = live_kind("v1", "ConfigMap", context)
        assert ("default", "foreign") not in live.whole
        assert "value" not in json.dumps(live.others[("default", "foreign")])
        assert all("data" not in obj and "fieldsV1" not in json.dumps(obj) for obj in live.others.values())
        found = live_object(config_map("foreign"), "default", context)
        assert found is not None
        assert found["data"] == {"key": "value"}
        assert live_object(config_map("none"), "default", context) is None
    finally:
        kubectl("delete", "configmap", "foreign", "--namespace=default")


def test_object_of_a_release_without_notes_of_its_owners_is_found(
    restored: Environment, context: Context, kubectl: Callable[..., str]
) -> None:
    """Whoever clears managedFields takes no object of a release out of the comparison."""
    namespace, name = next(iter(live_kind("v1", "ConfigMap", context).whole))
    patch = json.dumps([{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}])
    kubectl("patch", "configmap", name, f"--namespace={namespace}", "--type=json", f"--patch={patch}")
    fresh = Context.of(restored)
    assert (namespace, name) in live_kind("v1", "ConfigMap", fresh).others
    found = live_object(config_map(name), str(namespace), fresh)
    assert found is not None
    assert found["data"]
