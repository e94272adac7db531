"""Translates botocore's failures into the project's errors, at the edge and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from resources.model.errors import (
    AccessDenied,
    AlreadyThere,
    ConfigError,
    NotFound,
    OperationFailed,
    PipelineError,
    Transient,
)

_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "RequestThrottled",
    "SlowDown",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "InternalFailure",
    "InternalError",
    "OperationInProgressException",
    "ConcurrentModification",
    "ConcurrentModificationException",
    "ConditionalRequestConflict",
    "PriorRequestNotComplete",
    "TooManyUpdates",
}
_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_MISSING = {
    "ResourceNotFoundException",
    "NotFoundException",
    "NoSuchResourceException",
    "ParameterNotFound",
    "NoSuchEntity",
    "NoSuchKey",
    "NoSuchBucket",
    "NoSuchHostedZone",
    "ChangeSetNotFound",
    "FileSystemNotFound",
    "MountTargetNotFound",
    "LoadBalancerNotFound",
    "TargetGroupNotFound",
    "404",
}
_THERE = {"PreconditionFailed"}


def error_code(error: ClientError) -> str:
    """AWS's own code of the failure, for example `ValidationError`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_message(error: ClientError) -> str:
    """AWS's own words."""
    return str(error.response.get("Error", {}).get("Message", ""))


def translate_aws_error(error: Exception, doing: str) -> PipelineError:
    """The project's error for a failure of botocore while `doing` something ("reading the stack x")."""
    if isinstance(error, ClientError):
        code, message = error_code(error), error_message(error)
        text = f"{doing}: AWS says {code}: {message}"
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)
        if code in _EXPIRED:
            return AccessDenied(text, next_step="your session with AWS has ended: log in again, then run it again")
        if code in _DENIED or status in (401, 403):
            return AccessDenied(
                text, next_step="check the roles of the environment and who you are: aws sts get-caller-identity"
            )
        if code in _MISSING or code.endswith(".NotFound") or "does not exist" in message:
            return NotFound(text)
        if code in _THERE or status == 412:
            return AlreadyThere(text)
        if code in _THROTTLED or status in (429, 500, 502, 503, 504):
            return Transient(text)
        return OperationFailed(text)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError | ProfileNotFound):
        return ConfigError(f"{doing}: {error}", next_step="log in to AWS, or set AWS_PROFILE, and try again")
    if isinstance(error, ConnectionError | HTTPClientError):
        return Transient(f"{doing}: {error}")
    return OperationFailed(f"{doing}: {error}")


@contextmanager
def aws_call(doing: str) -> Iterator[None]:
    """Within it, failures of botocore come out as PipelineError, saying what was being done."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate_aws_error(error, doing) from error
