"""The update of a cluster's Kubernetes version that EKS is carrying out. Source: EKS API, ListUpdates, DescribeUpdate,
CancelUpdate (an update of the version, in progress, as long as EKS still allows it)."""

from __future__ import annotations

from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.model.errors import NotFound, PipelineError

_NEWEST = 10
_KINDS = ("VersionUpdate", "VersionRollback")


def find_version_update(context: Context) -> Any | None:
    """The update that is under way; None where there is none. Raises AccessDenied, Transient."""
    name, client = context.env.cluster_name, context.aws.client("eks")
    try:
        with aws_call(f"listing updates of the EKS cluster {name}"):
            ids = client.list_updates(name=name, maxResults=_NEWEST)["updateIds"]
            updates = (client.describe_update(name=name, updateId=one)["update"] for one in ids)
            return next((u for u in updates if u["type"] in _KINDS and u["status"] == "InProgress"), None)
    except NotFound:
        return None


def cancel_version_update(context: Context) -> str:
    """Ask EKS to cancel the update that is under way; what came of it, in words: it may refuse, and then the update
    goes on to its end. Raises AccessDenied, Transient."""
    update, name = find_version_update(context), context.env.cluster_name
    if update is None:
        return "EKS carries out no update of the version"
    client: Any = context.aws.client("eks")
    try:
        with aws_call(f"cancelling an update of the EKS cluster {name}"):
            client.cancel_update(name=name, updateId=update["id"])
    except PipelineError as error:
        return f"EKS does not cancel the update of the version, which goes on to its end: {error.message}"
    return "EKS cancels the update of the version"
