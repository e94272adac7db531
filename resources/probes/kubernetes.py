"""Checks of nodes, pods and objects of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resources.context import Context
from resources.drivers.helm.storage import newest_release
from resources.kubernetes.objects import Object, describe_object, find_condition, list_objects, read_object
from resources.kubernetes.workloads import doomed_reason
from resources.model import checks
from resources.model.checks import Check
from resources.model.outputs import plain_document
from resources.model.specs import HelmRelease, Manifests, Spec
from resources.probes.result import CheckResult, last_transition
from resources.support.memory_cache import CacheKey

NODES: CacheKey[list[Object]] = CacheKey("live nodes")


def nodes_ready(_: Check, _spec: Spec[Any], context: Context) -> CheckResult:
    nodes = context.cache.get(NODES, lambda: list_objects(context.cluster, "v1", "Node"))
    bad = [node for node in nodes if not _has_condition(node, "Ready")]
    if bad:
        name = bad[0]["metadata"]["name"]
        detail = f"{len(bad)} of {len(nodes)} nodes are not Ready; {name}: {_not_ready_reason(bad[0])}"
        return CheckResult(False, detail, last_transition(bad[:1], "Ready"))
    return CheckResult(bool(nodes), f"{len(nodes)} nodes Ready", last_transition(nodes, "Ready"))


def objects_exist(_: Check, spec: Manifests, context: Context) -> CheckResult:
    live = {describe_object(obj): read_object(context.cluster, plain_document(obj)) for obj in spec.objects}
    missing = [name for name, obj in live.items() if obj is None]
    if missing:
        return CheckResult(False, f"{', '.join(missing)} is not in the cluster")
    closing = [name for name, obj in live.items() if obj and obj["metadata"].get("deletionTimestamp")]
    if closing:
        return CheckResult(False, f"{', '.join(closing)} is being deleted")
    return CheckResult(True, f"{len(live)} objects")


def objects_ready(_: Check, spec: Manifests, context: Context) -> CheckResult:
    live = [read_object(context.cluster, plain_document(obj)) or {} for obj in spec.objects]
    for obj, now in zip(spec.objects, live, strict=True):
        if not _has_condition(now, "Ready"):
            detail = f"{describe_object(obj)} is not Ready: {_not_ready_reason(now)}"
            return CheckResult(False, detail, last_transition([now], "Ready"))
    return CheckResult(True, f"{len(spec.objects)} objects Ready", last_transition(live, "Ready"))


def crds_established(_: Check, spec: Spec[Any], context: Context) -> CheckResult:
    if isinstance(spec, HelmRelease):
        release = newest_release(context, spec.namespace, spec.name)
        objects = release.objects if release else []
    else:
        objects = [plain_document(obj) for obj in spec.objects] if isinstance(spec, Manifests) else []
    crds = [obj for obj in objects if obj.get("kind") == "CustomResourceDefinition"]
    live = {crd["metadata"]["name"]: read_object(context.cluster, crd) or {} for crd in crds}
    if bad := [name for name, crd in live.items() if not _has_condition(crd, "Established")]:
        return CheckResult(False, f"not Established: {', '.join(bad)}")
    return CheckResult(bool(crds), f"{len(crds)} CRDs Established")


def pods_ready(check: checks.PodsReady, _spec: Spec[Any], context: Context) -> CheckResult:
    if context.env.cluster.auto_mode and not check.auto_mode:
        return CheckResult(True, "EKS Auto Mode runs this outside of the cluster")
    pods = list_objects(context.cluster, "v1", "Pod", namespace=check.namespace, labels=check.label)
    bad = [pod for pod in pods if not _has_condition(pod, "Ready")]
    if bad:
        phase = (bad[0].get("status") or {}).get("phase")
        reason = doomed_reason(bad[0]) or f"pod {bad[0]['metadata']['name']} is {phase}"
        detail = f"{len(bad)} of {len(pods)} pods with {check.label} are not Ready; {reason}"
        return CheckResult(False, detail, last_transition(bad[:1], "Ready"))
    detail = f"{len(pods)} pods with {check.label} in {check.namespace} Ready"
    return CheckResult(bool(pods), detail, last_transition(pods, "Ready"))


def _has_condition(obj: Mapping[str, Any], kind: str) -> bool:
    return (find_condition(obj, kind) or {}).get("status") == "True"


def _not_ready_reason(obj: Mapping[str, Any]) -> str:
    ready = find_condition(obj, "Ready") or {}
    return str(ready.get("message") or ready.get("reason") or "no Ready condition")
