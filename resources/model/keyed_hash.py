"""Hashes that stand for secrets: only who has the key can try what they are of."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import rfc8785


def keyed_hash(key: bytes, what: str, value: Any) -> str:
    """`hmac-sha256:` and the HMAC of a value in JSON types. `what`: what it is the value of, so that the same secret in
    two places has two hashes."""
    return f"hmac-sha256:{hmac.new(key, rfc8785.dumps([what, value]), hashlib.sha256).hexdigest()}"
