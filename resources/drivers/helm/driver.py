"""Helm releases, installed and upgraded by the real helm (version 4).

What exists is read from helm's own storage (a Secret a revision), not from helm: one LIST serves every release of a
plan. Facts about helm 4 that shape this file stand in `docs/adr/0004-helm.md`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from resources.context import Context
from resources.drivers.base import Driver
from resources.drivers.helm.chart_tree import PACKAGE_LABEL, package_key
from resources.drivers.helm.charts import Package, hash_chart_source, package_of
from resources.drivers.helm.command import run_helm, translate_helm_error, values_file
from resources.drivers.helm.comparison import is_volatile
from resources.drivers.helm.crds import crd_fields, update_crds
from resources.drivers.helm.drift import adopt_foreign_fields, find_drift, is_hook, restore_secrets
from resources.drivers.helm.failure import explain_failure
from resources.drivers.helm.live_objects import forget_objects
from resources.drivers.helm.pod_watch import PodWatch
from resources.drivers.helm.preview import preview_release
from resources.drivers.helm.reach import SOURCE_LABEL, list_release_reach
from resources.drivers.helm.release_drift import release_drift
from resources.drivers.helm.removal import plan_release_removal, remove_release
from resources.drivers.helm.rendering import render_once
from resources.drivers.helm.storage import RELEASE_SECRETS, REVISION_LABEL, Release, newest_release, next_revision
from resources.kubernetes.dry_run import dry_run_objects
from resources.kubernetes.objects import Object
from resources.model.change import NOTHING_TO_DO, Change, FieldChange, Observed, diff
from resources.model.digests import hex_digest_of
from resources.model.drift import Drift
from resources.model.errors import CommandFailed
from resources.model.outputs import NoOutputs, plain_document
from resources.model.removal import Removal
from resources.model.specs import HelmRelease

DIGEST_LABEL = "eks-assets/spec"
DRIFT = "drift"
_LABEL_FORM = "chart-"
# Somebody who updates a field is named with the API version that he used, somebody who applies it is not.
_CONFLICT = re.compile(r'conflicts? with "')
_CONFLICT_WITH_UPDATE = re.compile(r'conflicts? with "[^"]+"(?: with subresource "[^"]+")? using')


class HelmReleaseDriver(Driver[HelmRelease]):
    """Observes, plans and applies a `HelmRelease`."""

    def observe(self, spec: HelmRelease, context: Context) -> Observed | None:
        """Chart, version, values and status of the newest revision, and where the live objects differ from what it
        applied; None where the release does not exist."""
        release = newest_release(context, spec.namespace, spec.name)
        if release is None:
            return None
        is_whole = release.status == "deployed"
        drifted = (*find_drift(release, context), *crd_fields(release, spec, context)) if is_whole else ()
        label = release.labels.get(DIGEST_LABEL, "")
        return Observed(
            status=release.status,
            desired={
                "chart": release.chart,
                "version": release.version,
                "values": release.values,
                DRIFT: drifted,
                DIGEST_LABEL: label,
                REVISION_LABEL: release.revision_of_ours,
            },
            outputs=NoOutputs(),
            # One of the earlier form is a hash of the values, which may hold secrets that can be guessed.
            detail={"revision": str(release.revision), "spec": label if label.startswith(_LABEL_FORM) else ""},
        )

    def plan(self, spec: HelmRelease, observed: Observed | None) -> Change:
        """Create, update with the values and the live fields that differ, or nothing."""
        wanted = wanted_fields(spec)
        if observed is None:
            fields = masked_values(diff({}, wanted))
            return Change("create", fields, f"release {spec.name} does not exist")
        live = dict(observed.desired)
        drifted: tuple[FieldChange, ...] = live.pop(DRIFT, ())
        label, ours = live.pop(DIGEST_LABEL, ""), live.pop(REVISION_LABEL, "")
        fields = masked_values(diff(live, wanted))
        if observed.status != "deployed":
            fields = (*fields, FieldChange("status", observed.status, "deployed"))
        elif not fields and label not in (spec_label(spec), earlier_spec_label(spec)):
            fields = (FieldChange("chart", observed.detail["spec"], spec_label(spec)),)
        if ours:
            fields = (*fields, FieldChange("revision", f"{observed.detail['revision']}, by hand", "the pipeline's own"))
        count = len(fields) + len(drifted)
        if not count:
            return NOTHING_TO_DO
        if observed.desired["chart"] != spec.chart:
            return _replaced(spec, str(observed.desired["chart"]), fields)
        changed = f", {len(drifted)} of them changed in the cluster" if drifted else ""
        return Change("update", (*fields, *drifted), f"release {spec.name}: {count} fields differ{changed}")

    def preview(self, spec: HelmRelease, observed: Observed | None, change: Change, context: Context) -> Change:
        """The change with what the chart renders to, compared with the live objects: see `preview.py`.

        Asks the chart's registry, and the cluster where there is one. Raises OperationFailed, Refused, Transient."""
        drifted = observed.desired.get(DRIFT, ()) if observed else ()
        fields = tuple(f for f in change.fields if f not in drifted)
        if observed is None:
            fields = masked_values(diff({}, wanted_fields(spec)))
        previewed = preview_release(spec, replace(change, fields=fields), context)
        # What a chart renders differently each time is compared with nothing but what was applied last.
        kept = tuple(f for f in drifted if is_volatile(f.path, previewed.volatile))
        return replace(previewed, fields=(*previewed.fields, *kept))

    def list_reach(
        self, spec: HelmRelease, observed: Observed | None, change: Change, context: Context
    ) -> tuple[str, ...]:
        """See `reach.py`; renders the chart."""
        return list_release_reach(spec, context)

    def apply(self, spec: HelmRelease, context: Context) -> None:
        """`helm upgrade --install --wait`, watching the pods, so that an image that can't be pulled or a container
        that keeps crashing ends it at once with the pod's own message.

        A release that a killed helm left half-done is repaired first; what people changed in its objects is taken
        back. Raises OperationFailed, Refused, Transient.
        """
        package = package_of(spec, context)
        before = newest_release(context, spec.namespace, spec.name)
        if before is not None and _is_unfinished(before):
            self._repair(before, spec, context)
            before = newest_release(context, spec.namespace, spec.name)
        if before is not None and before.chart != spec.chart:
            self._uninstall_other(before, spec, context)
            before = None
        forget_objects(context)
        drifted = before is not None and bool(find_drift(before, context))
        watch = PodWatch(context, spec.namespace, spec.name)
        context.progress(f"helm upgrade --install {spec.name} ({spec.chart} {spec.version})")
        try:
            # Before the rehearsal: what others added may be what makes the cluster refuse ours.
            if before is not None and drifted:
                adopt_foreign_fields(before, context)
                restore_secrets(before, context)
            rendered = render_once(spec, package, context, installed=before is not None)
            if before is not None and not spec.skip_crds:
                update_crds(rendered, spec, package, context)
            self._rehearse(rendered, spec, context)
            try:
                self._upgrade(spec, package, context, watch, force=drifted)
            except CommandFailed as error:
                if not _is_only_by_update(error.stderr_tail):
                    raise
                context.progress(f"release {spec.name}: taking over fields that others updated")
                context.cache.invalidate(RELEASE_SECRETS)
                self._upgrade(spec, package, context, watch, force=True)
        except CommandFailed as error:
            raise explain_failure(error, spec, watch, context) from error
        finally:
            context.cache.invalidate(RELEASE_SECRETS)
            forget_objects(context)

    def drift(self, spec: HelmRelease, context: Context) -> Drift:
        """See `release_drift.py`."""
        return release_drift(spec, context)

    def plan_removal(self, spec: HelmRelease, context: Context, *, delete_data: bool) -> Removal:
        """See `removal.py`."""
        return plan_release_removal(spec, context, delete_data=delete_data)

    def destroy(self, spec: HelmRelease, context: Context, *, delete_data: bool) -> None:
        """See `removal.py`."""
        remove_release(spec, context, delete_data=delete_data)

    def _rehearse(self, rendered: list[Object], spec: HelmRelease, context: Context) -> None:
        """helm writes one object after the other, and leaves what it wrote where the cluster refuses one."""
        tried = [obj for obj in rendered if not is_hook(obj) and obj["kind"] != "CustomResourceDefinition"]
        dry_run_objects(tried, context.cluster, manager="helm", namespace=spec.namespace)

    def _upgrade(self, spec: HelmRelease, package: Package, context: Context, watch: PodWatch, *, force: bool) -> None:
        with values_file(spec, context) as values:
            labels = {
                DIGEST_LABEL: spec_label(spec),
                SOURCE_LABEL: hash_chart_source(spec, context.env),
                PACKAGE_LABEL: package_key(package),
                REVISION_LABEL: str(next_revision(context, spec.namespace, spec.name)),
            }
            argv = [
                "upgrade",
                spec.name,
                str(package.verified()),
                "--install",
                "--namespace",
                spec.namespace,
                "--create-namespace",
                "--reset-values",
                "--values",
                str(values),
                "--wait",
                "--timeout",
                f"{spec.timeout:.0f}s",
                "--qps",
                "500",
                "--burst-limit",
                "1000",
                "--history-max",
                "10",
                "--labels",
                ",".join(f"{key}={value}" for key, value in labels.items()),
            ]
            argv += ["--skip-crds"] if spec.skip_crds else []
            # Conflicts are of server-side apply, which helm does not use by itself for a release that helm 3 made.
            argv += ["--server-side", "true", "--force-conflicts"] if force else []
            context.before_change()
            run_helm(argv, context, timeout=spec.timeout + 30, watch=watch.check)

    def _repair(self, release: Release, spec: HelmRelease, context: Context) -> None:
        """Bring a release out of the state in which a killed helm left it; helm itself refuses to upgrade it."""
        never_came_up = release.status in ("pending-install", "uninstalling")
        verb = "uninstall" if never_came_up else "rollback"
        context.progress(f"release {spec.name} is {release.status} (helm was killed): helm {verb}")
        if never_came_up:
            self._uninstall(spec, context)
            return
        context.before_change()
        try:
            run_helm(["rollback", spec.name, "--namespace", spec.namespace], context, timeout=120)
        except CommandFailed as error:
            context.cache.invalidate(RELEASE_SECRETS)
            left = newest_release(context, spec.namespace, spec.name)
            # A rollback to a revision that the cluster refuses ends as a failed one, which can be upgraded.
            if left is not None and _is_unfinished(left):
                raise translate_helm_error(error, spec) from error
        context.cache.invalidate(RELEASE_SECRETS)

    def _uninstall_other(self, release: Release, spec: HelmRelease, context: Context) -> None:
        """Two charts do not share their objects' immutable fields; what claims hold stays."""
        context.progress(f"release {spec.name} is of {release.chart}: helm uninstall, then install {spec.chart}")
        self._uninstall(spec, context)

    def _uninstall(self, spec: HelmRelease, context: Context) -> None:
        """Returns when the objects are gone: one that is being deleted would pass for one that exists."""
        argv = ["uninstall", spec.name, "--namespace", spec.namespace, "--wait", "--timeout", f"{spec.timeout:.0f}s"]
        context.before_change()
        try:
            run_helm(argv, context, timeout=spec.timeout + 30)
        except CommandFailed as error:
            raise translate_helm_error(error, spec) from error
        finally:
            context.cache.invalidate(RELEASE_SECRETS)


