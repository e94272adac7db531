"""Checks of nodes, pods and objects of the cluster."""

from __future__ import annotations

from typing import Any

from resources.context import Context
from resources.drivers.helm.storage import newest_release
from resources.kubernetes.objects import condition, describe, list_objects, read
from resources.kubernetes.workloads import hopeless
from resources.model import checks
from resources.model.checks import Check
from resources.model.outputs import plain
from resources.model.specs import HelmRelease, Manifests, Spec
from resources.probes.result import Seen, since


def nodes_ready(_: Check, _spec: Spec[Any], context: Context) -> Seen:
    nodes = list_objects(context.cluster, "v1", "Node")
    bad = [n for n in nodes if (condition(n, "Ready") or {}).get("status") != "True"]
    if bad:
        why = condition(bad[0], "Ready") or {}
        words = why.get("message") or why.get("reason") or "no Ready condition"
        said = f"{len(bad)} of {len(nodes)} nodes are not Ready; {bad[0]['metadata']['name']}: {words}"
        return Seen(False, said, since(bad[:1], "Ready"))
    return Seen(bool(nodes), f"{len(nodes)} nodes Ready", since(nodes, "Ready"))


def objects_exist(_: Check, spec: Manifests, context: Context) -> Seen:
    live = {describe(obj): read(context.cluster, plain(obj)) for obj in spec.objects}
    missing = [name for name, obj in live.items() if obj is None]
    if missing:
        return Seen(False, f"{', '.join(missing)} is not in the cluster")
    closing = [n for n, o in live.items() if o and o["metadata"].get("deletionTimestamp")]
    return Seen(not closing, f"{', '.join(closing)} is being deleted" if closing else f"{len(live)} objects")


def objects_ready(_: Check, spec: Manifests, context: Context) -> Seen:
    live = [read(context.cluster, plain(obj)) or {} for obj in spec.objects]
    for obj, now in zip(spec.objects, live, strict=True):
        found = condition(now, "Ready") or {}
        if found.get("status") != "True":
            words = found.get("message") or found.get("reason") or "no Ready condition"
            return Seen(False, f"{describe(obj)} is not Ready: {words}", since([now], "Ready"))
    return Seen(True, f"{len(spec.objects)} objects Ready", since(live, "Ready"))


def crds_established(_: Check, spec: Spec[Any], context: Context) -> Seen:
    if isinstance(spec, HelmRelease):
        release = newest_release(context, spec.namespace, spec.name)
        objects = release.objects if release else []
    else:
        objects = [plain(obj) for obj in spec.objects] if isinstance(spec, Manifests) else []
    crds = [obj for obj in objects if obj.get("kind") == "CustomResourceDefinition"]
    bad = [
        c["metadata"]["name"]
        for c in crds
        if (condition(read(context.cluster, c) or {}, "Established") or {}).get("status") != "True"
    ]
    return Seen(
        not bad and bool(crds), f"not Established: {', '.join(bad)}" if bad else f"{len(crds)} CRDs Established"
    )


def pods_ready(check: checks.PodsReady, _spec: Spec[Any], context: Context) -> Seen:
    if context.env.cluster.auto_mode and not check.auto_mode:
        return Seen(True, "EKS Auto Mode runs this outside of the cluster")
    pods = list_objects(context.cluster, "v1", "Pod", namespace=check.namespace, labels=check.label)
    bad = [p for p in pods if (condition(p, "Ready") or {}).get("status") != "True"]
    if bad:
        words = hopeless(bad[0]) or f"pod {bad[0]['metadata']['name']} is {(bad[0].get('status') or {}).get('phase')}"
        said = f"{len(bad)} of {len(pods)} pods with {check.label} are not Ready; {words}"
        return Seen(False, said, since(bad[:1], "Ready"))
    return Seen(bool(pods), f"{len(pods)} pods with {check.label} in {check.namespace} Ready", since(pods, "Ready"))
