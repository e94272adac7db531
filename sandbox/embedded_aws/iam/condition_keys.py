"""Condition keys that MiniStack does not know: the boundary of a role, and the rows of a table.

And the stack on which a request is decided that names a change set by its ARN alone.

Sources: service authorization reference of IAM (`iam:PermissionsBoundary`: of the request where it sets one, else of
the role) and of DynamoDB (`dynamodb:LeadingKeys`: partition keys).
"""

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam
from ministack.services.cloudformation import _change_sets

_SETTING = ("CreateRole", "PutRolePermissionsBoundary")
_BOUNDARY: ContextVar[str] = ContextVar("boundary_of_this_request", default="")


def remembering_boundary(extract: Callable[..., str]) -> Callable[..., str]:
    """The resource of a request to IAM, whose boundary is kept for `enforce`."""

    def extract_resource_arn(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], *place: str
    ) -> str:
        _BOUNDARY.set(_boundary(query, body) if service == "iam" else "")
        return extract(service, method, path, headers, body, query, *place)

    return extract_resource_arn


def _boundary(query: dict[str, Any], body: bytes) -> str:
    def parameter(name: str) -> str:
        return str(iam_actions._param(body, query, name) or "")

    if parameter("Action") in _SETTING:
        return parameter("PermissionsBoundary")
    role = iam._roles.get(parameter("RoleName")) or {}
    return str(role.get("PermissionsBoundary") or "")


def of_a_stack(extract: Callable[..., str]) -> Callable[..., str]:
    """The resource of a request to CloudFormation: that of a change set is its stack."""

    def extract_resource_arn(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], *place: str
    ) -> str:
        arn = extract(service, method, path, headers, body, query, *place)
        if service != "cloudformation" or arn != "*":
            return arn
        change_set = _change_sets.get(str(iam_actions._param(body, query, "ChangeSetName") or ""))
        return str(change_set["StackId"]) if change_set else arn

    return extract_resource_arn


def with_boundary(enforce: Callable[..., Any]) -> Callable[..., Any]:
    """The decision about a request to IAM, which knows the boundary of the role."""

    def decide(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        boundary = _BOUNDARY.get() if service == "iam" else ""
        context = {**(service_context or {}), **({"iam:PermissionsBoundary": boundary} if boundary else {})}
        return enforce(access_key_id, iam_action, service, region, resource_arn, context)

    return decide


def with_leading_keys(read: Callable[[bytes], dict[str, Any]]) -> Callable[[bytes], dict[str, Any]]:
    """The condition keys of a request to DynamoDB, with the row that it names where the key is one attribute."""

    def dynamodb_service_context(body: bytes) -> dict[str, Any]:
        try:
            key = json.loads(body or b"{}").get("Key")
        except (ValueError, AttributeError):
            key = None
        values = [value for named in key.values() for value in named.values()] if isinstance(key, dict) else []
        return {**read(body), **({"dynamodb:LeadingKeys": values} if len(values) == 1 else {})}

    return dynamodb_service_context


def install() -> None:
    """Put all in front of MiniStack's; it looks them up at each request."""
    iam_actions.extract_resource_arn = of_a_stack(remembering_boundary(iam_actions.extract_resource_arn))
    iam_evaluator.enforce = with_boundary(iam_evaluator.enforce)
    iam_actions.dynamodb_service_context = with_leading_keys(iam_actions.dynamodb_service_context)
