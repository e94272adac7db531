"""The Secrets of the cluster that we may see: all of them, or those that the planner is shown (`planner_view.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from resources.config.planner_view import READABLE_REVISIONS, is_shown, revision_secret, shown_namespaces
from resources.context import Context
from resources.kubernetes.objects import Object, list_pages, read_object
from resources.model.errors import NotShown

NOT_SHOWN = "the planner sees no Secrets of Argo CD, nor of namespaces without a release of ours"
# helm keeps the ten newest revisions, and for longer the one that was deployed last.
_KEPT, _WIDTH = 5, 8


def list_secrets(context: Context, labels: str) -> Iterator[Object]:
    """Every Secret with these labels that we may see. Raises AccessDenied, Transient."""
    for namespace in shown_namespaces(context.env) if context.aws.planning else (None,):
        yield from list_pages(context.cluster, "v1", "Secret", namespace=namespace, labels=labels)


def is_hidden(context: Context, namespace: str | None) -> bool:
    """Whether the Secrets of that namespace are not for us to see."""
    return context.aws.planning and not is_shown(context.env, namespace)


def is_hidden_object(obj: Mapping[str, Any], namespace: str, context: Context) -> bool:
    """Whether an object of a manifest is a Secret that is not for us to see. `namespace`: of one that names none."""
    return obj.get("kind") == "Secret" and is_hidden(context, obj["metadata"].get("namespace") or namespace)


def read_revisions(context: Context, namespace: str, name: str) -> list[Object]:
    """The Secrets of a release's newest revisions, read by their names, which is a right that listing needs no other
    for; none where helm keeps none. Raises NotShown where there are newer ones than names, AccessDenied, Transient."""

    def read(revision: int) -> Object | None:
        meta = {"name": revision_secret(name, revision), "namespace": namespace}
        secret = read_object(context.cluster, {"apiVersion": "v1", "kind": "Secret", "metadata": meta})
        return {"apiVersion": "v1", "kind": "Secret", **secret} if secret else None

    with ThreadPoolExecutor(_WIDTH, thread_name_prefix="revisions") as pool:
        marks = range(_KEPT, READABLE_REVISIONS + 1, _KEPT)
        kept = [mark for mark, secret in zip(marks, pool.map(read, marks), strict=True) if secret]
        newest = kept[-1] if kept else 1
        between = range(newest, min(newest + _KEPT, READABLE_REVISIONS + 1))
        secrets = [secret for secret in pool.map(read, between) if secret]
    if secrets and _labels(secrets[-1]).get("status") == "superseded":
        raise NotShown(
            f"release {name} in {namespace} has more than {READABLE_REVISIONS} revisions, and the planner reads none "
            "that is newer",
            next_step="plan as the deployer, with an environment file without roles.planner",
        )
    return [secret for secret in secrets if _labels(secret).get("status") != "superseded"]


def _labels(secret: Object) -> dict[str, str]:
    return secret["metadata"].get("labels") or {}
