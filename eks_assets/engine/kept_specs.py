"""Specs in the ledger, each once under its own digest: `specs/<sha256>.json`, what an entry of a change refers to.

Whatever is secret, by its name, by how it looks or because it becomes part of a Secret, stands there as its keyed hash.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from eks_assets.plan.document import to_json
from eks_assets.plan.keyed import without_secrets
from resources.context import Context
from resources.model.digests import hex_digest_of
from resources.model.errors import PipelineError
from resources.model.outputs import plain_document
from resources.model.specs import Spec
from resources.records.digest_key import create_digest_key, load_digest_key
from resources.records.ledger import write_once


def keep_spec(context: Context, spec: Spec[Any], secrets: Collection[str]) -> str | None:
    """Keep what is applied, and return its digest. `secrets`: what else is secret, in whatever text it stands. None,
    and said, where it cannot be kept: what is applied is in AWS or the cluster all the same."""
    try:
        document = _without_secrets(context, spec, secrets)
        digest = hex_digest_of(document)
        write_once(context, f"specs/{digest}.json", document)
    except (PipelineError, ValueError) as error:  # ValueError: RFC 8785 has no form for a number of 20 digits
        reason = error.message if isinstance(error, PipelineError) else "it is no RFC 8785 JSON"
        context.progress(f"the ledger does not keep this spec: {reason}")
        return None
    return f"sha256:{digest}"


def _without_secrets(context: Context, spec: Spec[Any], secrets: Collection[str]) -> dict[str, Any]:
    kind = type(spec).__name__.partition("[")[0]
    document = {"type": kind, "spec": to_json(plain_document(spec.model_dump(mode="python")))}
    hidden: dict[str, Any] = without_secrets(document, None, secrets)
    if hidden != document:
        if load_digest_key(context) is None:
            create_digest_key(context)
        hidden = without_secrets(document, load_digest_key(context), secrets)
    return hidden
