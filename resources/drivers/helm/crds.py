"""The CRDs of a chart's `crds/` folders in a release that exists: helm makes them once and never touches them again.

An upgrade would leave them as the old chart had them, though the new controllers ask for the new versions; one that
somebody deleted would never come back. So they are applied before helm is called. None is ever removed: their objects
would go with them. Source: Helm documentation, "Custom Resource Definitions".
"""

from __future__ import annotations

from collections.abc import Iterable

from resources.context import Context
from resources.drivers.adoption import adopt_fields
from resources.drivers.helm.charts import Package
from resources.drivers.helm.drift import compare_objects, live_object
from resources.drivers.helm.rendering import chart_crds
from resources.kubernetes.live_diff import HELM
from resources.kubernetes.objects import Object, apply_object, find_condition, read_object
from resources.support.polling import Poll, wait_until

_SECONDS = 60.0


def update_crds(rendered: Iterable[Object], package: Package, context: Context) -> None:
    """Apply those of the chart's `crds/` folders that are among the `rendered` objects, so belong to no dependency that
    is switched off, and differ from the live ones. Raises OperationFailed, AccessDenied, Transient, WaitTimeout."""
    names = {obj["metadata"]["name"] for obj in chart_crds(package, context)}
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


def _wait_until_served(crd: Object, context: Context) -> None:
    def poll() -> Poll[bool]:
        established = find_condition(read_object(context.cluster, crd) or {}, "Established")
        is_served = established is not None and established["status"] == "True"
        return Poll(True if is_served else None, "Established" if is_served else "not Established")

    wait_until(poll, what=f"CRD {crd['metadata']['name']}", deadline=_SECONDS, interval=0.5, progress=context.progress)
