"""Hashes that stand for secrets: only who has the key can try what they are of."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any


def keyed_hash(key: bytes, what: str, value: Any) -> str:
    """`hmac-sha256:` and the HMAC of a value in JSON types. `what`: what it is the value of, so that the same secret in
    two places has two hashes."""
    # Not RFC 8785, which has no large integers: a secret may be one.
    text = json.dumps([what, _in_order(value)], default=str)
    return f"hmac-sha256:{hmac.new(key, text.encode(errors='surrogatepass'), hashlib.sha256).hexdigest()}"


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _in_order(value[name]) for name in sorted(value, key=str)}
    return [_in_order(item) for item in value] if isinstance(value, list | tuple) else value
