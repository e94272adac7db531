"""The CRDs of a chart's `crds/` folders in a release that exists: helm makes them once and never touches them again.

An upgrade would leave them as the old chart had them, though the new controllers ask for the new versions; one that
somebody deleted would never come back. So they are applied before helm is called. None is ever removed: their objects
would go with them. Source: Helm documentation, "Custom Resource Definitions".
"""

from __future__ import annotations

from collections.abc import Iterable

from resources.context import Context
from resources.drivers.adoption import adopt_fields
from resources.drivers.helm.chart_tree import CACHE, PACKAGE_LABEL, ChartTree, chart_tree, enabled_crds, package_key
from resources.drivers.helm.charts import Package, mirror_of, package_of
from resources.drivers.helm.drift import compare_objects
from resources.drivers.helm.live_objects import live_object
from resources.drivers.helm.rendering import chart_crds
from resources.drivers.helm.storage import Release
from resources.kubernetes.live_diff import HELM
from resources.kubernetes.objects import Object, apply_object, find_condition, read_object
from resources.model.change import FieldChange
from resources.model.errors import OperationFailed, PipelineError
from resources.model.outputs import plain_document
from resources.model.specs import HelmRelease
from resources.support.cache import cached_json
from resources.support.memory_cache import CacheKey
from resources.support.polling import Poll, wait_until

_SECONDS = 60.0
_TREES: CacheKey[ChartTree] = CacheKey("chart that a release was made from, by its package")


def update_crds(rendered: Iterable[Object], spec: HelmRelease, package: Package, context: Context) -> None:
    """Apply those of the chart's `crds/` folders that are among the `rendered` objects and differ from the live ones.
    Raises OperationFailed, AccessDenied, Transient, WaitTimeout."""
    names = {obj["metadata"]["name"] for obj in chart_crds(package, plain_document(spec.values), context)}
    for obj in rendered:
        is_own = obj["kind"] == "CustomResourceDefinition" and obj["metadata"]["name"] in names
        if not is_own or not compare_objects([obj], "", context):
            continue
        context.progress(f"applying {obj['kind']} {obj['metadata']['name']}")
        if live := live_object(obj, "", context):
            adopt_fields(live, HELM, context)
        context.before_change()
        apply_object(context.cluster, obj, manager=HELM)
        _wait_until_served(obj, context)


def applied_crds(release: Release, spec: HelmRelease, context: Context) -> list[Object]:
    """The CRDs that came with the release, by the package that it was made from; the registry is asked only where that
    is not in the user's cache. Raises OperationFailed where the registry has another package by now, and what
    `package_of` raises."""
    if spec.skip_crds:
        return []
    applied = spec.model_copy(update={"chart": release.chart, "version": release.version, "digest": None})
    key = release.labels.get(PACKAGE_LABEL, "")

    def read(_: str) -> ChartTree:
        package = package_of(applied, context)
        if key and package_key(package) != key:
            raise OperationFailed(
                f"{spec.chart} {release.version} is another package in the registry than the one that was deployed",
                next_step="find out who pushed that version again; a plan shows what it would change",
            )
        return chart_tree(package)

    # A release of an earlier version names no package: there the version has to do.
    unnamed = "|".join([mirror_of(context.env) or spec.repository, release.chart, release.version])
    tree = context.cache.get(_TREES, lambda: cached_json(CACHE, key or unnamed, read), item=key or unnamed)
    return enabled_crds(tree, release.values)


def crd_fields(release: Release, spec: HelmRelease, context: Context) -> tuple[FieldChange, ...]:
    """How the live CRDs would have to change to be as the release's chart has them; none where that cannot be read."""
    try:
        return compare_objects(applied_crds(release, spec, context), "", context)
    except PipelineError:
        return ()


def _wait_until_served(crd: Object, context: Context) -> None:
    def poll() -> Poll[bool]:
        established = find_condition(read_object(context.cluster, crd) or {}, "Established")
        is_served = established is not None and established["status"] == "True"
        return Poll(True if is_served else None, "Established" if is_served else "not Established")

    wait_until(poll, what=f"CRD {crd['metadata']['name']}", deadline=_SECONDS, interval=0.5, progress=context.progress)
