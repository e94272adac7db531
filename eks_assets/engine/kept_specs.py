"""Specs in the ledger, each once under its own digest: `specs/<sha256>.json`, what an entry of a change refers to.

Whatever is secret, by its name, by how it looks or because it becomes part of a Secret, stands there as its keyed hash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from eks_assets.plan.document import to_json
from eks_assets.plan.keyed import without_secrets
from resources.context import Context
from resources.model.change import MASK
from resources.model.digests import hex_digest_of
from resources.model.errors import NotShown, OperationFailed, PipelineError
from resources.model.keyed_hash import keyed_hash
from resources.model.outputs import plain_document
from resources.model.specs import SPEC_TYPES, Spec
from resources.records.digest_key import create_digest_key, load_digest_key
from resources.records.ledger import read_key, write_once

_SPECS, HELD = "specs", "held"
# Fields of specs that say how something is applied, not what.
_HOW = ("timeout", "on_failure", "may_replace", "lowers_version")
# Fields that name what another unit makes: that unit's hold says which.
_FOLLOWING = ("tree", "commit")
_HASH = re.compile(r"hmac-sha256:[0-9a-f]{64}|" + re.escape(MASK))


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


def is_kept_spec(context: Context, digest: str, spec: Spec[Any], folder: str = _SPECS) -> bool:
    """Whether the spec wants what the one wants that is kept under this digest, however either is applied. A field that
    the spec's type did not have then counts as its default; a secret is the same for a planner, who cannot tell. Raises
    NotFound, AccessDenied, Transient."""
    kept = load_kept_spec(context, digest, folder)
    document, key = _document(spec), load_digest_key(context)
    defaults = {name: field.get_default() for name, field in type(spec).model_fields.items() if not field.is_required()}
    then, now = {**_json(defaults), **kept["spec"]}, without_secrets(document, key)["spec"]
    is_blind = key is None and context.aws.planning
    return bool(kept["type"] == document["type"]) and _is_same(_wanted(then), _wanted(now), key, is_blind=is_blind)


def _wanted(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in _HOW}


def _is_same(kept: Any, now: Any, key: bytes | None, *, is_blind: bool) -> bool:
    """Whether both are the same; what was known to be secret when it was kept stands there as its hash."""
    if isinstance(kept, dict) and isinstance(now, dict):
        return kept.keys() == now.keys() and all(_is_same(kept[n], now[n], key, is_blind=is_blind) for n in kept)
    if isinstance(kept, list) and isinstance(now, list):
        pairs = zip(kept, now, strict=False)
        return len(kept) == len(now) and all(_is_same(*pair, key, is_blind=is_blind) for pair in pairs)
    if is_blind and isinstance(kept, str) and _HASH.fullmatch(kept):
        return True
    return bool(kept == now or (key and kept == keyed_hash(key, "secret", now)))


def _document(spec: Spec[Any]) -> dict[str, Any]:
    return {"type": _name_of(type(spec)), "spec": _json(spec.model_dump(mode="python"))}


def _name_of(kind: type[Spec[Any]]) -> str:
    return kind.__name__.partition("[")[0]


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


def load_kept_spec(context: Context, digest: str, folder: str = _SPECS) -> dict[str, Any]:
    """The document that is kept under this digest: `type` and `spec`. Raises NotFound, AccessDenied, Transient."""
    document: dict[str, Any] = json.loads(read_key(context, f"{folder}/{digest.removeprefix('sha256:')}.json"))
    return document


def read_kept_spec(context: Context, digest: str) -> Spec[Any]:
    """The spec that is kept under this digest as it was applied, with the hashes of secrets in their places: by it what
    was applied can be found, and nothing be applied again.

    Raises OperationFailed where this version cannot read it, NotFound, AccessDenied, Transient."""
    kept = load_kept_spec(context, digest)
    kind = next((kind for kind in SPEC_TYPES if _name_of(kind) == kept["type"]), None)
    if kind is None:
        raise OperationFailed(f"this version knows no {kept['type']}")
    try:
        return kind.model_validate(kept["spec"])
    except ValidationError as error:
        raise _unreadable(error) from None


def _unreadable(error: ValidationError) -> OperationFailed:
    return OperationFailed(
        f"this version cannot read it: {error.errors(include_input=False, include_url=False)[0]['msg']}"
    )


def hold_spec(context: Context, digest: str) -> None:
    """Have it under `held/` as well, where a planner reads it; of all others it reads none. Raises NotFound,
    AccessDenied, Transient."""
    write_once(context, f"{HELD}/{digest.removeprefix('sha256:')}.json", load_kept_spec(context, digest))


def revive_spec(kept: Mapping[str, Any], now: Spec[Any], context: Context) -> Spec[Any]:
    """The spec of a kept document, applied as `now` is. What is secret is taken from `now` and the environment's files,
    where its hash agrees.

    Raises OperationFailed for what can't be revived: another type of spec, or a secret that is another by now; NotShown
    where a planner would have to know a secret; AccessDenied, Transient."""
    kind = type(now)
    if kept.get("type") != _name_of(kind):
        raise OperationFailed(f"it was a {kept.get('type')} then, and is a {_name_of(kind)} now")
    fields, missing = _with_secrets(kept["spec"], now, context)
    if missing:
        raise OperationFailed(
            f"the ledger keeps no secrets, and another one is in the files now at {', '.join(missing)}",
            next_step="put the earlier value back where the file refers to it, or correct the file instead",
        )
    how = {name: getattr(now, name) for name in (*_HOW, *_FOLLOWING) if name in kind.model_fields}
    try:
        return kind.model_validate({**fields, **how})
    except ValidationError as error:
        raise _unreadable(error) from None


def _with_secrets(fields: Any, now: Spec[Any], context: Context) -> tuple[Any, tuple[str, ...]]:
    """The fields with secrets in place of their hashes, and the paths of those that nobody knows any more."""
    if not _HASH.search(json.dumps(fields)):
        return fields, ()
    key = load_digest_key(context)
    if key is None and context.aws.planning:
        raise NotShown("it holds secrets, which the planner may not compare with the files'")
    known = _hashes(key, [_document(now), context.env.model_dump(mode="json")]) if key else {}
    missing: list[str] = []

    def fill(value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return {name: fill(below, f"{path}.{name}" if path else name) for name, below in value.items()}
        if isinstance(value, list):
            return [fill(below, f"{path}[{number}]") for number, below in enumerate(value)]
        if not isinstance(value, str) or not (hashes := _HASH.findall(value)):
            return value
        if unknown := [each for each in hashes if each not in known]:
            missing.extend([path] * len(unknown))
            return value
        if value == hashes[0]:
            return known[value]
        return _HASH.sub(lambda found: str(known[found[0]]), value)

    return fill(fields, ""), tuple(dict.fromkeys(missing))


def _hashes(key: bytes, document: Any) -> dict[str, Any]:
    """Everything in a document by the hash that would stand for it."""
    known = {keyed_hash(key, "secret", document): document}
    below = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    for each in below:
        known |= _hashes(key, each)
    return known
