"""Which kinds are served, and metadata page by page, from answers in the API server's own form."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

from resources.kubernetes.access import ClusterAccess
from resources.kubernetes.metadata import ServedKind, list_metadata, served_kinds


def answering(*answers: Any) -> tuple[ClusterAccess, list[dict[str, Any]]]:
    """A cluster that gives these answers in turn, and what it is asked."""
    asked: list[dict[str, Any]] = []
    left = iter(answers)

    def request(method: str, path: str, **more: Any) -> Any:
        asked.append({"method": method, "path": path, **more})
        return SimpleNamespace(data=json.dumps(next(left)))

    return cast(ClusterAccess, SimpleNamespace(api=SimpleNamespace(request=request))), asked


def resource(name: str, kind: str, scope: str = "Namespaced", *verbs: str) -> dict[str, Any]:
    return {"resource": name, "responseKind": {"kind": kind}, "scope": scope, "verbs": list(verbs or ("get", "list"))}


def test_kinds_are_those_that_can_be_listed_in_their_preferred_version() -> None:
    """One that only an older version has is listed there."""
    core = {"metadata": {}, "versions": [{"version": "v1", "resources": [resource("pods", "Pod")]}]}
    new = {
        "version": "v1",
        "resources": [resource("things", "Thing", "Cluster"), resource("asks", "Ask", "", "create")],
    }
    old = {"version": "v1beta1", "resources": [resource("things", "Thing"), resource("olds", "Old")]}
    group = {"metadata": {"name": "test.example"}, "versions": [new, old, {"version": "v1alpha1"}]}
    cluster, _ = answering({"items": [core]}, {"items": [group]})
    assert served_kinds(cluster) == (
        ServedKind("", "v1", "Pod", "pods", True),
        ServedKind("test.example", "v1", "Thing", "things", False),
        ServedKind("test.example", "v1beta1", "Old", "olds", True),
    )


def test_every_page_is_read_and_nothing_but_metadata_kept() -> None:
    """The token of a page asks for the next; no objects at all are no list in Kubernetes' JSON."""
    items = [{"metadata": {"name": str(number)}, "kind": "PartialObjectMetadata"} for number in range(3)]
    first, last = {"metadata": {"continue": "more"}, "items": items[:2]}, {"metadata": {}, "items": items[2:]}
    cluster, asked = answering(first, last, {"metadata": {"continue": ""}, "items": None})
    kind = ServedKind("apps", "v1", "Deployment", "deployments", True)
    listed = list(list_metadata(cluster, kind))
    assert listed == [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": str(number)}} for number in range(3)
    ]
    assert [(each["path"], each["_continue"]) for each in asked] == [
        ("/apis/apps/v1/deployments", None),
        ("/apis/apps/v1/deployments", "more"),
    ]
    assert "PartialObjectMetadataList" in asked[0]["header_params"]["Accept"]
    assert list(list_metadata(cluster, ServedKind("", "v1", "Pod", "pods", True))) == []
    assert asked[-1]["path"] == "/api/v1/pods"
