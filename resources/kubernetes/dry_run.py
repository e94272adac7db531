"""A server-side dry-run of everything that is about to be applied, so that an object that the cluster would refuse
stops a unit before its first write. Kubernetes authorises it as a write: it belongs under the lease, not into a plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kubernetes.dynamic.exceptions import ResourceNotFoundError

from resources.kubernetes.access import ClusterAccess
from resources.kubernetes.objects import FIELD_MANAGER, apply_object
from resources.model.errors import NotFound, OperationFailed, Transient

WIDTH = 8
# A webhook with side effects cannot be asked; the API server says so.
_NO_DRY_RUN = "does not support dry run"


def dry_run_objects(
    objects: Iterable[Mapping[str, Any]],
    cluster: ClusterAccess,
    *,
    manager: str = FIELD_MANAGER,
    namespace: str | None = None,
) -> None:
    """Try to apply each object, changing nothing. `namespace`: of those that name none and need one.

    What only comes to be on the way (a kind whose CRD is among the objects, a namespace) cannot be tried. Raises
    OperationFailed or AccessDenied, with every refusal, before anything is written."""
    with ThreadPoolExecutor(WIDTH, thread_name_prefix="rehearse") as pool:
        tries = pool.map(lambda obj: _try(_placed(obj, namespace, cluster), cluster, manager), objects)
        refusals = [refusal for refusal in tries if refusal is not None]
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        messages = "\n  ".join(refusal.message for refusal in refusals)
        raise OperationFailed(f"nothing was applied:\n  {messages}", next_step=refusals[0].next_step)


def _placed(obj: Mapping[str, Any], namespace: str | None, cluster: ClusterAccess) -> Mapping[str, Any]:
    if namespace is None or obj["metadata"].get("namespace"):
        return obj
    try:
        needs_one = cluster.kind(obj["apiVersion"], obj["kind"]).namespaced
    except ResourceNotFoundError:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}} if needs_one else obj


def _try(obj: Mapping[str, Any], cluster: ClusterAccess, manager: str) -> OperationFailed | None:
    try:
        apply_object(cluster, obj, manager=manager, dry_run=True)
    except (NotFound, Transient):
        return None
    except OperationFailed as error:
        return None if _NO_DRY_RUN in error.message else error
    return None
