"""Translates the Kubernetes client's failures into the project's errors, at the edge and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import ResourceNotFoundError
from urllib3.exceptions import HTTPError

from resources.model.errors import (
    AccessDenied,
    NotFound,
    OperationFailed,
    PipelineError,
    Transient,
)


def translate_kubernetes_error(error: Exception, doing: str) -> PipelineError:
    """The project's error for a failure while `doing` something ("applying StorageClass gp3")."""
    if isinstance(error, ResourceNotFoundError):
        return NotFound(
            f"{doing}: the cluster does not know this kind", next_step="is the unit that brings its CRD deployed?"
        )
    if isinstance(error, ApiException):
        text = f"{doing}: Kubernetes says {error.status}: {_message(error)}"
        if error.status in (401, 403):
            return AccessDenied(text, next_step="does the role that you act as have an access entry in the cluster?")
        if error.status == 404:
            return NotFound(text)
        if _field_conflicts(error):
            return OperationFailed(
                text, next_step="another field manager owns these fields: remove them there, or here"
            )
        if error.status in (409, 429) or (error.status or 0) >= 500:
            return Transient(text)
        return OperationFailed(text)
    return Transient(f"{doing}: {error}")


def _message(error: ApiException) -> str:
    try:
        return str(json.loads(error.body or "{}").get("message") or error.reason)
    except (ValueError, AttributeError):
        return str(error.reason)


def changed_by_hand(error: ApiException) -> bool:
    """Whether a server-side apply was refused only because somebody updated fields (kubectl edit, a patch), and no
    other manager applies them. Source: structured-merge-diff names updates `conflict with "NAME" using VERSION`."""
    conflicts = _field_conflicts(error)
    return bool(conflicts) and all(" using " in conflict for conflict in conflicts)


def _field_conflicts(error: ApiException) -> list[str]:
    """What Kubernetes says of each field that another manager owns."""
    if error.status != 409:
        return []
    try:
        causes = json.loads(error.body or "{}").get("details", {}).get("causes") or []
    except (ValueError, AttributeError):
        return []
    return [str(cause.get("message")) for cause in causes if cause.get("reason") == "FieldManagerConflict"]


@contextmanager
def kubernetes_call(doing: str) -> Iterator[None]:
    """Within it, failures of the Kubernetes client come out as PipelineError."""
    try:
        yield
    except (ApiException, ResourceNotFoundError, HTTPError, OSError) as error:
        raise translate_kubernetes_error(error, doing) from error
