"""The live objects of a kind, page by page: whole where helm made them, and of the others what they are known by.

A cluster may hold many more objects than are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from resources.context import Context
from resources.drivers.helm.shown_secrets import list_secrets
from resources.kubernetes.live_diff import HELM
from resources.kubernetes.objects import Object, list_pages, read_object
from resources.support.memory_cache import CacheKey

# Where it is: its namespace, or None, and its name.
Place = tuple[str | None, str]
# The size of a workload depends on those of others, too.
_WHOLE = ("HorizontalPodAutoscaler",)


@dataclass(frozen=True)
class LiveKind:
    """All objects of a kind, by place. `whole`: those that helm made; `others`: of the others their metadata, without
    the fields that somebody owns."""

    whole: dict[Place, Object] = field(default_factory=dict)
    others: dict[Place, Object] = field(default_factory=dict)

    def metadata(self) -> Iterator[Object]:
        """Every object with at least its metadata."""
        yield from self.whole.values()
        yield from self.others.values()


# To be invalidated by whoever changes objects of the cluster.
LIVE_KINDS: CacheKey[LiveKind] = CacheKey("live objects of a kind")
_READ: CacheKey[Object | None] = CacheKey("live object that helm did not make")


def live_kind(api_version: str, kind: str, context: Context) -> LiveKind:
    """Everything of the kind, listed once for what changes nothing; nothing where the kind does not exist. Without the
    Secrets of helm's releases, and of others only those that we may see. Raises AccessDenied, Transient."""

    def make() -> LiveKind:
        live = LiveKind()
        for obj in _list_all(api_version, kind, context):
            place = (obj["metadata"].get("namespace"), obj["metadata"]["name"])
            if kind in _WHOLE or _is_helms(obj):
                live.whole[place] = obj
            else:
                live.others[place] = _metadata(obj)
        return live

    return context.cache.get(LIVE_KINDS, make, item=(api_version, kind))


def live_object(obj: Mapping[str, Any], namespace: str, context: Context) -> Object | None:
    """The live object of that kind and name, in the namespace that it names or else in this one, or in none; None where
    it (or its kind) does not exist. Raises AccessDenied, Transient."""
    api_version, kind, meta = obj["apiVersion"], obj["kind"], obj["metadata"]
    live = live_kind(api_version, kind, context)
    for where in (meta.get("namespace") or namespace, None):
        place = (where, meta["name"])
        if place in live.whole:
            return live.whole[place]
        if place in live.others:
            named = {"apiVersion": api_version, "kind": kind, "metadata": {"name": meta["name"], "namespace": where}}
            read = partial(read_object, context.cluster, named)
            return context.cache.get(_READ, read, item=(api_version, kind, place))
    return None


def _list_all(api_version: str, kind: str, context: Context) -> Iterator[Object]:
    if kind == "Secret":
        # helm's own hold whole charts; storage.py reads those that matter.
        return list_secrets(context, "owner!=helm")
    return list_pages(context.cluster, api_version, kind)


def forget_objects(context: Context) -> None:
    """To be called by whoever changes objects of the cluster."""
    context.cache.invalidate(LIVE_KINDS)
    context.cache.invalidate(_READ)


def _is_helms(obj: Object) -> bool:
    return any(entry.get("manager") == HELM for entry in obj["metadata"].get("managedFields") or ())


def _metadata(obj: Object) -> Object:
    meta = {key: value for key, value in obj["metadata"].items() if key != "annotations"}
    if owned := meta.get("managedFields"):
        meta["managedFields"] = [{k: v for k, v in entry.items() if k != "fieldsV1"} for entry in owned]
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": meta}
