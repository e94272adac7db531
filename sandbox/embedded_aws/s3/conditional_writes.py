"""Conditional writes that a policy can demand, and copies that keep to their conditions.

MiniStack keeps to If-Match and If-None-Match of PutObject and CompleteMultipartUpload, but tells no policy of them, and
ignores them in CopyObject. Sources: S3 user guide, "Enforce conditional writes on Amazon S3 buckets"; API reference of
CopyObject; service authorization reference of S3.
"""

from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import s3

Response = tuple[int, dict[str, str], bytes]

_OPERATION = "s3:ObjectCreationOperation"


def with_conditions(context_of: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """An object request's condition keys, with those of a conditional write."""

    def object_context(iam_action: str, query: dict[str, Any], path: str, headers: dict[str, str]) -> dict[str, Any]:
        context = context_of(iam_action, query, path, headers)
        if iam_action != "s3:PutObject":
            return context
        # The parts of an upload accept no condition; that it completes does.
        context[_OPERATION] = "false" if "uploads" in query or "partNumber" in query else "true"
        for name in ("if-match", "if-none-match"):
            if headers.get(name):
                context[f"s3:{name}"] = headers[name]
        return context

    return object_context


def creating_unless_said(enforce: Callable[..., Any]) -> Callable[..., Any]:
    """The decision about a request; a browser's form creates an object, too."""

    def decide(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        context = dict(service_context or {})
        if iam_action == "s3:PutObject":
            context.setdefault(_OPERATION, "true")
        return enforce(access_key_id, iam_action, service, region, resource_arn, context)

    return decide


def keeping_to_conditions(copy: Callable[..., Response]) -> Callable[..., Response]:
    """CopyObject that refuses what its conditions exclude."""

    def copy_object(bucket: str, key: str, headers: dict[str, str]) -> Response:
        existing = (s3._buckets.get(bucket) or {}).get("objects", {}).get(key)
        refusal: Response | None = s3._check_put_preconditions(headers, existing)
        return refusal or copy(bucket, key, headers)

    return copy_object


def install() -> None:
    """Tell policies of the conditions of a write, and keep to them in copies."""
    iam_actions._s3_object_context = with_conditions(iam_actions._s3_object_context)
    iam_evaluator.enforce = creating_unless_said(iam_evaluator.enforce)
    s3._copy_object = keeping_to_conditions(s3._copy_object)
