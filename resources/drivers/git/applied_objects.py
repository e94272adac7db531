"""Drift of AppProjects and ApplicationSets: each live one names the commit that it was applied from.

So they are compared with the files of that commit, and a commit that came onto the branch since is no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from resources.context import Context
from resources.drivers.git.applicationsets import API_VERSION
from resources.drivers.git.file_changes import gitops_files
from resources.drivers.git.manifest_files import COMMIT_ANNOTATION, GROUP_LABEL, objects_in
from resources.drivers.git.pushes import is_recorded
from resources.drivers.git.repository import Git, address_of, check_object_id
from resources.drivers.object_drift import missing_object, object_findings
from resources.kubernetes.field_ownership import other_owners, owner_of
from resources.kubernetes.objects import FIELD_MANAGER, Object, describe_object, list_objects
from resources.model.drift import Drift, Finding, Unchecked
from resources.model.errors import ConfigError, NotFound
from resources.model.outputs import plain_document
from resources.model.specs import GitManifests
from resources.support.memory_cache import CacheKey

_ARGO_OBJECTS: CacheKey[list[Object]] = CacheKey("objects of Argo CD, by kind")
_FILES: CacheKey[dict[str, str]] = CacheKey("GitOps files, by repository and commit")


def list_argo_objects(kind: str, context: Context) -> list[Object]:
    """The live objects of a kind of Argo CD's, listed once for what changes nothing. Raises AccessDenied, Transient."""
    return context.cache.get(
        _ARGO_OBJECTS, lambda: list_objects(context.cluster, API_VERSION, kind, namespace="argocd"), item=kind
    )


def forget_argo_objects(context: Context) -> None:
    """To be called by whoever changes them, or waits for Argo CD to."""
    context.cache.invalidate(_ARGO_OBJECTS)


def live_applications(context: Context) -> list[Object]:
    """The live Applications, whoever made them."""
    return list_argo_objects("Application", context)


def applied_sets(spec: GitManifests, context: Context) -> list[Object]:
    """The live AppProjects and ApplicationSets of the spec's group."""
    objects = [obj for kind in ("AppProject", "ApplicationSet") for obj in list_argo_objects(kind, context)]
    return [obj for obj in objects if (obj["metadata"].get("labels") or {}).get(GROUP_LABEL) == spec.group]


def applied_drift(spec: GitManifests, context: Context) -> Drift:
    """The live objects against the files that they were applied from. One whose commit cannot be read any more is
    unchecked. Raises AccessDenied, Transient."""
    live = {describe_object(obj): obj for obj in applied_sets(spec, context)}
    if not live:
        return Drift(is_pending=True)
    commits = {title: _commit_of(obj, spec, context) for title, obj in live.items()}
    wanted: dict[str, dict[str, Mapping[str, Any]]] = {}
    unreadable: dict[str, str] = {}
    for commit in set(commits.values()):
        try:
            wanted[commit] = {describe_object(obj): obj for obj in _objects_at(commit, spec, context)}
        except (NotFound, ConfigError) as error:
            unreadable[commit] = error.message
    unchecked = [Unchecked(title, unreadable[c]) for title, c in commits.items() if c in unreadable]
    findings = [*_differing(live, commits, wanted), *_missing(live, wanted.values())]
    return Drift(tuple(findings), tuple(unchecked))


def _differing(
    live: Mapping[str, Object], commits: Mapping[str, str], wanted: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Iterator[Finding]:
    for title, obj in live.items():
        # One that no file names any more is kept on purpose, or removed by the next deploy.
        if document := wanted.get(commits[title], {}).get(title):
            yield from object_findings(obj, document, FIELD_MANAGER, "kubernetes", title)


def _missing(live: Mapping[str, Object], wanted: Iterable[Mapping[str, object]]) -> Iterator[Finding]:
    """Those that every commit has from which something was applied: a deploy may have stopped between two."""
    everywhere = set[str].intersection(*map(set, wanted)) if wanted else set()
    return (missing_object("kubernetes", title) for title in sorted(everywhere - live.keys()))


def _commit_of(obj: Object, spec: GitManifests, context: Context) -> str:
    """The commit that the object was applied from: what it says itself, unless somebody else wrote that, or it has to
    be one of ours and is none."""
    current = str(plain_document(spec.commit))
    commit = str((obj["metadata"].get("annotations") or {}).get(COMMIT_ANNOTATION) or current)
    path = f"metadata.annotations.{COMMIT_ANNOTATION}"
    is_forged = owner_of(path, [o for o in other_owners(obj, obj, FIELD_MANAGER) if o.path == path]) is not None
    if is_forged or (spec.tree.pinned and commit != current and not is_recorded(context, commit)):
        return current
    return commit


def _objects_at(commit: str, spec: GitManifests, context: Context) -> tuple[Mapping[str, Any], ...]:
    def read() -> dict[str, str]:
        with Git.open(spec.tree, context) as git:
            git.fetch_commit(check_object_id(commit, f"the annotation {COMMIT_ANNOTATION}"))
            return gitops_files(git, commit)

    files = context.cache.get(_FILES, read, item=(address_of(spec.tree, context), commit))
    return objects_in(files, spec, commit, context)
