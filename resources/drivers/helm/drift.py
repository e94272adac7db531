"""What differs between the objects that Helm releases applied and the live ones.

One LIST a kind serves all releases of a plan: it finds more than a server-side dry-run does, in a fraction of the time,
and is no write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from resources.context import Context
from resources.drivers.adoption import adopt_fields
from resources.drivers.helm.live_objects import live_kind, live_object
from resources.drivers.helm.shown_secrets import NOT_SHOWN, is_hidden_object
from resources.drivers.helm.storage import Release
from resources.drivers.object_drift import missing_object, object_findings
from resources.kubernetes.live_diff import HELM, as_stored, object_diff, object_title
from resources.kubernetes.objects import apply_object
from resources.model.change import FieldChange
from resources.model.drift import Finding, Unchecked

EXISTS = "applied"
_CLUSTER_SCOPED = {
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CSIDriver",
    "CustomResourceDefinition",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
}


def find_drift(release: Release, context: Context) -> tuple[FieldChange, ...]:
    """Objects of the release's manifest that are missing, and fields of live ones that contradict it, by
    `Kind/namespace/name: path`. Left out are hooks, which helm deletes or runs again, and what we may not see."""
    shown = (obj for obj in release.objects if not is_hidden_object(obj, release.namespace, context))
    return compare_objects(shown, release.namespace, context)


def compare_objects(
    objects: Iterable[Mapping[str, Any]],
    namespace: str,
    context: Context,
    unseen: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> tuple[FieldChange, ...]:
    """How the live objects would have to change to be as `objects` say; one that is missing is a field of its own.
    `namespace`: of the objects that name none; `unseen`: by title, what stands for a live object that we may not
    see."""
    fields: list[FieldChange] = []
    for obj in objects:
        if is_hook(obj):
            continue
        live = unseen.get(title_of(obj, namespace)) or live_object(obj, namespace, context)
        if live is None:
            fields.append(FieldChange(title_of(obj, namespace), None, EXISTS))
            continue
        name = object_title(obj, live["metadata"].get("namespace"))
        fields += [
            replace(c, path=f"{name}: {c.path}")
            for c in object_diff(live, obj)
            if not (c.path == "spec.replicas" and _is_autoscaled(live, context))
        ]
    return tuple(fields)


def objects_findings(objects: Iterable[Mapping[str, Any]], namespace: str, context: Context) -> Iterator[Finding]:
    """Where the cluster differs from these objects of helm's, hooks left out, field by field."""
    for obj in objects:
        if is_hook(obj) or is_hidden_object(obj, namespace, context):
            continue
        live = live_object(obj, namespace, context)
        if live is None:
            yield missing_object("helm", title_of(obj, namespace))
            continue
        title = object_title(obj, live["metadata"].get("namespace"))
        for finding in object_findings(live, obj, HELM, "helm", title):
            if not (finding.field.path == "spec.replicas" and _is_autoscaled(live, context)):
                yield finding


def hidden_objects(objects: Iterable[Mapping[str, Any]], namespace: str, context: Context) -> Iterator[Unchecked]:
    """Those of these objects that nobody can compare who may not see them."""
    for obj in objects:
        if not is_hook(obj) and is_hidden_object(obj, namespace, context):
            yield Unchecked(title_of(obj, namespace), NOT_SHOWN)


def is_hook(obj: Mapping[str, Any]) -> bool:
    """Whether helm runs the object as a hook instead of keeping it."""
    return "helm.sh/hook" in (obj["metadata"].get("annotations") or {})


def title_of(obj: Mapping[str, Any], namespace: str) -> str:
    """`Kind/namespace/name` of an object that may not exist, in a cluster that may not exist."""
    named = obj["metadata"].get("namespace")
    return object_title(obj, None if obj["kind"] in _CLUSTER_SCOPED else named or namespace)


def adopt_foreign_fields(release: Release, context: Context) -> None:
    """Make helm the owner of what others changed in the release's objects: see `adoption.py`."""
    for obj in release.objects:
        if live := live_object(obj, release.namespace, context):
            adopt_fields(live, HELM, context)


def restore_secrets(release: Release, context: Context) -> None:
    """Apply the release's Secrets again as its manifest has them, where live ones differ: a chart that looks its own
    Secret up would take over what somebody wrote into it."""
    for obj in release.objects:
        if obj.get("kind") != "Secret" or not compare_objects([obj], release.namespace, context):
            continue
        meta = {"namespace": release.namespace, **obj["metadata"]}
        context.before_change()
        apply_object(context.cluster, {**as_stored(obj), "metadata": meta}, manager=HELM)


def _is_autoscaled(live: Mapping[str, Any], context: Context) -> bool:
    """Whether an autoscaler decides how many replicas there are."""
    meta = live["metadata"]
    for scaler in live_kind("autoscaling/v2", "HorizontalPodAutoscaler", context).whole.values():
        target = scaler["spec"]["scaleTargetRef"]
        where = (scaler["metadata"].get("namespace"), target["kind"], target["name"])
        if where == (meta.get("namespace"), live["kind"], meta["name"]):
            return True
    return False
