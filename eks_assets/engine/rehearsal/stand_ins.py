"""Stand-ins of the same shape for the values of Secrets, and the scanner that proves that no value is left. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import string
from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle
from typing import Any

Object = dict[str, Any]
_SHORTEST = 6  # what is shorter stands in any text, and proves nothing
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def with_stand_ins(secret: Mapping[str, Any]) -> tuple[Object, tuple[str, ...]]:
    """The Secret with a stand-in for each value, and the real values as text. What kubectl has noted of the last apply
    holds the values, too: it is left out."""
    values = tuple(_decoded(value) for value in (secret.get("data") or {}).values())
    data = {key: _encoded(stand_in(_decoded(value))) for key, value in (secret.get("data") or {}).items()}
    annotations = {k: v for k, v in (secret["metadata"].get("annotations") or {}).items() if k != _LAST_APPLIED}
    metadata = {**secret["metadata"], "annotations": annotations}
    return {**secret, "metadata": metadata, "data": data}, values


def stand_in(value: str) -> str:
    """Text of the same shape: letters for letters, digits for digits, everything else as it is; JSON stays JSON with
    its keys. The same value has the same stand-in."""
    try:
        document = json.loads(value)
    except ValueError:
        return _replaced(value)
    return json.dumps(_inside(document)) if isinstance(document, dict | list) else _replaced(value)


def _inside(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _inside(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_inside(value) for value in document]
    return _replaced(document) if isinstance(document, str) else document


def _replaced(value: str) -> str:
    noise = cycle(hashlib.sha256(value.encode()).digest())

    def swap(char: str) -> str:
        for letters in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
            if char in letters:
                # Never the same character: the stand-in differs from the value in each of them.
                return letters[(letters.index(char) + 1 + next(noise) % (len(letters) - 1)) % len(letters)]
        return char

    return "".join(map(swap, value))


def find_values(objects: Iterable[Mapping[str, Any]], values: Iterable[str]) -> Iterator[str]:
    """`Kind namespace/name` of each object in which one of the real values stands: as it is, or in base64, as one of
    its texts or within one."""
    needles = {form for value in values if len(value) >= _SHORTEST for form in (value, _encoded(value))}
    for obj in objects:
        if any(needle in text for text in _texts(obj) for needle in needles):
            meta = obj["metadata"]
            yield f"{obj['kind']} {'/'.join(filter(None, (meta.get('namespace'), meta['name'])))}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def make_up_secrets(objects: Iterable[Mapping[str, Any]], known: Iterable[tuple[str, str]]) -> list[Object]:
    """Secrets for what refers to some by name and is in none of the `known` ones (namespace, name): with the keys that
    are asked for, and stand-ins as values."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for obj in objects:
        namespace = obj["metadata"].get("namespace")
        for name, key in _references(obj) if namespace else ():
            wanted.setdefault((namespace, name), set()).update({key} if key else ())
    known = set(known)
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "data": {key: _encoded("stand-in") for key in sorted(keys)},
        }
        for (namespace, name), keys in sorted(wanted.items())
        if (namespace, name) not in known
    ]


def _references(value: Any) -> Iterator[tuple[str, str]]:
    """The names of Secrets in a pod's template, each with the key that is read of it, if one is."""
    if isinstance(value, Mapping):
        for field, inner in value.items():
            if field == "secretKeyRef" and isinstance(inner, Mapping) and inner.get("name"):
                yield inner["name"], inner.get("key", "")
            elif field == "secretRef" and isinstance(inner, Mapping) and inner.get("name"):
                yield inner["name"], ""
            elif field == "secret" and isinstance(inner, Mapping) and inner.get("secretName"):
                yield inner["secretName"], ""
            elif field == "imagePullSecrets" and isinstance(inner, list):
                yield from ((one["name"], "") for one in inner if one.get("name"))
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _decoded(value: str) -> str:
    """What a Secret holds under a key; bytes that are no text are letters, as many."""
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return value


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
