"""How an Application differs from what its ApplicationSet makes."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest

from resources.context import Context
from resources.drivers.git import applications
from resources.drivers.git.applications import application_drift, sync_drift, template_findings
from resources.kubernetes.objects import Object
from resources.model.drift import Drift

NOBODY = cast(Context, None)
HELM = {"parameters": [{"name": "replicas", "value": "2"}], "valuesObject": {"host": "{{ .host }}"}}
TEMPLATE = {
    "metadata": {"name": "{{ .product }}", "labels": {"team": "{{ .team }}"}},
    "spec": {
        "source": {"repoURL": "https://git.example/a", "targetRevision": "main", "path": "{{ .path }}", "helm": HELM},
        "syncPolicy": {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]},
    },
}
SET: Object = {"kind": "ApplicationSet", "metadata": {"name": "shop"}, "spec": {"generators": [], "template": TEMPLATE}}


def owned(value: Any) -> Any:
    """`fieldsV1` of a value."""
    return {f"f:{key}": owned(below) for key, below in value.items()} if isinstance(value, dict) else {}


@pytest.fixture
def application() -> Object:
    """As the controller makes it."""
    spec: Any = copy.deepcopy(TEMPLATE["spec"])
    spec["source"]["path"] = "charts/shop"
    spec["source"]["helm"]["valuesObject"]["host"] = "shop.example"
    meta = {
        "name": "shop-1",
        "labels": {"team": "blue"},
        "ownerReferences": [{"kind": "ApplicationSet", "name": "shop"}],
    }
    fields = owned({"metadata": {"labels": {"team": 1}}, "spec": spec})
    entry = {"manager": "argocd-applicationset-controller", "operation": "Update", "time": "2026-01-01T00:00:00Z"}
    meta["managedFields"] = [{**entry, "fieldsV1": fields}]
    status = {"sync": {"status": "Synced", "revision": "abc"}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": meta,
        "spec": spec,
        "status": status,
    }


def changed_by_hand(application: Object, fields: Any) -> None:
    entry = {"manager": "argocd-server", "operation": "Update", "time": "2026-02-01T00:00:00Z"}
    application["metadata"]["managedFields"].append({**entry, "fieldsV1": owned(fields)})


def test_application_as_made_is_in_sync(application: Object) -> None:
    """Whatever the expressions of the template became; one of another ApplicationSet is not looked at."""
    assert application_drift([SET], [application], NOBODY) == Drift()
    application["metadata"]["labels"]["team"] = "green"
    application["metadata"]["ownerReferences"] = []
    assert application_drift([SET], [application], NOBODY) == Drift()


def test_overridden_parameters_are_findings_with_their_culprit(application: Object) -> None:
    """Also where the template has an expression, of which the value is not known, and where it has nothing."""
    helm = application["spec"]["source"]["helm"]
    helm["parameters"][0]["value"] = "9"
    helm["valuesObject"] |= {"host": "evil.example", "debug": True}
    changed_by_hand(
        application, {"spec": {"source": {"helm": {"parameters": 1, "valuesObject": {"host": 1, "debug": 1}}}}}
    )
    findings = {f.field.path.rpartition("helm.")[2]: f for f in template_findings(application, SET)}
    assert {path: (f.field.before, f.field.after, f.kind) for path, f in findings.items()} == {
        "parameters[0].value": ("2", "9", "changed"),
        "valuesObject.host": ("{{ .host }}", "evil.example", "changed"),
        "valuesObject.debug": (None, True, "extra"),
    }
    assert {f.culprit for f in findings.values()} == {"argocd-server"}
    assert {(f.layer, f.object) for f in findings.values()} == {("argocd", "Application shop-1")}


def test_automated_sync_switched_off(application: Object) -> None:
    """Nobody is noted for what is gone."""
    del application["spec"]["syncPolicy"]["automated"]
    (finding,) = template_findings(application, SET)
    assert (finding.field.path, finding.kind, finding.culprit) == ("spec.syncPolicy.automated", "missing", "")


@pytest.mark.parametrize(
    "more",
    [
        {"templatePatch": "spec: {}"},
        {"generators": [{"merge": {"generators": [{"list": {"template": {"spec": {"project": "x"}}}}]}}]},
        {"ignoreApplicationDifferences": [{"jsonPointers": ["/spec/syncPolicy"]}]},
        {"ignoreApplicationDifferences": [{"jqPathExpressions": [".spec.syncPolicy.automated"], "name": "shop-1"}]},
    ],
)
def test_what_the_set_lets_differ_is_no_finding(application: Object, more: dict[str, Any]) -> None:
    """What others wrote into an Application that is patched still is."""
    del application["spec"]["syncPolicy"]["automated"]
    other = {**SET, "spec": {**SET["spec"], **more}}
    assert list(template_findings(application, other)) == []
    application["spec"]["source"]["targetRevision"] = "evil"
    changed_by_hand(application, {"spec": {"source": {"targetRevision": 1}}})
    assert [f.field.after for f in template_findings(application, other)] == ["evil"]


def test_what_is_out_of_sync_by_hand(application: Object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what had been synced already; what git no longer has waits for pruning and was made by nobody."""
    resources = [
        {
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
            "namespace": "shop",
            "name": "web",
            "status": "OutOfSync",
        },
        {"version": "v1", "kind": "Service", "namespace": "shop", "name": "web", "status": "OutOfSync"},
        {
            "version": "v1",
            "kind": "Secret",
            "namespace": "shop",
            "name": "old",
            "status": "OutOfSync",
            "requiresPruning": True,
        },
        {"version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "web", "status": "Synced"},
    ]
    application["status"] = {
        "sync": {"status": "OutOfSync", "revision": "abc"},
        "operationState": {"syncResult": {"revision": "abc"}},
        "resources": resources,
    }
    entries = [
        {
            "manager": "argocd-controller",
            "operation": "Apply",
            "fieldsV1": {"f:spec": {}},
            "time": "2026-01-03T00:00:00Z",
        },
        {
            "manager": "kubectl-edit",
            "operation": "Update",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
            "time": "2026-01-02T00:00:00Z",
        },
    ]
    live = {"metadata": {"managedFields": entries}, "spec": {"replicas": 5}}
    monkeypatch.setattr(applications, "read_object", lambda _, obj: live if obj["kind"] == "Deployment" else None)
    context = cast(Context, type("C", (), {"cluster": None}))
    found = {f.object: (f.kind, f.culprit, f.since) for f in sync_drift(application, context).findings}
    assert found == {
        "Deployment shop/web of Application shop-1": ("changed", "kubectl-edit", "2026-01-02T00:00:00Z"),
        "Service shop/web of Application shop-1": ("missing", "", ""),
    }
    application["status"]["sync"]["revision"] = "def"
    assert [entry.object for entry in sync_drift(application, context).unchecked] == ["Application shop-1"]
    application["status"] = {"conditions": [{"message": "no such path"}]}
    assert [entry.reason for entry in sync_drift(application, context).unchecked] == ["no such path"]
