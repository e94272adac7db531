"""The EKS operations that MiniStack lacks or answers differently from AWS, put in front of its own routes."""

import json
import re
from collections.abc import Callable
from typing import Any

from ministack.services import eks

from . import (
    access,
    addons,
    capabilities,
    cluster_updates,
    clusters,
    fargate,
    insights,
    nodegroups,
    reach,
    updates,
    versions,
)
from .records import EksRefusal, Record, Response

# An operation: path parts, JSON body and query parameters in, response out.
Operation = Callable[[list[str], Record, Record], Response]

_ministack_routes = eks._handle_request_sync

_CLUSTER = r"/clusters/([A-Za-z0-9_-]+)"
_NODEGROUP = _CLUSTER + r"/node-groups/([A-Za-z0-9_-]+)"
_ADDON = _CLUSTER + r"/addons/([A-Za-z0-9_.-]+)"
_UPDATE = _CLUSTER + r"/updates/([A-Za-z0-9-]+)"
_FARGATE = _CLUSTER + r"/fargate-profiles"
_CAPABILITY = _CLUSTER + r"/capabilities/([A-Za-z0-9_-]+)"


ROUTES: tuple[tuple[str, str, Operation], ...] = (
    ("GET", _CLUSTER, lambda p, b, q: reach.describe_cluster(p[0])),
    ("POST", _CLUSTER + "/updates", lambda p, b, q: cluster_updates.update_version(p[0], b)),
    ("GET", _CLUSTER + "/updates", lambda p, b, q: updates.list_ids(p[0], q)),
    ("GET", _UPDATE, lambda p, b, q: updates.describe(p[0], p[1], q)),
    ("POST", _UPDATE + "/cancel-update", lambda p, b, q: updates.cancel(p[0], p[1])),
    ("POST", _CLUSTER + "/update-config", lambda p, b, q: cluster_updates.update_config(p[0], b)),
    ("POST", _NODEGROUP + "/update-config", lambda p, b, q: nodegroups.update_config(p[0], p[1], b)),
    ("POST", _NODEGROUP + "/update-version", lambda p, b, q: nodegroups.update_version(p[0], p[1], b)),
    ("DELETE", _ADDON, lambda p, b, q: addons.delete_addon(p[0], p[1], q.get("preserve") == "true")),
    ("POST", _CLUSTER + "/insights", lambda p, b, q: insights.list_insights(p[0], b)),
    ("GET", _CLUSTER + "/insights/([A-Za-z0-9-]+)", lambda p, b, q: insights.describe_insight(p[0], p[1])),
    ("POST", _CLUSTER + "/insights-refresh", lambda p, b, q: insights.start_refresh(p[0])),
    ("GET", _CLUSTER + "/insights-refresh", lambda p, b, q: insights.describe_refresh(p[0])),
    ("POST", _FARGATE, lambda p, b, q: fargate.create_profile(p[0], b)),
    ("GET", _FARGATE, lambda p, b, q: fargate.list_profiles(p[0])),
    ("GET", _FARGATE + "/([A-Za-z0-9_-]+)", lambda p, b, q: fargate.describe_profile(p[0], p[1])),
    ("DELETE", _FARGATE + "/([A-Za-z0-9_-]+)", lambda p, b, q: fargate.delete_profile(p[0], p[1])),
    ("GET", _CLUSTER + "/capabilities", lambda p, b, q: capabilities.list_capabilities(p[0])),
    ("POST", _CLUSTER + "/capabilities", lambda p, b, q: capabilities.create_capability(p[0], b)),
    ("GET", _CAPABILITY, lambda p, b, q: capabilities.describe_capability(p[0], p[1])),
    ("DELETE", _CAPABILITY, lambda p, b, q: capabilities.delete_capability(p[0], p[1])),
    ("GET", "/addons/supported-versions", lambda p, b, q: versions.describe_addon_versions(q)),
    ("GET", "/addons/configuration-schemas", lambda p, b, q: versions.describe_addon_configuration(q)),
    ("GET", "/access-policies", lambda p, b, q: access.list_access_policies()),
)


def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
    """Answer an EKS request: one of ours, or else MiniStack's."""
    try:
        if method == "GET" and path == "/cluster-versions":
            wanted = list(query.get("clusterVersions") or [])
            return versions.describe_cluster_versions(_first(query), wanted)
        for route_method, pattern, operation in ROUTES:
            match = re.fullmatch(pattern, path) if method == route_method else None
            if match:
                return operation(list(match.groups()), _parsed(body), _first(query))
    except EksRefusal as refusal:
        return refusal.response
    response: Response = _ministack_routes(method, path, headers, body, query)
    return response


def _first(query: dict[str, Any]) -> Record:
    return {key: value[0] if isinstance(value, list) else value for key, value in query.items()}


def _parsed(body: bytes) -> Record:
    try:
        parsed = json.loads(body) if body else {}
    except json.JSONDecodeError as failure:
        raise EksRefusal("InvalidParameterException", f"The request's body is not JSON: {failure}") from failure
    return parsed if isinstance(parsed, dict) else {}


def _record_with_arn(arn: str) -> Record | None:
    stores = (
        (eks._clusters, "arn"),
        (eks._nodegroups, "nodegroupArn"),
        (eks._addons, "addonArn"),
        (eks._access_entries, "accessEntryArn"),
    )
    for store, member in stores:
        for record in store.values():
            if record.get(member) == arn:
                found: Record = record
                return found
    return None


def _keeping_tags_on_record(operation: Callable[[str, Any], Response]) -> Callable[[str, Any], Response]:
    """TagResource and UntagResource, with their effect on what the describe operations answer."""

    def change(arn: str, request: Any) -> Response:
        response = operation(arn, request)
        record = _record_with_arn(arn) if response[0] < 400 else None
        if record is not None:
            record["tags"] = dict(eks._tags.get(arn) or {})
        return response

    return change


def install() -> None:
    """Replace MiniStack's EKS operations with those of this package."""
    eks._handle_request_sync = handle
    eks._create_cluster = clusters.create_cluster
    eks._delete_cluster = clusters.delete_cluster
    eks._create_nodegroup = nodegroups.create_nodegroup
    eks._delete_nodegroup = nodegroups.delete_nodegroup
    eks._create_addon = addons.create_addon
    eks._update_addon = addons.update_addon
    eks._delete_addon = addons.delete_addon
    eks._tag_resource = _keeping_tags_on_record(eks._tag_resource)
    eks._untag_resource = _keeping_tags_on_record(eks._untag_resource)
    access.install()
