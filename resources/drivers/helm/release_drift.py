"""Drift of a release: its objects, the CRDs that came with its chart, and the package that its version stands for."""

from __future__ import annotations

from resources.context import Context
from resources.drivers.helm.chart_tree import PACKAGE_LABEL
from resources.drivers.helm.crds import applied_crds
from resources.drivers.helm.drift import hidden_objects, objects_findings
from resources.drivers.helm.registry_digest import is_in_registry, registry_digest
from resources.drivers.helm.storage import Release, newest_release
from resources.model.change import FieldChange
from resources.model.drift import Drift, Finding, Unchecked, merge_drifts
from resources.model.errors import PipelineError
from resources.model.specs import HelmRelease


def release_drift(spec: HelmRelease, context: Context) -> Drift:
    """The live objects against the manifest that helm keeps; a release that is not deployed is a finding itself. Raises
    AccessDenied, OperationFailed, Transient."""
    release = newest_release(context, spec.namespace, spec.name)
    if release is None:
        return Drift(is_pending=True)
    if release.status != "deployed":
        status = FieldChange("status", "deployed", release.status)
        return Drift((Finding("helm", f"release {spec.namespace}/{spec.name}", status, "changed"),))
    if release.revision_of_ours:
        revision = FieldChange("revision", release.revision_of_ours, str(release.revision))
        title = f"release {spec.namespace}/{spec.name}"
        return merge_drifts(
            Drift((Finding("helm", title, revision, "changed", "helm", release.made_at),)),
            _object_drift(release, context),
        )
    objects = _object_drift(release, context)
    applied = spec.model_copy(update={"chart": release.chart, "version": release.version, "digest": None})
    return merge_drifts(objects, _crd_drift(release, spec, context), _package_drift(release, applied, context))


def _object_drift(release: Release, context: Context) -> Drift:
    objects, namespace = release.objects, release.namespace
    findings = tuple(objects_findings(objects, namespace, context))
    return Drift(findings, tuple(hidden_objects(objects, namespace, context)))


def _crd_drift(release: Release, spec: HelmRelease, context: Context) -> Drift:
    """The live CRDs against the chart's; unchecked where that cannot be read."""
    try:
        crds = applied_crds(release, spec, context)
    except PipelineError as error:
        return Drift(unchecked=(Unchecked(f"CRDs of release {spec.namespace}/{spec.name}", error.message),))
    return Drift(tuple(objects_findings(crds, "", context)))


def _package_drift(release: Release, applied: HelmRelease, context: Context) -> Drift:
    """Whether the registry has another package by now under the version that was deployed. An earlier version noted no
    package of a release, and only an OCI registry is asked."""
    title, key = f"chart {release.chart} {release.version}", release.labels.get(PACKAGE_LABEL, "")
    if not key or not is_in_registry(applied, context):
        return Drift()
    try:
        digest = registry_digest(applied, context)
    except PipelineError as error:
        return Drift(unchecked=(Unchecked(title, error.message),))
    if digest.removeprefix("sha256:").startswith(key):
        return Drift()
    change = FieldChange("digest", f"sha256:{key}...", digest)
    return Drift((Finding("helm", title, change, "changed", by_hand=True),))
