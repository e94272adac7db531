"""Checks of what helm released."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from resources.context import Context
from resources.drivers.helm.storage import newest_release, newest_releases
from resources.kubernetes.objects import Object, list_objects
from resources.kubernetes.workloads import WORKLOADS, explain_unready, unready_reason
from resources.model.checks import Check
from resources.model.specs import HelmRelease, Spec
from resources.probes.result import CheckResult, last_transition
from resources.support.memory_cache import CacheKey

LIVE_WORKLOADS: CacheKey[list[Object]] = CacheKey("live workloads of a kind")


def _live_workloads(context: Context, kind: str) -> list[Object]:
    return context.cache.get(LIVE_WORKLOADS, lambda: list_objects(context.cluster, "apps/v1", kind), item=kind)


def workloads_ready(_: Check, spec: HelmRelease, context: Context) -> CheckResult:
    release = newest_release(context, spec.namespace, spec.name)
    if release is None:
        return CheckResult(False, f"release {spec.name} does not exist in {spec.namespace}")
    if release.status != "deployed":
        return CheckResult(False, f"release {spec.name} is {release.status}")
    rendered = [obj for obj in release.objects if obj.get("kind") in WORKLOADS]
    wanted = [(o["kind"], o["metadata"].get("namespace", spec.namespace), o["metadata"]["name"]) for o in rendered]
    live = {
        (w["kind"], w["metadata"]["namespace"], w["metadata"]["name"]): w
        for kind in {kind for kind, *_ in wanted}
        for w in _live_workloads(context, kind)
    }
    missing = [f"{kind} {namespace}/{name}" for kind, namespace, name in wanted if (kind, namespace, name) not in live]
    if missing:
        return CheckResult(False, f"{', '.join(missing)} of release {spec.name} is gone")
    mine = [live[key] for key in wanted]
    if explain_unready(mine, []):
        pods, events = (
            list_objects(context.cluster, "v1", kind, namespace=spec.namespace) for kind in ("Pod", "Event")
        )
        reason = explain_unready(mine, pods, events)
        return CheckResult(False, reason, last_transition([w for w in mine if unready_reason(w)], "Available"))
    detail = f"revision {release.revision}" + (f": {len(mine)} workloads ready" if mine else "")
    return CheckResult(True, detail, last_transition(mine, "Available"))


def releases_ready(check: Check, _spec: Spec[Any], context: Context) -> CheckResult:
    releases, unreadable = newest_releases(context)
    for release in releases:
        spec = HelmRelease(
            name=release.name, namespace=release.namespace, repository="", chart=release.chart, version=release.version
        )
        if not (result := workloads_ready(check, spec, context)).passed:
            return replace(result, detail=f"release {release.name}: {result.detail}")
    left_out = "".join(f"; left out: {problem}" for problem in unreadable)
    return CheckResult(bool(releases), f"{len(releases)} releases ready{left_out}")
