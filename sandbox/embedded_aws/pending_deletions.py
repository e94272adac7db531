"""What waits for its deletion keeps its name: a secret's is taken, and a key is not scheduled twice.

MiniStack says of such a secret that it already exists, and schedules a key again. Sources: Secrets Manager API
reference, CreateSecret (InvalidRequestException); KMS API reference, ScheduleKeyDeletion (KMSInvalidStateException).
"""

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import kms, secretsmanager

Response = Any
_create_secret = secretsmanager._create_secret
_schedule_key_deletion = kms._schedule_key_deletion


def create_secret(request: dict[str, Any]) -> Response:
    """CreateSecret; refused while a secret of that name is scheduled for deletion."""
    if (secretsmanager._secrets.get(request.get("Name")) or {}).get("DeletedDate"):
        return error_response_json(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
            400,
        )
    return _create_secret(request)


def schedule_key_deletion(request: dict[str, Any]) -> Response:
    """ScheduleKeyDeletion; refused for a key that waits already."""
    key = kms._resolve_key(request.get("KeyId", ""))
    if key and key["KeyState"] == "PendingDeletion":
        return error_response_json("KMSInvalidStateException", f"{key['Arn']} is pending deletion.", 400)
    return _schedule_key_deletion(request)


def install() -> None:
    """Answer in the place of MiniStack."""
    secretsmanager._create_secret = create_secret
    kms._schedule_key_deletion = schedule_key_deletion
