"""A transcript of every call to AWS, without what belongs to nobody else: for `make smoke-aws`, whose transcripts are
replayed against the embedded AWS.

Where the variable EKS_ASSETS_TRANSCRIPT names a file, each process appends a line for each call. Accounts, people,
public addresses, e-mail addresses and the values of secrets are taken out before a line is written; calls of STS, whose
answers are credentials, have none.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

VARIABLE = "EKS_ASSETS_TRANSCRIPT"
ACCOUNT = "000000000000"
TIME, SECRET, BYTES = "(time)", "(secret)", "(bytes)"
_PARAMETERS = "eks_assets_parameters"  # of a call, kept in botocore's context of it
_SILENT = ("sts",)
_SECRET_KEYS = frozenset(
    [
        "SecretString",
        "SecretBinary",
        "Plaintext",
        "CiphertextBlob",
        "Password",
        "RandomPassword",
        "Token",
        "AuthorizationToken",
        "SecretAccessKey",
        "SessionToken",
        "KeyMaterial",
    ]
)
# Digits at the end of a UUID are no account, nor are those among letters.
_ACCOUNT = re.compile(
    r"(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|(?<![0-9A-Za-z])\d{12}(?![0-9A-Za-z])", re.IGNORECASE
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
_PEOPLE = re.compile(r"(:(?:user|assumed-role/AWSReservedSSO_[^/]+)/)[^\"\s/]+")
_KEY_IDS = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b")


class Events(Protocol):
    """A botocore session, or the events of a client."""

    def register(self, event_name: str, handler: Callable[..., None], /) -> Any: ...


def record_calls(events: Events) -> None:
    """Has the calls of a session or client recorded, where the variable names a file."""
    if name := os.environ.get(VARIABLE):
        recorder = _Recorder(Path(name))
        events.register("before-parameter-build", recorder.keep_parameters)
        events.register("after-call", recorder.write)


class _Recorder:
    def __init__(self, file: Path) -> None:
        self._file = file

    def keep_parameters(self, params: Any, context: dict[str, Any], **_: Any) -> None:
        context[_PARAMETERS] = sanitise_values(params)

    def write(self, parsed: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        service = model.service_model.service_name
        if service in _SILENT:
            return
        call: dict[str, Any] = {
            "service": service,
            "operation": model.name,
            "request": context.get(_PARAMETERS, {}),
        }
        if error := parsed.get("Error"):
            call["error"] = sanitise_values({"Code": error.get("Code"), "Message": error.get("Message")})
        else:
            call["response"] = sanitise_values({k: v for k, v in parsed.items() if k != "ResponseMetadata"})
        line = (json.dumps(call, sort_keys=True) + "\n").encode()
        descriptor = os.open(self._file, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            os.write(descriptor, line)  # at once: other processes append too
        finally:
            os.close(descriptor)


def sanitise_values(value: Any) -> Any:
    """The value as JSON has it, without what belongs to nobody else."""
    if isinstance(value, Mapping):
        is_secret = value.get("Type") == "SecureString"
        return {
            str(key): SECRET if key in _SECRET_KEYS or (is_secret and key == "Value") else sanitise_values(member)
            for key, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [sanitise_values(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return _text(bytes(value).decode()) if _is_text(bytes(value)) else BYTES
    if isinstance(value, datetime):
        return TIME
    if isinstance(value, str):
        return _text(value)
    return value if isinstance(value, bool | int | float | None) else BYTES


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _text(text: str) -> str:
    text = _ACCOUNT.sub(lambda match: match["uuid"] or ACCOUNT, text)
    text = _EMAIL.sub("someone@example.com", text)
    text = _PEOPLE.sub(r"\1someone", text)
    text = _KEY_IDS.sub(r"\1EXAMPLE", text)
    return _ADDRESS.sub(lambda match: "203.0.113.1" if _is_global(match[0]) else match[0], text)


def _is_global(text: str) -> bool:
    try:
        return ipaddress.IPv4Address(text).is_global
    except ValueError:
        return False
