"""Deletes Kubernetes objects and waits until they are gone, saying what holds one that stays.

Source: Kubernetes documentation, "Garbage Collection > Cascading deletion".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Literal

from resources.context import Context
from resources.kubernetes.errors import kubernetes_call
from resources.kubernetes.finalizers import describe_hold, describe_remedy
from resources.kubernetes.live_diff import HELM
from resources.kubernetes.objects import FIELD_MANAGER, Object, describe_object, read_object
from resources.model.errors import NotFound, WaitTimeout
from resources.support.polling import Poll, wait_until

Policy = Literal["Foreground", "Background"]
# Kinds that own others: they are gone when those are, too.
OWNING = frozenset({"ApplicationSet", "CronJob", "DaemonSet", "Deployment", "Job", "NodePool", "StatefulSet"})
_ALWAYS_THERE = frozenset({"default", "kube-node-lease", "kube-public", "kube-system"})
_OURS = (FIELD_MANAGER, HELM)
_INTERVAL = 1.0


def remove_objects(objects: Sequence[Object], context: Context, deadline: float) -> None:
    """Delete live objects, and wait until none of them is left. `deadline`: seconds for all of them.

    Raises WaitTimeout, which names what holds an object and the command to look at it; AccessDenied, Transient."""
    for obj in objects:
        if not obj["metadata"].get("deletionTimestamp"):
            delete_object(obj, context)
    wait_until_gone(objects, context, deadline)


def delete_object(live: Object, context: Context, policy: Policy | None = None) -> None:
    """Ask the API server to delete an object, with `policy` for what it owns; one that is gone is no error."""
    name, meta = describe_object(live), live["metadata"]
    context.progress(f"removing {name}")
    context.before_change()
    policy = policy or ("Foreground" if live["kind"] in OWNING else "Background")
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
    with suppress(NotFound), kubernetes_call(f"removing {name}"):
        resource = context.cluster.kind(live["apiVersion"], live["kind"])
        resource.delete(name=meta["name"], namespace=meta.get("namespace"), body=options)


def wait_until_gone(objects: Iterable[Object], context: Context, deadline: float) -> None:
    """Wait until these very objects are gone: one of the same name that is made anew is another. Raises as
    `remove_objects` does."""
    left = list(objects)

    def poll() -> Poll[bool]:
        left[:] = [live for obj in left if (live := find_same(obj, context)) is not None]
        if not left:
            return Poll(True, "gone")
        more = f", and {len(left) - 1} more" if len(left) > 1 else ""
        return Poll(None, f"{describe_object(left[0])}{more}: {describe_hold(left[0])}")

    try:
        wait_until(poll, what="removing", deadline=deadline, interval=_INTERVAL, progress=context.progress)
    except WaitTimeout:
        held = "; ".join(f"{describe_object(obj)}: {describe_hold(obj)}" for obj in left[:5])
        more = f"; and {len(left) - 5} more" if len(left) > 5 else ""
        raise WaitTimeout(
            f"still there {deadline:.0f} s after the deletion: {held}{more}", next_step=describe_remedy(left[0])
        ) from None


def find_same(obj: Object, context: Context) -> Object | None:
    """The live object, where it is still the same one."""
    live = read_object(context.cluster, obj)
    is_same = live is not None and live["metadata"].get("uid") == obj["metadata"].get("uid")
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], **live} if live is not None and is_same else None


def kept_because(live: Object) -> str:
    """Why an object that we apply stays where what we applied goes; empty where it goes too. A namespace takes
    everything in it along, so only one that we made goes."""
    if live["kind"] != "Namespace":
        return ""
    if live["metadata"]["name"] in _ALWAYS_THERE:
        return "Kubernetes makes it"
    maker = _maker(live["metadata"])
    return f"{maker} made it, not we" if maker else ""


def _maker(meta: dict[str, Any]) -> str:
    """Who else wrote the object when it was made; empty where nobody did. helm is ours, too."""
    entries = meta.get("managedFields") or ()
    others = [e for e in entries if e.get("manager") not in _OURS and not e.get("subresource")]
    return next((str(e["manager"]) for e in others if e.get("time") == meta["creationTimestamp"]), "")
