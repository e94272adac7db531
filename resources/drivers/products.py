"""Removes what a controller made, by deleting its objects while it runs: it clears up in AWS behind each of them.

Where the controller is dead, nobody takes its finalizers away. We do then, and say so: what it would have cleared up in
AWS is found there, by its tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from resources.context import Context
from resources.drivers.manifests import deadline_of
from resources.drivers.object_removal import delete_object, find_same, remove_objects, wait_until_gone
from resources.kubernetes.errors import kubernetes_call
from resources.kubernetes.objects import Object, describe_object, list_objects, read_object
from resources.model.errors import NotFound, WaitTimeout
from resources.model.products import ProductKind, Products
from resources.model.removal import Kept, Removal, Removed
from resources.support.polling import Poll, wait_until

PATIENCE = 30.0  # seconds in which a controller that restarts is back
_RETAIN, _FOREGROUND = "Retain", "foregroundDeletion"


def plan_products(products: Products, context: Context, *, delete_data: bool) -> Removal:
    """What there is of them, and the volumes that are kept. Changes nothing. Raises AccessDenied, Transient."""
    removes = [
        Removed(describe_object(obj), f"{kind.becomes} along with it, by {products.controller}", is_passing=True)
        for kind in products.kinds
        for obj in _live(kind, context)
    ]
    retained = list(_retained(products, context))
    if delete_data:
        removes += [Removed(describe_object(obj), f"with {_volume(obj)}, which it retains") for obj in retained]
        return Removal(tuple(removes))
    kept = (Kept(f"{describe_object(obj)}: {_volume(obj)}", "its reclaim policy is Retain") for obj in retained)
    return Removal(tuple(removes), tuple(kept))


def list_roots(products: Products, context: Context) -> list[str]:
    """Those that nobody's controller made of another one of them: whoever declared them still wants them. Raises as
    `plan_products`."""
    every = [obj for kind in products.kinds for obj in _live(kind, context)]
    made = {obj["metadata"]["uid"] for obj in every}
    return [
        describe_object(obj)
        for obj in every
        if not made & {owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ()}
    ]


def remove_products(products: Products, context: Context, *, delete_data: bool, is_managed: bool = False) -> None:
    """Delete them kind by kind, and wait for each until the controller has cleared up. `is_managed`: EKS runs the
    controller, and no pod shows it.

    Raises WaitTimeout, naming what holds an object; AccessDenied, Transient."""
    if delete_data:
        for volume in _retained(products, context):
            _let_go(volume, context)
    if not is_managed and remove_for_the_dead(products, context):
        return
    for kind in products.kinds:
        objects = list(_live(kind, context))
        remove_objects(objects, context, max((deadline_of(obj, context) for obj in objects), default=0.0))


def remove_for_the_dead(products: Products, context: Context) -> bool:
    """Where there are any and their controller has no ready pod, delete them without it; whether that was so. Raises
    as `remove_products` does."""
    objects_by_kind = {kind: list(_live(kind, context)) for kind in products.kinds}
    count = sum(map(len, objects_by_kind.values()))
    if not count or _is_alive(products, context):
        return False
    context.progress(
        f"{products.controller} is dead, so {count} of its objects go without it; what it made of them in AWS is "
        "looked for there, by its tags"
    )
    every = [obj for objects in objects_by_kind.values() for obj in objects]
    for obj in every:
        delete_object(obj, context, policy="Background")
    for kind, objects in objects_by_kind.items():
        for obj in objects:
            _take_finalizers(obj, kind.finalizers, context)
    wait_until_gone(every, context, context.env.deadlines.release)
    return True


def _live(kind: ProductKind, context: Context) -> Iterator[Object]:
    return (obj for obj in list_objects(context.cluster, kind.api_version, kind.kind) if kind.includes(obj))


def _retained(products: Products, context: Context) -> Iterator[Object]:
    """The PersistentVolumes that stay when their claims go."""
    if all(kind.kind != "PersistentVolume" for kind in products.kinds):
        return iter(())
    volumes = list_objects(context.cluster, "v1", "PersistentVolume")
    return (obj for obj in volumes if obj["spec"].get("persistentVolumeReclaimPolicy") == _RETAIN)


def _volume(volume: Object) -> str:
    handle = (volume["spec"].get("csi") or {}).get("volumeHandle")
    return f"volume {handle}" if handle else "its volume"


def _let_go(volume: Object, context: Context) -> None:
    """Have a volume deleted with its PersistentVolume, as if it had been made so."""
    context.progress(f"{describe_object(volume)}: its data is to be deleted, so it is no longer retained")
    context.before_change()
    with suppress(NotFound), kubernetes_call(f"changing the reclaim policy of {describe_object(volume)}"):
        context.cluster.kind("v1", "PersistentVolume").patch(
            body={"spec": {"persistentVolumeReclaimPolicy": "Delete"}},
            name=volume["metadata"]["name"],
            content_type="application/merge-patch+json",
        )


def _is_alive(products: Products, context: Context) -> bool:
    """Whether the controller runs, or comes back soon."""

    def poll() -> Poll[bool]:
        ready = [w for w in products.controllers if _ready_pods(w.kind, w.namespace, w.name, context)]
        return Poll(True if ready else None, f"no pod of {products.controller} is ready")

    try:
        return wait_until(poll, what=products.name, deadline=PATIENCE, interval=2, progress=context.progress)
    except WaitTimeout:
        return False


def _ready_pods(kind: str, namespace: str, name: str, context: Context) -> int:
    metadata = {"namespace": namespace, "name": name}
    live = read_object(context.cluster, {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata})
    return int(((live or {}).get("status") or {}).get("readyReplicas") or 0)


def _take_finalizers(obj: Object, own: Iterable[str], context: Context) -> None:
    """Take away the controller's own finalizers, and nobody else's."""
    live = find_same(obj, context)
    finalizers = (live["metadata"].get("finalizers") or []) if live else []
    kept = [name for name in finalizers if not name.startswith((*own, _FOREGROUND))]
    if live is None or kept == finalizers:
        return
    meta = live["metadata"]
    patch = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": kept or None}}
    context.before_change()
    with suppress(NotFound), kubernetes_call(f"taking the finalizer of {describe_object(obj)}"):
        context.cluster.kind(obj["apiVersion"], obj["kind"]).patch(
            body=patch,
            name=meta["name"],
            namespace=meta.get("namespace"),
            content_type="application/merge-patch+json",
        )
