"""Applications that the repository's own charts and folders hold ("app of apps"): they come into the cluster by a sync,
past the pipeline, and nothing pins them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from resources.drivers.git.applicationsets import is_applied, list_products
from resources.drivers.git.objects import list_files, read_texts
from resources.drivers.git.pinning import APPLICATION, APPLICATION_SET, Pin, following_faults, kustomize_faults
from resources.drivers.git.repository import Git
from resources.support.yaml_limits import load_documents, read_limits

_SUFFIXES = (".yaml", ".yml", ".json", ".tpl", ".jsonnet", ".libsonnet")
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# Escapes too, in which a name can be written.
_MENTIONS = r"Application|argoproj|\\[xuU][0-9A-Fa-f]"
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_MARK = "TEMPLATED"  # stands for what a chart's template puts there
_ONLY_ACTIONS = re.compile(rf"^[ \t]*-?[ \t]*(?:{_MARK}[ \t]*)+$\n?", re.MULTILINE)
_NAMES_ONE = re.compile(r"""kind["']?\s*:\s*["']?Application(Set)?\b""")


def nested_faults(git: Git, tree: str, products: Collection[str], applied: Mapping[str, str], pin: Pin) -> list[str]:
    """A sentence for each thing that an Application in a file of the tree would follow by itself. `applied`: the text
    of the ApplicationSets that the pipeline applies, and so pins. Folders of products that are neither bought nor named
    in one of those are left out."""
    entries, text = list_files(git, tree), "\n".join(applied.values())
    skipped = tuple(f"{p}/" for p in list_products(entries) if p not in products and f"{p}/" not in text)
    candidates = {
        path: entry
        for path, entry in entries.items()
        if (path.endswith(_SUFFIXES) or _is_kustomization(path))
        and not is_applied(path, products)
        and not path.startswith(skipped)
    }
    git.fetch_blobs({entry.blob for entry in candidates.values()})
    named = _files_naming_one(git, tree) & candidates.keys() | {path for path in candidates if _is_kustomization(path)}
    texts = read_texts(git, {path: candidates[path] for path in sorted(named)})
    return [f"{path}: {fault}" for path, text in texts.items() for fault in _faults(path, text, pin)]


def _files_naming_one(git: Git, tree: str) -> set[str]:
    git("read-tree", operands=[tree])
    pathspecs = [f":(glob)**/*{suffix}" for suffix in _SUFFIXES]
    listed = git("grep", "--cached", "-l", "-z", "-I", "-E", "-e", _MENTIONS, "--", *pathspecs, accept=(0, 1))
    return {path for path in listed.split("\0") if path}


def _is_kustomization(path: str) -> bool:
    return PurePosixPath(path).name in _KUSTOMIZATIONS


def _faults(path: str, text: str, pin: Pin) -> Iterator[str]:
    plain = _ONLY_ACTIONS.sub("", _ACTION.sub(_MARK, text))
    try:
        documents = list(load_documents(plain, read_limits()))
    except (yaml.YAMLError, ValueError, RecursionError):
        if _NAMES_ONE.search(text):
            yield "holds an Application and cannot be read as YAML, so nobody can tell what it follows"
        return
    for document in documents:
        yield from _object_faults(document, pin)
        yield from kustomize_faults(document) if _is_kustomization(path) else ()


def _object_faults(document: Any, pin: Pin) -> Iterator[str]:
    if not isinstance(document, dict):
        return
    for item in document["items"] if isinstance(document.get("items"), list) else ():
        yield from _object_faults(item, pin)
    kind, version = str(document.get("kind")), str(document.get("apiVersion"))
    if _MARK in kind and (_MARK in version or version.startswith("argoproj.io/")):
        yield f"its kind is made by a template; allowed: {APPLICATION} or {APPLICATION_SET}, as it is"
    elif _MARK in version or version.startswith("argoproj.io/"):
        yield from following_faults(document, pin)
