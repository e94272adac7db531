"""The key of hashes that stand for secrets: `keys/digest.json` of the ledger, 32 random bytes, written once.

A hash without a key can be guessed, where the secret can: whoever sees it tries what people choose. Who may read this
object still can; that is the deployer, and nobody else by bootstrap's policies.
"""

from __future__ import annotations

import json
import secrets

from resources.context import Context
from resources.model.errors import AccessDenied, NotFound, OperationFailed
from resources.records.ledger import list_versions, read_key, write_once
from resources.support.memory_cache import CacheKey

KEY = "keys/digest.json"
_BYTES = 32
_DIGEST_KEY: CacheKey[bytes | None] = CacheKey("key of hashes that stand for secrets")


def create_digest_key(context: Context) -> None:
    """Write the environment's key, unless it has one. Raises NotFound without a ledger, AccessDenied, Transient."""
    if load_digest_key(context) is None:
        write_once(context, KEY, {"key": secrets.token_hex(_BYTES)})
        context.cache.invalidate(_DIGEST_KEY)


def load_digest_key(context: Context) -> bytes | None:
    """The environment's key; None where there is none yet, and for those who may not read it. Raises OperationFailed
    for something else in its place, Transient."""
    return context.cache.get(_DIGEST_KEY, lambda: _read(context))


def _read(context: Context) -> bytes | None:
    try:
        # What was written first counts, whatever has been written over it.
        versions = [version for key, version in list_versions(context, KEY) if key == KEY]
        text = read_key(context, KEY, versions[0], limit=1000) if versions else None
    except (NotFound, AccessDenied):
        return None
    if text is None:
        return None
    try:
        key = bytes.fromhex(json.loads(text)["key"])
    except (ValueError, TypeError, KeyError, RecursionError):
        key = b""
    if len(key) != _BYTES:
        raise OperationFailed(
            f"{KEY} in the ledger holds no key of {_BYTES} bytes",
            next_step="find out who wrote it; an administrator deletes it, and the next deploy writes another",
        )
    return key
