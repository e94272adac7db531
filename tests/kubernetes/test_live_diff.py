"""A live object against the one that helm applied: what the API server or a controller wrote is no difference."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from resources.kubernetes.live_diff import object_diff, removed_fields
from resources.model.change import MASK, FieldChange

META = {"name": "x", "namespace": "ns"}
HELM: dict[str, Any] = {"manager": "helm", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1"}


def deployment(container: dict[str, Any], managed: list[dict[str, Any]] | None = None, **spec: Any) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "main", **container}]}}
    meta = {**META, "managedFields": managed} if managed else META
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"template": template, **spec}}


def config_map(data: dict[str, Any], kind: str = "ConfigMap") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": META, "data": data}


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ({"resources": {"limits": {"cpu": "1000m"}}}, {"resources": {"limits": {"cpu": "1"}}}),
        ({"resources": {"limits": {"cpu": 0.5, "x": "1Ki"}}}, {"resources": {"limits": {"cpu": "500m", "x": "1024"}}}),
        ({"resources": {"requests": {"cpu": 1}}}, {"resources": {"requests": {"cpu": "1"}}}),
        ({"resources": {"requests": {"cpu": "0.0005"}}}, {"resources": {"requests": {"cpu": "1m"}}}),
        ({"env": [{"name": "EMPTY", "value": ""}]}, {"env": [{"name": "EMPTY"}]}),
        ({"stdin": False, "args": None, "command": [], "lifecycle": {}}, {}),
        ({"image": "a:1"}, {"image": "a:1", "imagePullPolicy": "IfNotPresent"}),
    ],
)
def test_live_diff_ignores_server_spelling(wanted: dict[str, Any], live: dict[str, Any]) -> None:
    """A quantity, default or empty value that the API server spells its own way is no difference."""
    assert object_diff(deployment(live), deployment(wanted)) == ()


@pytest.mark.parametrize(
    ("wanted", "live", "path"),
    [
        ({"image": "a:1"}, {"image": "a:2"}, "image"),
        ({"resources": {"limits": {"cpu": "1"}}}, {"resources": {"limits": {"cpu": "2"}}}, "resources.limits.cpu"),
        ({"resources": {"limits": {"cpu": "1.4m"}}}, {"resources": {"limits": {"cpu": "1m"}}}, "resources.limits.cpu"),
        ({"env": [{"name": "N", "value": "1000m"}]}, {"env": [{"name": "N", "value": "1"}]}, "env[0].value"),
        (
            {"securityContext": {"allowPrivilegeEscalation": False}},
            {"securityContext": {}},
            "securityContext.allowPrivilegeEscalation",
        ),
    ],
)
def test_live_diff_shows_contradiction_with_its_path(wanted: dict[str, Any], live: dict[str, Any], path: str) -> None:
    """A value that contradicts the manifest is a difference with its path."""
    (difference,) = object_diff(deployment(live), deployment(wanted))
    assert difference.path == f"spec.template.spec.containers[0].{path}"


def test_live_diff_matches_mounts_of_one_volume_by_path() -> None:
    """Two mounts of one volume are matched by their paths."""
    mounts = [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]
    assert object_diff(deployment({"volumeMounts": mounts}), deployment({"volumeMounts": mounts})) == ()


def test_live_diff_shows_missing_empty_config_value() -> None:
    """A key of a ConfigMap that is gone is a difference, even if its value was empty."""
    assert object_diff(config_map({"a": "1"}), config_map({"a": "1", "b": ""})) == (FieldChange("data.b", None, ""),)


def test_live_diff_ignores_status_and_foreign_metadata() -> None:
    """Status, and labels or annotations that others wrote, are no difference."""
    live = {**config_map({"a": "1"}), "status": {"x": 1}}
    live["metadata"] = {**META, "uid": "1", "labels": {"a": "b"}, "annotations": {"other": "tool"}}
    wanted = {**config_map({"a": "1"}), "status": {}}
    wanted["metadata"] = {**META, "labels": {"a": "b"}, "creationTimestamp": None}
    assert object_diff(live, wanted) == ()


def test_live_diff_masks_data_of_secrets() -> None:
    """A Secret's values are masked, and stringData is compared with the encoded data."""
    text = base64.b64encode(b"hunter2").decode()
    (difference,) = object_diff(config_map({"p": text}, "Secret"), config_map({"p": "b3RoZXI="}, "Secret"))
    assert (difference.before, difference.after, difference.sensitive) == (MASK, MASK, True)
    wanted = {"apiVersion": "v1", "kind": "Secret", "metadata": META, "stringData": {"p": "hunter2"}}
    assert object_diff(config_map({"p": text}, "Secret"), wanted) == ()


