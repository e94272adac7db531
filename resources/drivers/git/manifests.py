"""AppProjects and ApplicationSets from the environment's branch, applied server-side.

Argo CD's own page "Webhook" and "Refresh" annotations: an application that is asked to refresh reads git at once,
instead of at its next poll.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import yaml

from resources.context import Context
from resources.drivers.base import Driver
from resources.drivers.git.applicationsets import API_VERSION
from resources.drivers.git.merge import load_reading, rendered_files
from resources.drivers.git.pinning import Pin, following_faults, pin_document
from resources.drivers.git.repository import address_of
from resources.drivers.manifests import ManifestsDriver
from resources.kubernetes.errors import kubernetes_call
from resources.kubernetes.objects import Object, describe_object, list_objects
from resources.model.change import NOTHING_TO_DO, Change, FieldChange, Observed
from resources.model.drift import Drift
from resources.model.errors import ConfigError
from resources.model.outputs import NoOutputs, plain_document
from resources.model.specs import GitManifests, Manifests
from resources.support.yaml_limits import load_documents, read_limits

GROUP_LABEL, COMMIT_ANNOTATION = "eks-assets/group", "eks-assets/commit"


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
        if spec.prune and (observed := approved or self.observe(spec, context)):
            strays = {describe_object(obj) for obj in observed.desired["strays"]}
            for stray in (obj for obj in _of_group(spec, context) if describe_object(obj) in strays):
                context.progress(f"removing {describe_object(stray)}")
                context.before_change()
                _delete(context, stray)
        refresh_applications(context)

    def drift(self, spec: GitManifests, context: Context) -> Drift:
        """The live objects against the files of the branch."""
        return self._manifests.drift(load_objects(spec, context), context)


def _followed(spec: GitManifests, observed: Observed) -> str:
    """What is to be known of objects that are kept as they are where nothing should follow a branch."""
    nothing = Pin("", None)
    strays = observed.desired["strays"] if spec.tree.pinned else ()
    following = [describe_object(obj) for obj in strays if any(following_faults(obj, nothing))]
    return f"; a push changes what comes from {', '.join(following)}: set prune_products" if following else ""


def load_objects(spec: GitManifests, context: Context) -> Manifests:
    """The objects of the files, labelled with the group, annotated with the commit, and pinned to it where that is
    asked for. Raises ConfigError for a path that matches no file."""
    files = rendered_files(spec.tree, context)
    documents: list[dict[str, Any]] = []
    for path in spec.paths:
        matching = sorted(name for name in files if fnmatch.fnmatchcase(name, path))
        if not matching:
            raise ConfigError(
                f"{path} is not in {spec.tree.branch}", next_step=f"there are: {', '.join(sorted(files)) or 'no files'}"
            )
        documents += [doc for name in matching for doc in _documents(name, files[name]) if doc]
    if spec.tree.pinned:
        pin = Pin(address_of(spec.tree, context), spec.tree.branch, plain_document(spec.commit))
        documents = [pin_document(doc, pin) for doc in documents]
    return Manifests(objects=tuple(_marked(doc, spec) for doc in documents))


def _documents(path: str, text: str) -> Iterator[Any]:
    try:
        yield from load_documents(text, read_limits())
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{path}: {error.problem or error.context}", next_step="correct the file") from None


def _marked(doc: Mapping[str, Any], spec: GitManifests) -> dict[str, Any]:
    meta = {"namespace": "argocd", **doc["metadata"]}
    meta["labels"] = {**meta.get("labels", {}), GROUP_LABEL: spec.group}
    meta["annotations"] = {**meta.get("annotations", {}), COMMIT_ANNOTATION: plain_document(spec.commit)}
    return {**doc, "metadata": meta}


def _of_group(spec: GitManifests, context: Context) -> list[Object]:
    label = f"{GROUP_LABEL}={spec.group}"
    return [
        obj
        for kind in ("ApplicationSet", "AppProject")
        for obj in list_objects(context.cluster, API_VERSION, kind, namespace="argocd", labels=label)
    ]


def _delete(context: Context, obj: Object) -> None:
    with kubernetes_call(f"removing {describe_object(obj)}"):
        resource = context.cluster.kind(API_VERSION, obj["kind"])
        resource.delete(name=obj["metadata"]["name"], namespace=obj["metadata"]["namespace"])


def refresh_applications(context: Context) -> None:
    """Ask every ApplicationSet and Application to refresh from git now."""
    for kind, key in (
        ("ApplicationSet", "argocd.argoproj.io/application-set-refresh"),
        ("Application", "argocd.argoproj.io/refresh"),
    ):
        for obj in list_objects(context.cluster, API_VERSION, kind, namespace="argocd"):
            value = "true" if kind == "ApplicationSet" else "normal"
            context.before_change()
            patch = {"metadata": {"annotations": {key: value}}}
            with kubernetes_call(f"refreshing {describe_object(obj)}"):
                resource = context.cluster.kind(API_VERSION, kind)
                resource.patch(
                    body=patch,
                    name=obj["metadata"]["name"],
                    namespace="argocd",
                    content_type="application/merge-patch+json",
                )
