"""The objects in the files of an application repository, as they are applied."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from resources.context import Context
from resources.drivers.git.applicationsets import read_documents
from resources.drivers.git.object_metadata import NAMESPACE
from resources.drivers.git.pinning import Pin, pin_document
from resources.drivers.git.repository import address_of
from resources.model.errors import ConfigError
from resources.model.specs import GitManifests

GROUP_LABEL, COMMIT_ANNOTATION = "eks-assets/group", "eks-assets/commit"


def objects_in(
    files: Mapping[str, str], spec: GitManifests, commit: str, context: Context
) -> tuple[dict[str, Any], ...]:
    """The objects of the spec's files, labelled with the group, annotated with the commit, and pinned to it where that
    is asked for. Raises ConfigError for a path that matches no file."""
    documents: list[dict[str, Any]] = []
    for path in spec.paths:
        matching = sorted(name for name in files if fnmatch.fnmatchcase(name, path))
        if not matching:
            raise ConfigError(
                f"{path} is not in {spec.tree.branch}", next_step=f"there are: {', '.join(sorted(files)) or 'no files'}"
            )
        documents += [doc for name in matching for doc in _documents(name, files[name]) if doc]
    if spec.tree.pinned:
        pin = Pin(address_of(spec.tree, context), spec.tree.branch, commit)
        documents = [pin_document(doc, pin) for doc in documents]
    return tuple(_marked(doc, spec, commit) for doc in documents)


def _documents(path: str, text: str) -> Iterator[Any]:
    try:
        yield from read_documents(path, text)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{path}: {error.problem or error.context}", next_step="correct the file") from None


def _marked(doc: Mapping[str, Any], spec: GitManifests, commit: str) -> dict[str, Any]:
    meta = {"namespace": NAMESPACE, **doc["metadata"]}
    meta["labels"] = {**meta.get("labels", {}), GROUP_LABEL: spec.group}
    meta["annotations"] = {**meta.get("annotations", {}), COMMIT_ANNOTATION: commit}
    return {**doc, "metadata": meta}
