"""What a copy is made of, read as the planner: the environment as it was applied last, and the cluster's objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eks_assets.engine.rehearsal.stand_ins import find_values, make_up_secrets, with_stand_ins
from resources.config.environment import Environment
from resources.config.recorded_environment import environment_of
from resources.context import Context
from resources.kubernetes.metadata import ServedKind, served_kinds
from resources.kubernetes.objects import list_pages
from resources.model.digests import hex_digest_of
from resources.model.errors import AccessDenied, NotFound, OperationFailed
from resources.records.chain import ENTRIES
from resources.records.ledger import list_keys, read_key

Object = dict[str, Any]
# What controllers and kubelets make of the rest, and what is true of one cluster alone.
_MADE = {
    "APIService",
    "CertificateSigningRequest",
    "ComponentStatus",
    "ControllerRevision",
    "CSINode",
    "Endpoints",
    "EndpointSlice",
    "Event",
    "IPAddress",
    "Lease",
    "Node",
    "NodeMetrics",
    "PersistentVolume",
    "Pod",
    "PodMetrics",
    "VolumeAttachment",
}
_OTHERS = ("kubernetes.io/service-account-token", "helm.sh/release.v1")  # Secrets that the copy has its own of
_LOOKED_AT = 500  # entries of the ledger, the newest first


@dataclass(frozen=True)
class LiveCopy:
    """The cluster's objects, in the order in which they can be made. `masked`: how many values of Secrets are
    stand-ins; `made_up`: Secrets that the planner may not read, made of what refers to them."""

    objects: tuple[Object, ...]
    masked: int
    made_up: tuple[str, ...]
    unread: tuple[str, ...]


def read_objects(context: Context) -> LiveCopy:
    """Every object that a person or a release has made. Raises OperationFailed where a real value of a Secret would be
    in the copy; AccessDenied where nothing can be listed, Transient."""
    objects: list[Object] = []
    secrets: list[Object] = []
    unread: list[str] = []
    for kind in served_kinds(context.cluster):
        if is_made(kind):
            continue
        if (kind.group, kind.kind) == ("", "Secret"):
            continue  # which the planner may not list but by namespace
        try:
            objects += _own(context, kind.api_version, kind.kind)
        except AccessDenied:
            unread.append(kind.kind)
    for namespace in (obj["metadata"]["name"] for obj in objects if obj["kind"] == "Namespace"):
        try:
            secrets += _own(context, "v1", "Secret", namespace)
        except AccessDenied:
            unread.append(f"Secrets of {namespace}")
    masked = [with_stand_ins(secret) for secret in secrets]
    values = [value for _, real in masked for value in real]
    copies = [secret for secret, _ in masked]
    made_up = make_up_secrets(objects, ((s["metadata"]["namespace"], s["metadata"]["name"]) for s in secrets))
    # A public value (a CA) stands in other objects as well: what is in a Secret alone is what may not be copied.
    if leaks := sorted(set(find_values(copies, values))):
        raise OperationFailed(f"the copy would hold real values of Secrets: {', '.join(leaks[:3])}; nothing was copied")
    names = tuple(f"{s['metadata']['namespace']}/{s['metadata']['name']}" for s in made_up)
    return LiveCopy(tuple(in_order([*objects, *copies, *made_up])), len(values), names, tuple(unread))


def is_made(kind: ServedKind) -> bool:
    """Whether controllers and kubelets make what is of the kind."""
    return kind.kind in _MADE or kind.group == "metrics.k8s.io"


def in_order(objects: list[Object]) -> list[Object]:
    """Definitions and namespaces before what is in them; webhooks last, since nothing answers them meanwhile."""
    return sorted(objects, key=lambda obj: _rank(str(obj["kind"])))


def _rank(kind: str) -> int:
    first = ("CustomResourceDefinition", "Namespace", "PriorityClass", "StorageClass", "ServiceAccount")
    last = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicyBinding")
    return first.index(kind) - len(first) if kind in first else 1 + last.index(kind) if kind in last else 0


def _own(context: Context, api_version: str, kind: str, namespace: str | None = None) -> Iterator[Object]:
    """Those of the kind that no other object makes, and not helm."""
    for obj in list_pages(context.cluster, api_version, kind, namespace=namespace):
        if not obj["metadata"].get("ownerReferences") and obj.get("type") not in _OTHERS:
            yield obj


def last_applied(context: Context) -> Environment:
    """The environment as the last change was made of it, by the ledger. Raises NotFound where nothing was deployed."""
    for key in list_keys(context, ENTRIES)[::-1][:_LOOKED_AT]:
        entry: Mapping[str, Any] = json.loads(read_key(context, key))
        digest = str(entry.get("file") or "").removeprefix("sha256:")
        if not digest:
            continue
        document = json.loads(read_key(context, f"environments/{digest}.json"))
        if hex_digest_of(document) != digest:
            raise OperationFailed(f"what the ledger keeps of {context.env.name} is not what was written: {digest[:12]}")
        return environment_of(document)
    raise NotFound(
        f"the ledger does not say what {context.env.name} is: nothing was deployed yet",
        next_step=f"eks-assets deploy {context.env.name}; then rehearse the next change",
    )
