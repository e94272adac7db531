"""Object Lock as S3 has it: who may set a retention, until when, and that neither a restart nor versioning ends it.

MiniStack has the locks (default retention, refused deletes, `s3:BypassGovernanceRetention`), but forgets them when it
stops, lets anybody with `s3:PutObject` set them, accepts dates that have passed, compares dates as texts, and lets
versioning be suspended. Sources: S3 user guide, "Locking objects with Object Lock"; API references of PutObject,
PutObjectRetention and PutBucketVersioning.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ministack.core import iam_actions
from ministack.services import s3

Response = tuple[int, dict[str, str], bytes]

_UNTIL = "x-amz-object-lock-retain-until-date"
_PERMISSIONS = {
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    _UNTIL: "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
}
_DATE = re.compile(rb"(<RetainUntilDate>)([^<]*)(</RetainUntilDate>)")
_FORMAT = "%Y-%m-%dT%H:%M:%S.000Z"  # of the dates that MiniStack makes, so that dates compare as texts


def needing_permissions(checks: Callable[..., list[tuple[str, str]]]) -> Callable[..., list[tuple[str, str]]]:
    """What else a request needs: who writes an object with a lock of its own needs the right to lock."""

    def additional_checks(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> list[tuple[str, str]]:
        needed = checks(method, path, headers, body, query)
        bucket, _, key = path.lstrip("/").partition("/")
        if iam_actions._s3_action(method, path, query) == "PutObject" and key:
            locks = sorted({action for name, action in _PERMISSIONS.items() if headers.get(name)})
            needed = [*needed, *((action, f"arn:aws:s3:::{bucket}/{key}") for action in locks)]
        return needed

    return additional_checks


def _refuse_past(date: str) -> Response | None:
    try:
        until = _read_date(date)
    except ValueError:
        return _error("InvalidArgument", "The retain until date must be provided in ISO 8601 format")
    return (
        None if until > datetime.now(UTC) else _error("InvalidArgument", "The retain until date must be in the future!")
    )


def _read_date(date: str) -> datetime:
    until = datetime.fromisoformat(date.strip())
    return until.astimezone(UTC) if until.tzinfo else until.replace(tzinfo=UTC)


def _error(code: str, message: str, status: int = 400) -> Response:
    response: Response = s3._error(code, message, status)
    return response


def _in_the_future(retain: Callable[..., Response]) -> Callable[..., Response]:
    def put_object_retention(bucket: str, key: str, body: bytes, *rest: Any) -> Response:
        date = _DATE.search(body)
        if date is None:
            return retain(bucket, key, body, *rest)
        refusal = _refuse_past(date[2].decode())
        if refusal:
            return refusal
        until = _read_date(date[2].decode()).strftime(_FORMAT).encode()
        return retain(bucket, key, _DATE.sub(rb"\g<1>" + until + rb"\g<3>", body), *rest)

    return put_object_retention


def _with_future_headers(check: Callable[..., Response | None]) -> Callable[..., Response | None]:
    def check_headers(bucket: str, headers: dict[str, str]) -> Response | None:
        refusal = check(bucket, headers)
        if refusal is None and headers.get(_UNTIL):
            refusal = _refuse_past(headers[_UNTIL])
            if refusal is None:
                headers[_UNTIL] = _read_date(headers[_UNTIL]).strftime(_FORMAT)
        return refusal

    return check_headers


def _keeping_versions(put: Callable[..., Response]) -> Callable[..., Response]:
    def put_bucket_versioning(bucket: str, body: bytes) -> Response:
        if s3._bucket_object_lock.get(bucket) and b">Suspended<" in body:
            message = (
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
            )
            return _error("InvalidBucketState", message, 409)
        return put(bucket, body)

    return put_bucket_versioning


def install() -> None:
    """Complete MiniStack's locks."""
    s3._PERSISTED_BUCKET_DICTS["object_retention"] = s3._object_retention
    s3._PERSISTED_BUCKET_DICTS["object_legal_hold"] = s3._object_legal_hold
    iam_actions.s3_additional_checks = needing_permissions(iam_actions.s3_additional_checks)
    s3._put_object_retention = _in_the_future(s3._put_object_retention)
    s3._object_lock_header_error = _with_future_headers(s3._object_lock_header_error)
    s3._put_bucket_versioning = _keeping_versions(s3._put_bucket_versioning)
