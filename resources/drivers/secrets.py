"""What becomes the data of Kubernetes Secrets, as far as a spec's driver has learnt it: its values are secret, whatever
they are called. Kept in memory for the life of a plan or step."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from resources.context import Context
from resources.model.outputs import plain_document
from resources.model.specs import HelmRelease, Spec
from resources.support.memory_cache import CacheKey

_DATA: CacheKey[set[str]] = CacheKey("data of Secrets, by release")


def learn_secrets(spec: HelmRelease, objects: Iterable[Mapping[str, Any]], context: Context) -> None:
    """Remember the data of the Secrets among the objects that a release's chart renders to, and those of its values
    that become a part of it and of nothing else."""
    rendered = list(objects)
    data = {text for obj in rendered if obj.get("kind") == "Secret" for text in _decoded_data(obj)}
    shown = [obj for obj in rendered if obj.get("kind") not in ("Secret", "CustomResourceDefinition")]
    public = "\0".join(text for obj in shown for text in _texts(obj))
    joined = "\0".join(data)
    parts = {text for text in _texts(plain_document(spec.values)) if text in joined and text not in public}
    _learnt(spec, context).update(data, parts)


def known_secrets(spec: Spec[Any], context: Context) -> frozenset[str]:
    """What was learnt of the spec; nothing of one that is no release."""
    return frozenset(_learnt(spec, context)) if isinstance(spec, HelmRelease) else frozenset()


def _learnt(spec: HelmRelease, context: Context) -> set[str]:
    return context.cache.get(_DATA, set, item=(spec.namespace, spec.name))


def _decoded_data(secret: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(value) for value in (secret.get("stringData") or {}).values())
    for value in (secret.get("data") or {}).values():
        yield str(value)
        with suppress(ValueError):
            yield base64.b64decode(str(value)).decode()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _texts(below)
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and str(value):
        yield str(value)
