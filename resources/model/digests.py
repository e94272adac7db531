"""One text for one document, and its hash: what an approval, a ledger entry or a commit names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785


def digest_of(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """`sha256:` and the SHA-256 of the document as RFC 8785 JSON."""
    return f"sha256:{hex_digest_of(document)}"


def hex_digest_of(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """The SHA-256 of the document as RFC 8785 JSON, 64 hexadecimal characters."""
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()
