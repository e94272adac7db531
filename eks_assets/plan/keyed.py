"""Digests of documents that hold secrets: over the document with a keyed hash in place of each secret. Pure.

Without the key a mask stands there: then the digest covers that there is a secret, and where, but not which.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from eks_assets.plan.masking import find_secrets, hide_secrets
from eks_assets.plan.redaction import SHORT, secrets_of
from resources.model.change import MASK
from resources.model.keyed_hash import keyed_hash
from resources.model.outputs import plain_document


def secrets_in(document: Any) -> frozenset[str]:
    """The secrets of a document, as texts."""
    return secrets_of(find_secrets(plain_document(document)))


def without_secrets(document: Any, key: bytes | None, secrets: Collection[str] = ()) -> Any:
    """The document with keyed hashes in place of secrets, or masks without a `key`. `secrets`: what else is secret, in
    whatever text it stands."""
    telling = [secret for secret in secrets if len(secret) >= SHORT]

    def mask(value: Any) -> str:
        return keyed_hash(key, "secret", value) if key else MASK

    def hide(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: hide(below) for name, below in value.items()}
        if isinstance(value, list):
            return [hide(below) for below in value]
        is_one = isinstance(value, str) and (value in secrets or any(secret in value for secret in telling))
        return mask(value) if is_one else value

    hidden = hide_secrets(document, mask)
    return hide(hidden) if secrets else hidden
