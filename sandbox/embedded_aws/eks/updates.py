"""EKS updates: their records, DescribeUpdate, ListUpdates and CancelUpdate.

They are kept on the cluster's record, so they are saved with it.
"""

import json
import uuid
from typing import Any

from .records import EksRefusal, Record, Response, answer, cluster_of, now, public

# ("cluster", ""), ("nodegroup", name) or ("addon", name): what an update is about.
Scope = tuple[str, str]

CLUSTER: Scope = ("cluster", "")


def begin(cluster: Record, kind: str, params: dict[str, Any], scope: Scope = CLUSTER) -> Record:
    """A new update in progress, recorded on its cluster."""
    update: Record = {
        "id": str(uuid.uuid4()),
        "status": "InProgress",
        "type": kind,
        "params": [
            {"type": name, "value": value if isinstance(value, str) else json.dumps(value)}
            for name, value in params.items()
        ],
        "createdAt": now(),
        "errors": [],
        "_scope": list(scope),
    }
    cluster.setdefault("_updates", {})[update["id"]] = update
    return update


def succeed(update: Record) -> None:
    """Mark an update as Successful, unless it was cancelled."""
    if update["status"] == "InProgress":
        update["status"] = "Successful"


def fail(update: Record, message: str, code: str = "Unknown", resources: tuple[str, ...] = ()) -> None:
    """Mark an update as Failed, with the reason."""
    update["status"] = "Failed"
    update["errors"] = [{"errorCode": code, "errorMessage": message, "resourceIds": list(resources)}]


def updated(update: Record) -> Response:
    """The response of an operation that started this update."""
    return answer({"update": public(update)})


def _scope_of(query: Record) -> Scope:
    if query.get("nodegroupName"):
        return ("nodegroup", query["nodegroupName"])
    if query.get("addonName"):
        return ("addon", query["addonName"])
    return CLUSTER


def _find(cluster: Record, update_id: str) -> Record:
    update: Record | None = cluster.get("_updates", {}).get(update_id)
    if update is None:
        raise EksRefusal("ResourceNotFoundException", f"No update found for ID: {update_id}", 404)
    return update


def describe(cluster_name: str, update_id: str, query: Record) -> Response:
    """DescribeUpdate. Raises EksRefusal when the cluster has no such update of that scope."""
    update = _find(cluster_of(cluster_name), update_id)
    if tuple(update["_scope"]) != _scope_of(query):
        raise EksRefusal("ResourceNotFoundException", f"No update found for ID: {update_id}", 404)
    return updated(update)


def list_ids(cluster_name: str, query: Record) -> Response:
    """ListUpdates, newest first."""
    updates = cluster_of(cluster_name).get("_updates", {}).values()
    chosen = [update for update in updates if tuple(update["_scope"]) == _scope_of(query)]
    chosen.sort(key=lambda update: float(update["createdAt"]), reverse=True)
    return answer({"updateIds": [update["id"] for update in chosen]})


def cancel(cluster_name: str, update_id: str) -> Response:
    """CancelUpdate: only a version update or rollback in progress can be cancelled."""
    update = _find(cluster_of(cluster_name), update_id)
    if update["status"] != "InProgress" or update["type"] not in ("VersionUpdate", "VersionRollback"):
        raise EksRefusal(
            "InvalidRequestException",
            f"Update {update_id} cannot be cancelled: it is a {update['type']} in status {update['status']}",
        )
    update["status"] = "Cancelled"
    return updated(update)
