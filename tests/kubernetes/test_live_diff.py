"""A live object against the one that helm applied: what the API server or a controller wrote is no difference."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from resources.kubernetes.live_diff import object_diff, removed_fields, with_hand_edits_adopted
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
def test_what_the_server_spells_in_its_own_way_is_no_difference(wanted: dict[str, Any], live: dict[str, Any]) -> None:
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
def test_what_contradicts_the_manifest_is_found(wanted: dict[str, Any], live: dict[str, Any], path: str) -> None:
    (found,) = object_diff(deployment(live), deployment(wanted))
    assert found.path == f"spec.template.spec.containers[0].{path}"


def test_mounts_of_one_volume_are_told_apart() -> None:
    mounts = [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]
    assert object_diff(deployment({"volumeMounts": mounts}), deployment({"volumeMounts": mounts})) == ()


def test_an_empty_value_of_a_config_map_that_is_gone_is_found() -> None:
    assert object_diff(config_map({"a": "1"}), config_map({"a": "1", "b": ""})) == (FieldChange("data.b", None, ""),)


def test_status_and_what_others_wrote_into_the_metadata_are_left_out() -> None:
    live = {**config_map({"a": "1"}), "status": {"x": 1}}
    live["metadata"] = {**META, "uid": "1", "labels": {"a": "b"}, "annotations": {"other": "tool"}}
    wanted = {**config_map({"a": "1"}), "status": {}}
    wanted["metadata"] = {**META, "labels": {"a": "b"}, "creationTimestamp": None}
    assert object_diff(live, wanted) == ()


def test_the_data_of_a_secret_is_never_shown() -> None:
    text = base64.b64encode(b"hunter2").decode()
    (found,) = object_diff(config_map({"p": text}, "Secret"), config_map({"p": "b3RoZXI="}, "Secret"))
    assert (found.before, found.after, found.sensitive) == (MASK, MASK, True)
    wanted = {"apiVersion": "v1", "kind": "Secret", "metadata": META, "stringData": {"p": "hunter2"}}
    assert object_diff(config_map({"p": text}, "Secret"), wanted) == ()


def test_the_authority_that_an_injector_wrote_is_its_own() -> None:
    def webhook(bundle: str, manager: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"f:webhooks": {'k:{"name":"w"}': {"f:clientConfig": {"f:caBundle": {}}}}}
        meta = {**META, "managedFields": [{"manager": manager, "operation": "Update", "fieldsV1": fields}]}
        hooks = [{"name": "w", "clientConfig": {"caBundle": bundle}}]
        return {"kind": "ValidatingWebhookConfiguration", "metadata": meta, "webhooks": hooks}

    assert object_diff(webhook("live", "injector"), webhook("chart", "helm")) == ()
    assert object_diff(webhook("live", "helm"), webhook("chart", "helm")) != ()


def test_rules_of_an_aggregated_role_are_the_controllers() -> None:
    wanted = {"kind": "ClusterRole", "metadata": META, "aggregationRule": {"clusterRoleSelectors": [{}]}, "rules": []}
    assert object_diff({**wanted, "rules": [{"verbs": ["get"]}]}, wanted) == ()


def managed_by_hand(fields: dict[str, Any], manager: str = "kubectl-set") -> list[dict[str, Any]]:
    own = {**HELM, "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    main = {"f:template": {"f:spec": {"f:containers": {'k:{"name":"main"}': fields}}}}
    return [own, {"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {"f:spec": main}}]


DEBUG: dict[str, Any] = {"f:env": {".": {}, 'k:{"name":"DEBUG"}': {".": {}, "f:name": {}, "f:value": {}}}}


def test_a_variable_that_a_person_added_is_found_and_one_of_a_controller_is_not() -> None:
    live = {"env": [{"name": "DEBUG", "value": "1"}]}
    path = "spec.template.spec.containers[0].env"
    (found,) = object_diff(deployment(live, managed_by_hand(DEBUG)), deployment({}))
    assert (found.path, found.after) == (path, None)
    assert object_diff(deployment(live, managed_by_hand(DEBUG, "reloader")), deployment({})) == ()


def test_a_variable_that_a_person_added_to_others_is_said_once() -> None:
    own = {"name": "OWN", "value": "1"}
    live = deployment({"env": [own, {"name": "DEBUG", "value": "1"}]}, managed_by_hand(DEBUG))
    (found,) = object_diff(live, deployment({"env": [own]}))
    assert found.path == "spec.template.spec.containers[0].env"


def test_hand_edits_are_adopted_so_that_the_next_apply_takes_them_back() -> None:
    adopted = with_hand_edits_adopted(deployment({}, managed_by_hand(DEBUG)))
    assert adopted is not None
    (own,) = adopted
    assert own["manager"] == "helm"
    assert own["fieldsV1"]["f:spec"]["f:replicas"] == {}
    assert own["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"main"}'] == DEBUG
    assert with_hand_edits_adopted(deployment({}, managed_by_hand(DEBUG, "reloader"))) is None


def test_fields_that_the_new_manifest_no_longer_has_are_removed() -> None:
    old, new = deployment({"image": "a", "tty": True}), deployment({"image": "b"})
    assert removed_fields(old, new) == (FieldChange("spec.template.spec.containers[0].tty", True, None),)


def test_a_field_remembers_the_name_beside_it() -> None:
    old, new = (deployment({"env": [{"name": "DB_PASSWORD", "value": value}]}) for value in ("a", "b"))
    assert [f.beside for f in object_diff(old, new)] == ["DB_PASSWORD"]
    gone = deployment({"env": [{"name": "DB_PASSWORD"}]})
    assert [f.beside for f in removed_fields(old, gone)] == ["DB_PASSWORD"]
