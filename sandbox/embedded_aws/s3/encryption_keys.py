"""An object under a KMS key can neither be written nor read while the key is disabled or about to be deleted.

MiniStack does not look at the key. Source: KMS developer guide, "Key states of KMS keys"; S3 answers 400 with KMS's
error, whose name it puts `KMS.` in front of.
"""

import json
from collections.abc import Callable
from typing import Any

from ministack.services import kms, s3

Response = tuple[int, dict[str, str], bytes]

_KEY_ID = "x-amz-server-side-encryption-aws-kms-key-id"


def refuse_unusable_key(headers: dict[str, str]) -> Response | None:
    """The refusal of whoever needs the key that these headers name, None where they name none or a usable one."""
    key = _find_key(headers.get(_KEY_ID, ""))
    error = kms._check_key_state(key) if key else None
    if error is None:
        return None
    refusal = json.loads(error[2])
    code = str(refusal["__type"]).rsplit("#", 1)[-1]
    response: Response = s3._error(f"KMS.{code}", refusal["message"], 400)
    return response


def _find_key(key_id: str) -> dict[str, Any] | None:
    # An ARN says where the key is; a request to S3 may be signed for another region.
    _, _, service, region, account, resource = key_id.split(":", 5) if key_id.count(":") >= 5 else [""] * 6
    if service == "kms" and resource.startswith("key/"):
        key: dict[str, Any] | None = kms._keys.get_scoped(account, region, resource.removeprefix("key/"))
        return key
    named: dict[str, Any] | None = kms._resolve_key(key_id)
    return named


def _needing_key_to_write(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def resolve_headers(headers: dict[str, str], bucket: str) -> tuple[dict[str, str] | None, Response | None]:
        encryption, error = resolve(headers, bucket)
        error = error or refuse_unusable_key(encryption)
        return (None, error) if error else (encryption, None)

    return resolve_headers


def _needing_key_to_read(get: Callable[..., Response]) -> Callable[..., Response]:
    def get_object(*arguments: Any, **options: Any) -> Response:
        response = get(*arguments, **options)
        return (refuse_unusable_key(response[1]) if response[0] < 300 else None) or response

    return get_object


def _needing_key_to_copy(check: Callable[..., Response | None]) -> Callable[..., Response | None]:
    def check_source(headers: dict[str, str], source: dict[str, Any]) -> Response | None:
        return check(headers, source) or refuse_unusable_key(source.get("preserved_headers", {}))

    return check_source


def install() -> None:
    """Look at the key before each write, read and copy. HEAD needs none: it answers no content."""
    s3._resolve_sse_write_headers = _needing_key_to_write(s3._resolve_sse_write_headers)
    s3._get_object = _needing_key_to_read(s3._get_object)
    s3._check_sse_c_copy_source = _needing_key_to_copy(s3._check_sse_c_copy_source)
