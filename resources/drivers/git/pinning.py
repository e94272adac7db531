"""What Argo CD follows by itself, and what it is pinned to instead. Pure.

Argo CD resolves a branch, a tag, `HEAD`, no revision at all and a range of versions anew at each refresh; a commit id,
an exact version of a chart and a digest always name the same. Where a plan has to be approved, sources and git
generators that name the environment's own branch are pinned to the commit that was approved, and nothing else may
follow anything. Source: Argo CD, "Tracking and Deployment Strategies".
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

APPLICATION, APPLICATION_SET = "Application", "ApplicationSet"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_EXACT_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# They ask a host for branches and pull requests, and make an application for each.
_FOLLOWING_GENERATORS = ("scmProvider", "pullRequest")
# The applications that exist keep what they follow.
_KEEPING_SYNCS = ("create-only", "create-delete")
# What helm or kustomize fetch from somewhere else while Argo CD renders.
_REMOTE = re.compile(r"://|^[\w.-]+@[\w.-]+:|^(github\.com|gitlab\.com|bitbucket\.org)[/:]|\?(ref|version)=")
_AT_COMMIT = re.compile(r"[?&](ref|version)=([0-9a-f]{40}|[0-9a-f]{64})(&|$)")
_KUSTOMIZE_LISTS = ("resources", "bases", "components", "crds", "generators", "transformers", "configurations")
_KEEPS_SOURCE = re.compile(r"source|^[/.]spec/?$", re.IGNORECASE)


@dataclass(frozen=True)
class Pin:
    """What is pinned: sources of this repository that name this branch; `commit`: to what (a token while it is not
    known). None for `branch`: nothing is."""

    repository: str
    branch: str | None
    commit: str = ""

    def covers(self, place: _Place) -> bool:
        """Whether that source or generator is pinned."""
        return (
            self.branch is not None
            and place.is_git
            and place.revision in (self.branch, f"refs/heads/{self.branch}")
            and place_of(place.repository) == place_of(self.repository)
        )


@dataclass(frozen=True)
class _Place:
    """A source of an application, or a git generator: the mapping, the key of its revision, and where it stands."""

    holder: dict[str, Any]
    key: str
    location: str

    @property
    def repository(self) -> str:
        return str(self.holder.get("repoURL") or "")

    @property
    def revision(self) -> str:
        return str(self.holder.get(self.key) or "")

    @property
    def is_git(self) -> bool:
        return not self.holder.get("chart") and not self.repository.startswith("oci://")

    @property
    def is_fixed(self) -> bool:
        if self.is_git:
            return bool(_COMMIT.fullmatch(self.revision))
        return bool(_EXACT_VERSION.fullmatch(self.revision) or _DIGEST.fullmatch(self.revision))


def place_of(address: str) -> str:
    """Host and path of a repository, however its address is written: `git@host:a/b.git`, `https://host/a/b`."""
    path = re.sub(r"^(?:\w+://)?(?:[^@/]*@)?", "", address.lower()).replace(":", "/")
    return path.rstrip("/").removesuffix(".git")


def pin_document(document: Mapping[str, Any], pin: Pin) -> dict[str, Any]:
    """The ApplicationSet with the commit wherever it names the branch; anything else as it is."""
    pinned = copy.deepcopy(dict(document))
    for place in _places(pinned):
        if pin.covers(place):
            place.holder[place.key] = pin.commit
    return pinned


def kept_revisions(document: Mapping[str, Any], pin: Pin) -> Iterator[str]:
    """The revisions of the pinned repository that an ApplicationSet names itself."""
    for place in _places(dict(document)):
        if place.is_git and place_of(place.repository) == place_of(pin.repository) and not pin.covers(place):
            yield place.revision


def following_faults(document: Any, pin: Pin) -> Iterator[str]:
    """A sentence for each thing in an Application or ApplicationSet that would change without an approval; none for
    another object."""
    if not isinstance(document, dict) or document.get("kind") not in (APPLICATION, APPLICATION_SET):
        return
    metadata = document.get("metadata")
    name = f"{document['kind']} {metadata.get('name', '') if isinstance(metadata, dict) else ''}".strip()
    places = list(_places(document))
    for place in places:
        for text in _texts([_mapping(place.holder.get("helm")).get(key) for key in ("valueFiles", "fileParameters")]):
            if "://" in text:
                yield f"{name}: {place.location}.helm fetches {text}; allowed: files of a source"
        for fault in kustomize_faults(_mapping(place.holder.get("kustomize"))):
            yield f"{name}: {place.location}.kustomize: {fault}"
        if not place.is_fixed and not pin.covers(place):
            yield f"{name}: {place.location}.{place.key} {_follows(place, pin)}"
    if not any(place.key == "targetRevision" for place in places):
        yield f"{name}: has no source that can be read; allowed: source or sources, each with its revision"
    yield from (f"{name}: {fault}" for fault in _other_faults(document))


def kustomize_faults(document: Any) -> Iterator[str]:
    """A sentence for each thing that kustomize would fetch from an address that may hold another thing tomorrow."""
    for key in _KUSTOMIZE_LISTS:
        for entry in _list(_mapping(document).get(key)):
            if isinstance(entry, str) and _REMOTE.search(entry) and not _AT_COMMIT.search(entry):
                yield f"{key} fetches {entry}; allowed: files beside it, or ?ref= and a whole commit id"


def _follows(place: _Place, pin: Pin) -> str:
    what = f"is {place.revision}, which" if place.revision else "is not set, which"
    if not place.is_git:
        return (
            f"{what} follows the newest version of {place.holder.get('chart') or place.repository} by itself; "
            "allowed: an exact version"
        )
    own = f", or {pin.branch} of {pin.repository}, which is pinned" if pin.branch else ""
    return f"{what} follows {place.repository or 'a repository'} by itself; allowed: a whole commit id{own}"


def _other_faults(document: Mapping[str, Any]) -> Iterator[str]:
    spec = _mapping(document.get("spec"))
    template = _mapping(spec.get("template"))
    if any("sourceHydrator" in _mapping(holder) for holder in (spec, template.get("spec"))):
        yield "spec.sourceHydrator follows a branch by itself; allowed: source or sources"
    if "templatePatch" in spec:
        yield "spec.templatePatch can name another revision for each application; allowed: spec.template alone"
    if (sync := _mapping(spec.get("syncPolicy")).get("applicationsSync")) in _KEEPING_SYNCS:
        yield f"spec.syncPolicy.applicationsSync {sync} leaves applications at what they follow; allowed: sync"
    ignored = spec.get("ignoreApplicationDifferences")
    if any(_KEEPS_SOURCE.search(text) for text in _texts(ignored)):
        yield "spec.ignoreApplicationDifferences leaves the source of applications as it is; allowed: other fields"
    for generator, location in _generators(spec, "spec"):
        for kind in _FOLLOWING_GENERATORS:
            if kind in generator:
                yield f"{location}.{kind} follows branches by itself; allowed: the other generators"


def _places(document: dict[str, Any]) -> Iterator[_Place]:
    """Every source and git generator of an Application or ApplicationSet."""
    spec = _mapping(document.get("spec"))
    if document.get("kind") == APPLICATION:
        yield from _sources(spec, "spec")
        operation = _mapping(_mapping(document.get("operation")).get("sync"))
        yield from _sources(operation, "operation.sync")
        return
    yield from _sources(_mapping(_mapping(spec.get("template")).get("spec")), "spec.template.spec")
    for generator, location in _generators(spec, "spec"):
        for kind, settings in generator.items():
            overriding = _mapping(_mapping(_mapping(settings).get("template")).get("spec"))
            yield from _sources(overriding, f"{location}.{kind}.template.spec")
        if isinstance(git := generator.get("git"), dict):
            yield _Place(git, "revision", f"{location}.git")


def _sources(spec: Mapping[str, Any], location: str) -> Iterator[_Place]:
    if isinstance(source := spec.get("source"), dict):
        yield _Place(source, "targetRevision", f"{location}.source")
    for index, source in enumerate(_list(spec.get("sources"))):
        if isinstance(source, dict):
            yield _Place(source, "targetRevision", f"{location}.sources[{index}]")


def _generators(holder: Mapping[str, Any], location: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The generators, those inside of matrix and merge as well."""
    for index, generator in enumerate(_list(holder.get("generators"))):
        if isinstance(generator, dict):
            place = f"{location}.generators[{index}]"
            yield generator, place
            for kind in ("matrix", "merge"):
                yield from _generators(_mapping(generator.get(kind)), f"{place}.{kind}")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else _list(value):
        yield from _texts(item)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
