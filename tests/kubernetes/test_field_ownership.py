"""What others added to an object that we applied, read from the API server's own notes on who owns which field."""

from __future__ import annotations

from typing import Any

import pytest

from resources.kubernetes.field_ownership import CONTROLLERS, foreign_additions, with_foreign_fields_adopted
from resources.kubernetes.live_diff import object_diff

Object = dict[str, Any]
ATOMIC: Object = {}


def entry(manager: str, fields: Object, operation: str = "Update", **more: str) -> Object:
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **more}


def changed(
    wanted: Object,
    live: Object,
    fields: Object,
    manager: str = "Terraform",
    own: Object | None = None,
    our: str = "helm",
) -> Object:
    """The live object after `manager` wrote `fields`; `own`: what is still ours, under the name `our`."""
    managed = [entry(our, own or {}, "Apply"), entry(manager, fields)]
    merged = {"apiVersion": "v1", "kind": "Thing", **wanted, **live}
    merged["metadata"] = {"name": "x", **(wanted.get("metadata") or {}), **(live.get("metadata") or {})}
    merged["metadata"]["managedFields"] = managed
    return merged


LABEL: Object = {"f:metadata": {"f:labels": {"f:team": {}}}}
RULE: Object = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
ADDITIONS: dict[str, tuple[Object, Object, Object, str]] = {
    "a label": ({}, {"metadata": {"labels": {"team": "x"}}}, LABEL, "metadata.labels.team"),
    "a role for a service account": (
        {"metadata": {"annotations": {"a": "b"}}},
        {"metadata": {"annotations": {"a": "b", "eks.amazonaws.com/role-arn": "arn"}}},
        {"f:metadata": {"f:annotations": {"f:eks.amazonaws.com/role-arn": {}}}},
        "metadata.annotations.eks.amazonaws.com/role-arn",
    ),
    "a finalizer": (
        {},
        {"metadata": {"finalizers": ["test.example/hold"]}},
        {"f:metadata": {"f:finalizers": {".": {}, 'v:"test.example/hold"': {}}}},
        "metadata.finalizers",
    ),
    "a key of a ConfigMap": (
        {"data": {"a": "1"}},
        {"data": {"a": "1", "b": "2"}},
        {"f:data": {"f:b": {}}},
        "data.b",
    ),
    "a key in a selector that is one value": (
        {"spec": {"selector": {"app": "x"}}},
        {"spec": {"selector": {"app": "x", "extra": "y"}}},
        {"f:spec": {"f:selector": ATOMIC}},
        "spec.selector.extra",
    ),
    "names added to a role's rule": (
        {"rules": [RULE]},
        {"rules": [{**RULE, "resourceNames": ["all"]}]},
        {"f:rules": ATOMIC},
        "rules[0].resourceNames",
    ),
    "a property deep in a schema": (
        {"spec": {"versions": [{"name": "v1", "schema": {"properties": {"a": {}}}}]}},
        {"spec": {"versions": [{"name": "v1", "schema": {"properties": {"a": {}, "b": {"type": "string"}}}}]}},
        {"f:spec": {"f:versions": ATOMIC}},
        "spec.versions[0].schema.properties.b",
    ),
    "zero": (
        {"spec": {"securityContext": {"fsGroup": 1}}},
        {"spec": {"securityContext": {"fsGroup": 1, "runAsUser": 0}}},
        {"f:spec": {"f:securityContext": {"f:runAsUser": {}}}},
        "spec.securityContext.runAsUser",
    ),
    "a webhook's selector": (
        {"webhooks": [{"name": "w"}]},
        {"webhooks": [{"name": "w", "namespaceSelector": {"matchLabels": {"a": "b"}}}]},
        {"f:webhooks": {'k:{"name":"w"}': {"f:namespaceSelector": {"f:matchLabels": {".": {}, "f:a": {}}}}}},
        "webhooks[0].namespaceSelector.matchLabels",
    ),
    "another source of a variable": (
        {"env": [{"name": "A", "value": "1"}]},
        {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]},
        {"f:env": {'k:{"name":"A"}': {"f:valueFrom": {".": {}, "f:fieldRef": {}}}}},
        "env[0].valueFrom",
    ),
}


@pytest.mark.parametrize("manager", ["kubectl-edit", "pulumi-kubernetes", "kube-controller-manager.evil"])
@pytest.mark.parametrize("what", ADDITIONS)
def test_addition_is_shown_with_its_path(what: str, manager: str) -> None:
    """Wherever something was added, in whatever form, it is a difference that the next apply takes away."""
    wanted, live, fields, path = ADDITIONS[what]
    differences = object_diff(changed(wanted, live, fields, manager), {"kind": "Thing", **wanted})
    assert [d.path for d in differences if d.after is None] == [path]


