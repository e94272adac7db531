"""AppProjects and ApplicationSets from the environment's branch, applied server-side.

Argo CD's own page "Webhook" and "Refresh" annotations: an application that is asked to refresh reads git at once,
instead of at its next poll.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from resources.context import Context
from resources.drivers.base import Driver
from resources.drivers.git.applications import application_drift
from resources.drivers.git.applicationsets import API_VERSION
from resources.drivers.git.applied_objects import (
    applied_drift,
    applied_sets,
    forget_argo_objects,
    list_argo_objects,
    live_applications,
)
from resources.drivers.git.manifest_files import GROUP_LABEL, objects_in
from resources.drivers.git.merge import load_reading, rendered_files
from resources.drivers.git.object_metadata import NAMESPACE, REFRESH
from resources.drivers.git.pinning import Pin, following_faults
from resources.drivers.manifests import ManifestsDriver, deadline_of, removal_of
from resources.drivers.object_removal import remove_objects
from resources.kubernetes.errors import kubernetes_call
from resources.kubernetes.objects import Object, describe_object, list_objects
from resources.model.change import NOTHING_TO_DO, Change, FieldChange, Observed
from resources.model.drift import Drift, merge_drifts
from resources.model.errors import NotFound
from resources.model.outputs import NoOutputs, plain_document
from resources.model.removal import Removal
from resources.model.specs import GitManifests, Manifests


class GitManifestsDriver(Driver[GitManifests]):
    """Observes, plans and applies `GitManifests`."""

    def __init__(self) -> None:
        self._manifests = ManifestsDriver()

    def observe(self, spec: GitManifests, context: Context) -> Observed | None:
        """The wanted objects of the files, the live ones, and those of the group that no file names any more."""
        wanted = load_objects(spec, context)
        live = self._manifests.observe(wanted, context)
        names = {describe_object(obj) for obj in wanted.objects}
        strays = [obj for obj in _of_group(spec, context) if describe_object(obj) not in names]
        desired = {"wanted": wanted, "live": live, "strays": strays}
        status = live.status if live else "absent"
        names_of_strays = ", ".join(obj["metadata"]["name"] for obj in strays)
        return Observed(status, desired, NoOutputs(), {"no longer wanted": names_of_strays})

    def plan(self, spec: GitManifests, observed: Observed | None) -> Change:
        """The objects that are missing or differ, and those no longer wanted: removed with `prune`, else kept, which
        is no change but stands in the reason."""
        if observed is None:
            return NOTHING_TO_DO
        change = self._manifests.plan(observed.desired["wanted"], observed.desired["live"])
        strays = [describe_object(obj) for obj in observed.desired["strays"]]
        if not strays:
            return change
        if spec.prune:
            removed = tuple(FieldChange(stray, "applied", None) for stray in strays)
            return Change("update", (*change.fields, *removed), f"no longer wanted, removed: {', '.join(strays)}")
        kept = f"no longer wanted, but kept, as prune is off: {', '.join(strays)}{_followed(spec, observed)}"
        return replace(change, reason=f"{change.reason}; {kept}" if change.is_needed else kept)

    def preview(self, spec: GitManifests, observed: Observed | None, change: Change, context: Context) -> Change:
        """The change with the commit of the branch that its objects are rendered from (`facts`); without, where the
        branch still has to be pushed."""
        reading = load_reading(spec.tree, context)
        return replace(change, facts={"commit": reading.start}) if reading.start and reading.is_done else change

    def apply(self, spec: GitManifests, context: Context) -> None:
        """Apply the objects, remove strays where that is allowed, and ask Argo CD to refresh from git now. Behind the
        gate those that were approved, whatever the branch holds by now."""
        approved = context.approved
        self._manifests.apply(approved.desired["wanted"] if approved else load_objects(spec, context), context)
        forget_argo_objects(context)
        if spec.prune and (observed := approved or self.observe(spec, context)):
            strays = {describe_object(obj) for obj in observed.desired["strays"]}
            for stray in (obj for obj in _of_group(spec, context) if describe_object(obj) in strays):
                context.progress(f"removing {describe_object(stray)}")
                context.before_change()
                _delete(context, stray)
        refresh_applications(context)
        forget_argo_objects(context)

    def drift(self, spec: GitManifests, context: Context) -> Drift:
        """The live objects against the files of the commit that they were applied from, and the Applications that Argo
        CD made of them: see `applied_objects.py` and `applications.py`."""
        sets = applied_sets(spec, context)
        if not sets:
            return Drift(is_pending=True)
        applications = application_drift(sets, live_applications(context), context)
        return merge_drifts(applied_drift(spec, context), applications)

    def plan_removal(self, spec: GitManifests, context: Context, *, delete_data: bool) -> Removal:
        """The live objects of the group, whatever the branch holds by now."""
        return removal_of(_of_group(spec, context))

    def find_unwanted(self, spec: GitManifests, context: Context) -> Manifests | None:
        """The objects of the group that no file names any more, where they are not removed as it is applied."""
        observed = None if spec.prune else self.observe(spec, context)
        strays = observed.desired["strays"] if observed else []
        return Manifests(objects=tuple(reversed(strays))) if strays else None

    def destroy(self, spec: GitManifests, context: Context, *, delete_data: bool) -> None:
        """Delete the ApplicationSets, which Argo CD follows with their Applications and all that those deployed, then
        the AppProjects. Raises WaitTimeout, naming what holds one."""
        for obj in _of_group(spec, context):
            remove_objects([obj], context, deadline_of(obj, context))
        forget_argo_objects(context)


def _followed(spec: GitManifests, observed: Observed) -> str:
    """What is to be known of objects that are kept as they are where nothing should follow a branch."""
    nothing = Pin("", None)
    strays = observed.desired["strays"] if spec.tree.pinned else ()
    following = [describe_object(obj) for obj in strays if any(following_faults(obj, nothing))]
    return f"; a push changes what comes from {', '.join(following)}: set prune_products" if following else ""


def load_objects(spec: GitManifests, context: Context) -> Manifests:
    """The objects of the files of the branch, as they are applied: see `manifest_files.py`. Raises ConfigError for a
    path that matches no file."""
    commit = plain_document(spec.commit)
    return Manifests(objects=objects_in(rendered_files(spec.tree, context), spec, commit, context))


def _of_group(spec: GitManifests, context: Context) -> list[Object]:
    listed = (obj for kind in ("ApplicationSet", "AppProject") for obj in list_argo_objects(kind, context))
    return [obj for obj in listed if (obj["metadata"].get("labels") or {}).get(GROUP_LABEL) == spec.group]


def _delete(context: Context, obj: Object) -> None:
    with suppress(NotFound), kubernetes_call(f"removing {describe_object(obj)}"):
        resource = context.cluster.kind(API_VERSION, obj["kind"])
        resource.delete(name=obj["metadata"]["name"], namespace=obj["metadata"]["namespace"])


def refresh_applications(context: Context) -> None:
    """Ask every ApplicationSet and Application to refresh from git now; one that is gone by now needs none."""
    for kind in ("ApplicationSet", "Application"):
        for obj in list_objects(context.cluster, API_VERSION, kind, namespace=NAMESPACE):
            value = "true" if kind == "ApplicationSet" else "normal"
            context.before_change()
            patch = {"metadata": {"annotations": {REFRESH[kind]: value}}}
            with suppress(NotFound), kubernetes_call(f"refreshing {describe_object(obj)}"):
                resource = context.cluster.kind(API_VERSION, kind)
                resource.patch(
                    body=patch,
                    name=obj["metadata"]["name"],
                    namespace=NAMESPACE,
                    content_type="application/merge-patch+json",
                )
