"""Specs in the ledger, each once under its own digest: `specs/<sha256>.json`, what an entry of a change refers to.

Whatever is secret, by its name, by how it looks or because it becomes part of a Secret, stands there as its keyed hash.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from eks_assets.plan.document import to_json
from eks_assets.plan.keyed import without_secrets
from resources.context import Context
from resources.model.digests import hex_digest_of
from resources.model.errors import PipelineError
from resources.model.keyed_hash import keyed_hash
from resources.model.outputs import plain_document
from resources.model.specs import Spec
from resources.records.digest_key import create_digest_key, load_digest_key
from resources.records.ledger import read_key, write_once

# Fields of specs that say how something is applied, not what.
_HOW = ("timeout", "on_failure", "may_replace")


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


def is_kept_spec(context: Context, digest: str, spec: Spec[Any]) -> bool:
    """Whether the spec wants what the one wants that is kept under this digest, however either is applied. A field that
    the spec's type did not have then counts as its default. Raises NotFound, AccessDenied, Transient."""
    kept: dict[str, Any] = json.loads(read_key(context, f"specs/{digest.removeprefix('sha256:')}.json"))
    document, key = _document(spec), load_digest_key(context)
    defaults = {name: field.get_default() for name, field in type(spec).model_fields.items() if not field.is_required()}
    then, now = {**_json(defaults), **kept["spec"]}, without_secrets(document, key)["spec"]
    return bool(kept["type"] == document["type"]) and _is_same(_wanted(then), _wanted(now), key)


def _wanted(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in _HOW}


def _is_same(kept: Any, now: Any, key: bytes | None) -> bool:
    """Whether both are the same; what was known to be secret when it was kept stands there as its hash."""
    if isinstance(kept, dict) and isinstance(now, dict):
        return kept.keys() == now.keys() and all(_is_same(kept[name], now[name], key) for name in kept)
    if isinstance(kept, list) and isinstance(now, list):
        return len(kept) == len(now) and all(_is_same(*pair, key) for pair in zip(kept, now, strict=True))
    return bool(kept == now or (key and kept == keyed_hash(key, "secret", now)))


def _document(spec: Spec[Any]) -> dict[str, Any]:
    return {"type": type(spec).__name__.partition("[")[0], "spec": _json(spec.model_dump(mode="python"))}


def _json(fields: Mapping[str, Any]) -> Any:
    return to_json(plain_document(fields))


def _without_secrets(context: Context, spec: Spec[Any], secrets: Collection[str]) -> dict[str, Any]:
    document = _document(spec)
    hidden: dict[str, Any] = without_secrets(document, None, secrets)
    if hidden != document:
        if load_digest_key(context) is None:
            create_digest_key(context)
        hidden = without_secrets(document, load_digest_key(context), secrets)
    return hidden