@pytest.mark.parametrize("what", ADDITIONS)
def test_adopted_fields_are_ours_and_nobody_elses(what: str) -> None:
    """Who applied last owns what others added, so that his next apply removes it."""
    wanted, live, fields, _ = ADDITIONS[what]
    adopted = with_foreign_fields_adopted(changed(wanted, live, fields), "helm")
    assert adopted is not None
    assert [(e["manager"], e["operation"]) for e in adopted] == [("helm", "Apply")]
    again = {**changed(wanted, live, fields)}
    again["metadata"]["managedFields"] = adopted
    assert list(foreign_additions(again, wanted, "helm")) == []
    assert with_foreign_fields_adopted(again, "helm") is None


def test_list_that_is_still_ours_has_only_defaults_added() -> None:
    """What the API server filled into a list that nobody else has written is no difference."""
    wanted = {"rules": [{"operations": ["CREATE"]}]}
    live = {"rules": [{"operations": ["CREATE"], "scope": "*", "timeoutSeconds": 10}]}
    assert object_diff(changed(wanted, live, LABEL, own={"f:rules": {}}), {"kind": "Thing", **wanted}) == ()


CONTROLLED: dict[str, tuple[str, Object, Object]] = {
    "a restart": (
        "kubectl-rollout",
        {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}},
        {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}}},
    ),
    "a revision": (
        "kube-controller-manager",
        {"metadata": {"annotations": {"deployment.kubernetes.io/revision": "2"}}},
        {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}},
    ),
    "the node of a volume's first pod": (
        "kube-scheduler",
        {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "one"}}},
        {"f:metadata": {"f:annotations": {"f:volume.kubernetes.io/selected-node": {}}}},
    ),
    "a volume that the scheduler binds": (
        "kube-scheduler",
        {
            "metadata": {"annotations": {"pv.kubernetes.io/bound-by-controller": "yes"}},
            "spec": {"claimRef": {"name": "x"}},
        },
        {
            "f:metadata": {"f:annotations": {"f:pv.kubernetes.io/bound-by-controller": {}}},
            "f:spec": {"f:claimRef": {".": {}, "f:name": {}}},
        },
    ),
    "an operator's finalizer": (
        "karpenter",
        {"metadata": {"finalizers": ["karpenter.sh/termination"]}},
        {"f:metadata": {"f:finalizers": {'v:"karpenter.sh/termination"': {}}}},
    ),
    "a namespace that helm makes": (
        "helm",
        {"metadata": {"labels": {"name": "x"}}, "spec": {"finalizers": ["kubernetes"]}},
        {"f:metadata": {"f:labels": {"f:name": {}}}, "f:spec": {}},
    ),
    "a status": ("anybody", {"status": {"ready": True}}, {"f:status": {"f:ready": {}}}),
}


@pytest.mark.parametrize("what", CONTROLLED)
def test_what_controllers_write_is_left_alone(what: str) -> None:
    """It is no difference, and stays theirs."""
    manager, live, fields = CONTROLLED[what]
    obj = changed({}, live, fields, manager, our="eks-assets")
    assert object_diff(obj, {"kind": "Thing"}, "eks-assets") == ()
    assert with_foreign_fields_adopted(obj, "eks-assets") is None


def test_a_controllers_name_does_not_cover_other_fields() -> None:
    """Somebody who writes under a controller's name is seen where that controller has no business."""
    live = changed({}, {"data": {"a": "1"}}, {"f:data": {"f:a": {}}}, "kube-controller-manager")
    assert [d.path for d in object_diff(live, {"kind": "Thing"})] == ["data.a"]


def test_scheduler_has_no_business_with_other_annotations() -> None:
    """Of a claim it notes the node, and nothing that a person who takes its name would write."""
    fields: Object = {"f:metadata": {"f:annotations": {"f:theirs.example/a": {}}}}
    live = changed({}, {"metadata": {"annotations": {"theirs.example/a": "1"}}}, fields, "kube-scheduler")
    assert [d.path for d in object_diff(live, {"kind": "Thing"})] == ["metadata.annotations.theirs.example/a"]


def test_every_exception_has_a_reason() -> None:
    """Each line of the table says why."""
    assert all(controller.reason for controller in CONTROLLERS)


def test_scale_and_status_are_not_taken_over() -> None:
    """Subresources have their own writers; what they contradict is compared by value."""
    live = changed({}, {"spec": {"replicas": 3}}, {"f:spec": {"f:replicas": {}}})
    live["metadata"]["managedFields"][1]["subresource"] = "scale"
    assert with_foreign_fields_adopted(live, "helm") is None
    assert [d.path for d in object_diff(live, {"kind": "Thing", "spec": {"replicas": 1}})] == ["spec.replicas"]


def test_object_that_another_program_made_becomes_ours() -> None:
    """Where we have applied nothing yet, a first entry of ours holds what others wrote."""
    live = changed({}, {"data": {"a": "1"}}, {"f:data": {"f:a": {}}})
    del live["metadata"]["managedFields"][0]
    adopted = with_foreign_fields_adopted(live, "eks-assets")
    assert adopted is not None
    (ours,) = adopted
    assert (ours["manager"], ours["operation"], ours["fieldsV1"]) == ("eks-assets", "Apply", {"f:data": {"f:a": {}}})
