"""Takes a release away: `helm uninstall`, then the CRDs of its chart's `crds/` folders, which helm never removes.

helm forgets a release whose objects are still being deleted, and another run would not find them. So it keeps the
history, and the release's Secrets go once nothing of it is left. Source: helm, pkg/action/uninstall.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from resources.context import Context
from resources.drivers.helm.command import describe_release, run_helm, translate_helm_error
from resources.drivers.helm.crds import applied_crds
from resources.drivers.helm.live_objects import forget_objects, live_object
from resources.drivers.helm.storage import RELEASE_SECRETS, Release, newest_release
from resources.drivers.object_removal import delete_object, remove_objects, wait_until_gone
from resources.kubernetes.objects import Object, describe_object, list_objects, read_object
from resources.model.errors import CommandFailed, PipelineError
from resources.model.removal import Kept, Removal, Removed
from resources.model.specs import HelmRelease

_KEEP = "helm.sh/resource-policy"
_HOOKS = re.compile(r"\b(?:pre|post)-delete\b|\bhooks?\b", re.IGNORECASE)
_GONE = re.compile(r"release: not found|is already deleted", re.IGNORECASE)


def plan_release_removal(spec: HelmRelease, context: Context, *, delete_data: bool) -> Removal:
    """The release, its chart's CRDs, and what its chart asks helm to keep. Changes nothing. Raises OperationFailed
    where what helm keeps of it cannot be read, AccessDenied, Transient."""
    release = newest_release(context, spec.namespace, spec.name)
    if release is None:
        return Removal()
    what = f"{release.chart} {release.version}, {len(release.objects)} objects"
    crd_why = "last, with what is left of its kind" if delete_data else "last, unless objects of its kind are left"
    return Removal(
        (
            Removed(f"Release {release.namespace}/{release.name}", f"helm uninstall of {what}"),
            *(Removed(describe_object(crd), crd_why) for crd in _live_crds(release, spec, context)),
        ),
        tuple(
            Kept(describe_object(obj), f"its chart says so ({_KEEP})", 0.0)
            for obj in _live(release, context, kept=True)
        ),
    )


def remove_release(spec: HelmRelease, context: Context, *, delete_data: bool) -> None:
    """Uninstall the release and wait until its objects are gone; then its chart's CRDs, where `delete_data` says so or
    no object of their kinds is left, since the objects go with them. Where a hook fails, it is uninstalled without.

    Raises WaitTimeout, naming what holds an object; OperationFailed, AccessDenied, Transient."""
    release = newest_release(context, spec.namespace, spec.name)
    if release is None:
        return
    crds = _live_crds(release, spec, context)
    try:
        forget_objects(context)
        live = list(_live(release, context))
        if release.status != "uninstalled":
            _uninstall(spec, context)
        wait_until_gone(live, context, spec.timeout)
        for crd in crds:
            _remove_crd(crd, context, spec.timeout, delete_data=delete_data)
        _forget(release, context)
    finally:
        context.cache.invalidate(RELEASE_SECRETS)
        forget_objects(context)


def _uninstall(spec: HelmRelease, context: Context) -> None:
    argv = ["uninstall", spec.name, "--namespace", spec.namespace, "--keep-history", "--cascade", "foreground"]
    argv += ["--timeout", f"{spec.timeout:.0f}s"]
    context.progress(f"helm uninstall {spec.name}")
    try:
        _run(argv, spec, context)
    except CommandFailed as error:
        if not _HOOKS.search(error.stderr_tail):
            raise translate_helm_error(error, spec) from error
        context.progress(f"{describe_release(spec)}: a hook fails, so it is uninstalled without: {error.stderr_tail}")
        try:
            _run([*argv, "--no-hooks"], spec, context)
        except CommandFailed as again:
            raise translate_helm_error(again, spec) from again


def _run(argv: list[str], spec: HelmRelease, context: Context) -> None:
    context.before_change()
    try:
        run_helm(argv, context, timeout=spec.timeout + 30, watch=context.before_change)
    except CommandFailed as error:
        if not _GONE.search(error.stderr_tail):
            raise


def _live(release: Release, context: Context, *, kept: bool = False) -> Iterator[Object]:
    """The live objects of the release that go with it, or those that its chart asks helm to keep."""
    for obj in release.objects:
        annotations = obj["metadata"].get("annotations") or {}
        if (annotations.get(_KEEP) == "keep") is kept and (live := live_object(obj, release.namespace, context)):
            yield {"apiVersion": obj["apiVersion"], "kind": obj["kind"], **live}


def _live_crds(release: Release, spec: HelmRelease, context: Context) -> list[Object]:
    """The live CRDs of the chart's `crds/` folders; none where the chart cannot be read any more."""
    try:
        crds = applied_crds(release, spec, context)
    except PipelineError as error:
        context.progress(f"{describe_release(spec)}: its CRDs stay, as its chart cannot be read: {error.message}")
        return []
    pairs = [(crd, read_object(context.cluster, crd)) for crd in crds]
    return [{"apiVersion": crd["apiVersion"], "kind": crd["kind"], **live} for crd, live in pairs if live is not None]


def _remove_crd(crd: Object, context: Context, deadline: float, *, delete_data: bool) -> None:
    served = next(version["name"] for version in crd["spec"]["versions"] if version["served"])
    api_version, kind = f"{crd['spec']['group']}/{served}", crd["spec"]["names"]["kind"]
    left = [] if delete_data else list_objects(context.cluster, api_version, kind)
    if left:
        names = ", ".join(describe_object(obj) for obj in left[:3])
        context.progress(f"{describe_object(crd)} stays, since objects of it are left: {names}")
        return
    remove_objects([crd], context, deadline)


def _forget(release: Release, context: Context) -> None:
    """Take away what helm keeps of the release."""
    labels = f"owner=helm,name={release.name}"
    for secret in list_objects(context.cluster, "v1", "Secret", namespace=release.namespace, labels=labels):
        delete_object(secret, context)
