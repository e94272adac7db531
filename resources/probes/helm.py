"""Checks of what helm released."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from resources.context import Context
from resources.drivers.helm.drift import title_of
from resources.drivers.helm.live_objects import live_object
from resources.drivers.helm.storage import newest_release, newest_releases
from resources.kubernetes.objects import list_objects
from resources.kubernetes.workloads import WORKLOADS, explain_unready, unready_reason
from resources.model.checks import Check
from resources.model.specs import HelmRelease, Spec
from resources.probes.result import CheckResult, last_transition


def workloads_ready(_: Check, spec: HelmRelease, context: Context) -> CheckResult:
    release = newest_release(context, spec.namespace, spec.name)
    if release is None:
        return CheckResult(False, f"release {spec.name} does not exist in {spec.namespace}")
    if release.status != "deployed":
        return CheckResult(False, f"release {spec.name} is {release.status}")
    rendered = [obj for obj in release.objects if obj.get("kind") in WORKLOADS]
    live = [live_object(obj, spec.namespace, context) for obj in rendered]
    if missing := [title_of(obj, spec.namespace) for obj, now in zip(rendered, live, strict=True) if now is None]:
        return CheckResult(False, f"{', '.join(missing)} of release {spec.name} is gone")
    mine = [now for now in live if now is not None]
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
