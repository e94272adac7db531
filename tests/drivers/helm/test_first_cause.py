"""What a failed release says first: what is behind it, where no pod of its own could say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from resources.context import Context
from resources.drivers.helm import pod_watch
from resources.drivers.manifests import ManifestsDriver
from resources.kubernetes.objects import apply_object, read_object
from resources.model.errors import Transient
from resources.model.specs import Manifests
from tests.helpers.materialization import Materialize, failure
from tests.helpers.releases import NAMESPACE, release
from tests.helpers.waiting import eventually

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("release_namespace")]

OTHER = "first-cause"
WEBHOOK = {
    "name": "check.first-cause.test",
    "clientConfig": {"service": {"namespace": OTHER, "name": "checker", "path": "/check"}},
    "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}],
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
}


def make(kind: str, name: str, namespace: str | None = None, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


@pytest.fixture
def objects(context: Context) -> Iterator[list[dict[str, Any]]]:
    """Objects that others made, removed at the end."""
    made: list[dict[str, Any]] = []
    yield made
    for obj in reversed(made):
        resource = context.cluster.kind(obj["apiVersion"], obj["kind"])
        resource.delete(name=obj["metadata"]["name"], namespace=obj["metadata"].get("namespace"))


def test_quota_that_refuses_pods_ends_the_wait(
    materialize: Materialize, context: Context, objects: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """helm would wait for five minutes and then say that a Deployment did not become ready; no pod is there."""
    monkeypatch.setattr(pod_watch, "_REFUSED", 3.0)
    monkeypatch.setattr(pod_watch, "_LOOK", 1.0)
    apply_object(context.cluster, make("Namespace", NAMESPACE))
    objects.append(make("ResourceQuota", "small", NAMESPACE, spec={"hard": {"pods": "0"}}))
    apply_object(context.cluster, objects[0])
    eventually("the quota counts", lambda: bool((read_object(context.cluster, objects[0]) or {}).get("status")))
    began = time.monotonic()
    said = failure(materialize(release()))
    assert time.monotonic() - began < 120, "the release's own time-out is 300 s"
    assert "Deployment driver-test/driver-test-external-dns: 0 of 1 ready" in said
    assert "its pods are refused" in said
    assert "exceeded quota: small" in said


def test_webhook_that_does_not_answer_is_explained_by_its_pods(
    materialize: Materialize, context: Context, objects: list[dict[str, Any]]
) -> None:
    """It is another release's, whose image cannot be pulled: helm, and what applies objects, say so."""
    labels = {"app": "checker"}
    image = {"name": "checker", "image": "registry.test/does-not-exist"}
    objects += [
        make("Namespace", OTHER),
        make("Service", "checker", OTHER, spec={"selector": labels, "ports": [{"port": 443}]}),
        make("Pod", "checker", OTHER, spec={"containers": [image]}),
        make(
            "ValidatingWebhookConfiguration",
            OTHER,
            api_version="admissionregistration.k8s.io/v1",
            webhooks=[WEBHOOK],
        ),
    ]
    objects[2]["metadata"]["labels"] = labels
    apply_object(context.cluster, make("Namespace", NAMESPACE))
    for obj in objects:
        apply_object(context.cluster, obj)

    def waits() -> bool:
        status = (read_object(context.cluster, objects[2]) or {}).get("status") or {}
        return bool((status.get("containerStatuses") or [{}])[0].get("state", {}).get("waiting"))

    eventually("the webhook's image cannot be pulled", waits)
    secret = make("Secret", "any", NAMESPACE)
    with pytest.raises(Transient) as caught:
        ManifestsDriver().apply(Manifests(objects=(secret,)), context)
    cause = f"; webhook check.first-cause.test is served by Service {OTHER}/checker: pod {OTHER}/checker, container"
    assert cause in caught.value.message
    said = failure(materialize(release()))
    assert f"{cause} checker: " in said
    assert "ImagePull" in said
