"""Reading and server-side applying Kubernetes objects as plain dictionaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from kubernetes.client.exceptions import ApiException

from resources.kubernetes.access import ClusterAccess
from resources.kubernetes.errors import changed_by_hand, kubernetes_call
from resources.kubernetes.pages import PAGE, read_pages
from resources.model.errors import NotFound

FIELD_MANAGER = "eks-assets"
Object = dict[str, Any]


def describe_object(obj: Mapping[str, Any]) -> str:
    """`Kind namespace/name`, as messages name an object."""
    meta = obj.get("metadata", {})
    name = "/".join(part for part in (meta.get("namespace"), meta.get("name")) if part)
    return f"{obj.get('kind')} {name}"


def as_it_came(_: object, answer: Object) -> Object:
    """An answer as it came; the client's own objects would be made of it, and be taken apart again."""
    return answer


def read_object(cluster: ClusterAccess, obj: Mapping[str, Any]) -> Object | None:
    """The live object of the same kind, namespace and name; None where it (or its kind) does not exist."""
    meta = obj["metadata"]
    try:
        with kubernetes_call(f"reading {describe_object(obj)}"):
            resource = cluster.kind(obj["apiVersion"], obj["kind"])
            live: Object = resource.get(name=meta["name"], namespace=meta.get("namespace"), serializer=as_it_came)
            return live
    except NotFound:
        return None


def list_objects(
    cluster: ClusterAccess, api_version: str, kind: str, *, namespace: str | None = None, labels: str | None = None
) -> list[Object]:
    """All live objects of a kind; empty where the kind does not exist. `labels`: a label selector."""
    return list(list_pages(cluster, api_version, kind, namespace=namespace, labels=labels))


def list_pages(
    cluster: ClusterAccess, api_version: str, kind: str, *, namespace: str | None = None, labels: str | None = None
) -> Iterator[Object]:
    """As `list_objects`, one by one, with two pages of them at a time in memory. Raises AccessDenied, Transient."""

    def read(more: str | None) -> Mapping[str, Any]:
        with kubernetes_call(f"listing {kind}"):
            resource = cluster.kind(api_version, kind)
            page: Mapping[str, Any] = resource.get(
                namespace=namespace, label_selector=labels, limit=PAGE, _continue=more, serializer=as_it_came
            )
            return page

    try:
        for item in read_pages(read):
            yield {"apiVersion": api_version, "kind": kind, **item}
    except NotFound:
        return


def apply_object(
    cluster: ClusterAccess, obj: Mapping[str, Any], *, manager: str = FIELD_MANAGER, dry_run: bool = False
) -> None:
    """Server-side apply. Fields that somebody changed by hand are taken back.

    Raises OperationFailed where another manager applies a field too, AccessDenied, NotFound, Transient."""
    meta = obj["metadata"]
    with kubernetes_call(f"applying {describe_object(obj)}"):
        resource = cluster.kind(obj["apiVersion"], obj["kind"])
        send = partial(
            cluster.api.server_side_apply,
            resource,
            body=dict(obj),
            name=meta["name"],
            namespace=meta.get("namespace"),
            field_manager=manager,
            **({"dry_run": "All"} if dry_run else {}),
            serialize=False,
        )
        try:
            send()
        except ApiException as error:
            if not changed_by_hand(error):
                raise
            send(force_conflicts=True)


def find_condition(obj: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The status condition of that type."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c.get("type") == kind), None)