def _is_unfinished(release: Release) -> bool:
    """Whether helm was at work on it, or was killed."""
    return release.status.startswith("pending-") or release.status == "uninstalling"


def _replaced(spec: HelmRelease, chart: str, fields: tuple[FieldChange, ...]) -> Change:
    return Change(
        "replace",
        tuple(replace(f, replaces=True) if f.path == "chart" else f for f in fields),
        f"release {spec.name} is of the chart {chart}: it is uninstalled, and {spec.chart} is installed in its place",
        disrupts=(f"everything of release {spec.name} is removed and made anew; its volume claims stay",),
    )


def _is_only_by_update(message: str) -> bool:
    """Whether helm was refused only because somebody updated fields, and no other manager applies them."""
    conflicts = len(_CONFLICT.findall(message))
    return 0 < conflicts == len(_CONFLICT_WITH_UPDATE.findall(message))


def wanted_fields(spec: HelmRelease) -> dict[str, Any]:
    """The spec in the terms in which a live release is observed."""
    return {"chart": spec.chart, "version": spec.version, "values": plain_document(spec.values)}


def spec_label(spec: HelmRelease) -> str:
    """A short hash of the chart and its pinned package, kept as a label on the release. Values are compared by
    themselves, and a hash of them would let whoever reads labels guess the secrets among them."""
    chart = {"chart": spec.chart, "version": spec.version, "digest": spec.digest or ""}
    return f"{_LABEL_FORM}{hex_digest_of(chart)[:16]}"


def earlier_spec_label(spec: HelmRelease) -> str:
    """The label as earlier versions wrote it, over the values too; such a release needs no upgrade for that alone."""
    return hex_digest_of({**wanted_fields(spec), "digest": spec.digest or ""})[:16]


_SECRET = re.compile(
    r"(?:password|passwd|token|(?:api|private|secret|access|encryption)_?key|client_?secret)$", re.IGNORECASE
)


def masked_values(fields: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
    """The fields with those values masked whose names say that they are secrets. Whole ones only: a preview still has
    to find the others in the Secrets that a chart makes of them, and `sensitive` would hide parts of them before."""
    return tuple(f.masked() if f.path.startswith("values") and _SECRET.search(f.path) else f for f in fields)
