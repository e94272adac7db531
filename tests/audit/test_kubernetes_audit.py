"""What of the API server's audit log is a change of an object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resources.audit.kubernetes_audit import parse_audit_event

SESSION = "arn:aws:sts::123456789012:assumed-role/deployer/eks-assets-acme-1234"


def message(**more: Any) -> str:
    target = {"resource": "deployments", "namespace": "a", "name": "b", "apiGroup": "apps"}
    return json.dumps(
        {
            "auditID": "1",
            "stage": "ResponseComplete",
            "verb": "patch",
            "requestURI": "/apis/apps/v1/namespaces/a/deployments/b",
            "user": {"username": SESSION},
            "objectRef": target,
            "responseStatus": {"code": 200},
            "stageTimestamp": "2026-11-30T10:00:00.5Z",
            **more,
        }
    )


def test_a_change_has_user_verb_and_object() -> None:
    """Those of a role's session have its name, by which a run is known."""
    event = parse_audit_event(message())
    assert event is not None
    assert (event.user, event.session, event.verb) == (SESSION, "eks-assets-acme-1234", "patch")
    assert event.object == "deployments/a/b"


def test_who_impersonates_stays_who_they_are() -> None:
    """RBAC decides by the other name; a call under the name of a controller is the person's all the same."""
    event = parse_audit_event(message(impersonatedUser={"username": "system:serviceaccount:argocd:x"}))
    assert event is not None
    assert (event.user, event.session) == (SESSION, "eks-assets-acme-1234")
    assert event.actor == f"{SESSION} as system:serviceaccount:argocd:x"


@pytest.mark.parametrize(
    "more",
    [
        {"requestURI": "/apis/apps/v1/namespaces/a/deployments/b?fieldManager=dryRun=All"},
        {"requestURI": "/api/v1/namespaces/a/pods/b/exec?dryRun=All", "objectRef": {"subresource": "exec"}},
        {"verb": "get", "requestURI": "/api/v1/namespaces/a/pods/b/exec", "objectRef": {"subresource": "exec"}},
    ],
)
def test_what_only_looks_as_if_it_changed_nothing_is_a_change(more: dict[str, Any]) -> None:
    """A dry run is one by its own parameter alone, and what is passed on to a container is none."""
    assert parse_audit_event(message(**more)) is not None


@pytest.mark.parametrize(
    "more",
    [
        {"verb": "get"},
        {"responseStatus": {"code": 403}},
        {"requestURI": "/apis/apps/v1/namespaces/a/deployments/b?dryRun=All"},
        {"objectRef": {"resource": "subjectaccessreviews", "apiGroup": "authorization.k8s.io"}},
        {"stage": "RequestReceived"},
        {"user": None},
    ],
)
def test_what_changes_nothing_is_left_out(more: dict[str, Any]) -> None:
    """Reads, refused calls, dry runs, questions, the first stage of two, and what is no event."""
    assert parse_audit_event(message(**more)) is None
    assert parse_audit_event("no JSON") is None
