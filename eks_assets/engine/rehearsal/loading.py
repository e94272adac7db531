"""Loads a live cluster's objects into the copy's API server, and takes stock of what is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from eks_assets.engine.rehearsal.live import is_made
from resources.context import Context
from resources.kubernetes.errors import kubernetes_call
from resources.kubernetes.metadata import list_metadata, served_kinds
from resources.kubernetes.objects import as_it_came, describe_object, read_object
from resources.model.errors import AccessDenied, NotFound, PipelineError, Transient

Object = dict[str, Any]
_WIDTH, _ATTEMPTS, _AGAIN = 8, 5, 0.5
_CRD = "CustomResourceDefinition"
_WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
_HELMS = "sh.helm.release.v1."  # what helm keeps of each revision
_RELEASE = "meta.helm.sh/release-name"
_SERVERS = ("uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "deletionTimestamp")


def load_objects(context: Context, objects: list[Object]) -> dict[str, Any]:
    """Make each object that the copy's own deploy has not made; definitions that are there get the live versions.
    Definitions come before what is of them, webhooks last. Returns which were loaded, and which were refused and
    why."""
    refused: dict[str, str] = {}
    loaded: list[str] = []
    with ThreadPoolExecutor(_WIDTH) as pool:
        for kinds in (("Namespace",), (_CRD,), None, _WEBHOOKS):
            group = [o for o in objects if _belongs(str(o["kind"]), kinds)]
            for obj, why in zip(group, pool.map(partial(_load, context), group), strict=True):
                if why is None:
                    loaded.append(title_of(obj))
                elif why:
                    refused[title_of(obj)] = why
    return {"loaded": loaded, "refused": refused}


def _belongs(kind: str, kinds: tuple[str, ...] | None) -> bool:
    return kind in kinds if kinds else kind not in ("Namespace", _CRD, *_WEBHOOKS)


def _load(context: Context, obj: Object) -> str | None:
    """None where it was loaded, an empty text where there was nothing to do, else why it was refused."""
    try:
        present = read_object(context.cluster, obj)
        if present is None:
            _create(context, obj)
        elif obj["kind"] == _CRD and _versions(present) != _versions(obj):
            _replace_definition(context, obj)
        else:
            return ""
    except PipelineError as error:
        return error.message
    return None


def _versions(definition: Object) -> tuple[Any, Any]:
    return definition["spec"]["versions"], (definition.get("status") or {}).get("storedVersions")


def _create(context: Context, obj: Object) -> None:
    metadata = {k: v for k, v in obj["metadata"].items() if k not in (*_SERVERS, "managedFields")}
    body = {k: v for k, v in obj.items() if k != "status"} | {"metadata": metadata}
    with kubernetes_call(f"loading {describe_object(obj)}"):
        resource = context.cluster.kind(obj["apiVersion"], obj["kind"])
        resource.create(body=_placed(body), namespace=metadata.get("namespace"), serializer=as_it_came)
    _patiently(lambda: _take_managers(context, obj))
    if obj["kind"] == _CRD:
        _store_versions(context, obj)


def _patiently(work: Callable[[], None]) -> None:
    """Again, where something else has changed the object at the same time, or the API server is busy."""
    for left in reversed(range(_ATTEMPTS)):
        try:
            work()
            return
        except Transient:
            if not left:
                raise
            time.sleep(_AGAIN)


def _take_managers(context: Context, obj: Object, changes: Mapping[str, Any] | None = None) -> None:
    """Write the object of the copy with the live one's field managers, so that who applies it next removes what he
    would live. A manager who changes nothing gets no fields of his own."""
    present = read_object(context.cluster, obj)
    managers = obj["metadata"].get("managedFields")
    if present is None or not managers:
        return
    body = {**present, **(changes or {}), "metadata": {**present["metadata"], "managedFields": managers}}
    with kubernetes_call(f"loading the field managers of {describe_object(obj)}"):
        resource = context.cluster.kind(obj["apiVersion"], obj["kind"])
        resource.replace(body=body, namespace=obj["metadata"].get("namespace"), serializer=as_it_came)


def _placed(body: Object) -> Object:
    """A Service gets an address of the copy's own network, a claim a volume of its own."""
    drop = {"Service": ("clusterIP", "clusterIPs"), "PersistentVolumeClaim": ("volumeName",)}.get(str(body["kind"]), ())
    if drop and body.get("spec", {}).get("clusterIP") != "None":
        return {**body, "spec": {k: v for k, v in body["spec"].items() if k not in drop}}
    return body


def _replace_definition(context: Context, obj: Object) -> None:
    def write() -> None:
        present = read_object(context.cluster, obj) or obj
        _take_managers(context, obj, {"spec": {**present["spec"], "versions": obj["spec"]["versions"]}})

    # Twice: the first write makes whoever writes the manager of what it changes.
    for _ in range(2):
        _patiently(write)
    _store_versions(context, obj)


def _store_versions(context: Context, obj: Object) -> None:
    stored = (obj.get("status") or {}).get("storedVersions")
    if not stored:
        return
    with kubernetes_call(f"loading the stored versions of {describe_object(obj)}"):
        context.cluster.api.request(
            "patch",
            f"/apis/{obj['apiVersion']}/customresourcedefinitions/{obj['metadata']['name']}/status",
            body={"status": {"storedVersions": stored}},
            content_type="application/merge-patch+json",
        )


def take_stock(context: Context) -> dict[str, dict[str, Any]]:
    """Every object of the cluster that people and releases make, by its title: `uid` and `generation` tell whether it
    changed, `release` whose it is."""
    stock: dict[str, dict[str, Any]] = {}
    for kind in served_kinds(context.cluster):
        if is_made(kind):
            continue
        try:
            for item in list_metadata(context.cluster, kind):
                if not item["metadata"]["name"].startswith(_HELMS):
                    stock[title_of(item)] = _stock_of(item["metadata"])
        except (NotFound, AccessDenied):
            continue
    return stock


def title_of(item: Mapping[str, Any]) -> str:
    """`Kind/namespace/name`, as the fields of a plan name an object."""
    meta = item["metadata"]
    return "/".join(part for part in (str(item["kind"]), meta.get("namespace"), meta["name"]) if part)


def _stock_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "uid": meta.get("uid"),
        "generation": meta.get("generation"),
        "owned": bool(meta.get("ownerReferences")),
        "release": (meta.get("annotations") or {}).get(_RELEASE, ""),
    }