def test_live_diff_ignores_ca_bundle_of_injector() -> None:
    """A CA bundle that an injector wrote is no difference; one that helm wrote is."""

    def webhook(bundle: str, manager: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"f:webhooks": {'k:{"name":"w"}': {"f:clientConfig": {"f:caBundle": {}}}}}
        meta = {**META, "managedFields": [{"manager": manager, "operation": "Update", "fieldsV1": fields}]}
        hooks = [{"name": "w", "clientConfig": {"caBundle": bundle}}]
        return {"kind": "ValidatingWebhookConfiguration", "metadata": meta, "webhooks": hooks}

    assert object_diff(webhook("live", "injector"), webhook("chart", "helm")) == ()
    assert object_diff(webhook("live", "helm"), webhook("chart", "helm")) != ()


def test_live_diff_ignores_rules_of_aggregated_role() -> None:
    """The rules of an aggregated ClusterRole belong to its controller."""
    wanted = {"kind": "ClusterRole", "metadata": META, "aggregationRule": {"clusterRoleSelectors": [{}]}, "rules": []}
    assert object_diff({**wanted, "rules": [{"verbs": ["get"]}]}, wanted) == ()


def managed_by_hand(fields: dict[str, Any], manager: str = "kubectl-set") -> list[dict[str, Any]]:
    own = {**HELM, "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    main = {"f:template": {"f:spec": {"f:containers": {'k:{"name":"main"}': fields}}}}
    return [own, {"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {"f:spec": main}}]


DEBUG: dict[str, Any] = {"f:env": {".": {}, 'k:{"name":"DEBUG"}': {".": {}, "f:name": {}, "f:value": {}}}}


@pytest.mark.parametrize("manager", ["kubectl-set", "Terraform", "argocd-controller", "Go-http-client", "reloader"])
def test_live_diff_shows_additions_by_whoever_made_them(manager: str) -> None:
    """A variable that any program added is a difference; nobody can tell a person's tool from another."""
    live = {"env": [{"name": "DEBUG", "value": "1"}]}
    path = "spec.template.spec.containers[0].env"
    (difference,) = object_diff(deployment(live, managed_by_hand(DEBUG, manager)), deployment({}))
    assert (difference.path, difference.after) == (path, None)


def test_live_diff_shows_added_variable_once() -> None:
    """A variable that a person added to a list of the manifest is one difference."""
    own = {"name": "OWN", "value": "1"}
    live = deployment({"env": [own, {"name": "DEBUG", "value": "1"}]}, managed_by_hand(DEBUG))
    (difference,) = object_diff(live, deployment({"env": [own]}))
    assert difference.path == "spec.template.spec.containers[0].env"


def test_fields_missing_in_new_manifest_are_removed() -> None:
    """A field of the old manifest that the new one lacks is listed as removed."""
    old, new = deployment({"image": "a", "tty": True}), deployment({"image": "b"})
    assert removed_fields(old, new) == (FieldChange("spec.template.spec.containers[0].tty", True, None),)


def test_field_change_keeps_name_beside_value() -> None:
    """A field of a variable keeps the variable's name, which decides whether it is masked."""
    old, new = (deployment({"env": [{"name": "DB_PASSWORD", "value": value}]}) for value in ("a", "b"))
    assert [f.beside for f in object_diff(old, new)] == ["DB_PASSWORD"]
    gone = deployment({"env": [{"name": "DB_PASSWORD"}]})
    assert [f.beside for f in removed_fields(old, gone)] == ["DB_PASSWORD"]
