"""What Argo CD and the API server refuse of the metadata of an AppProject or ApplicationSet, and of the Applications
that it makes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from resources.config.eksctl.labels import LabelKey, Labels

NAMESPACE = "argocd"
# Argo CD removes the annotation when it has read git again.
REFRESH = {"Application": "argocd.argoproj.io/refresh", "ApplicationSet": "argocd.argoproj.io/application-set-refresh"}
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_LABELS: TypeAdapter[Any] = TypeAdapter(Labels)
_ANNOTATIONS: TypeAdapter[Any] = TypeAdapter(dict[LabelKey, str])
_TEMPLATED = "{{"  # what an ApplicationSet fills in is not known here


def metadata_faults(document: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each fault. Argo CD looks for ApplicationSets and Applications in its own namespace alone."""
    yield from _faults(document.get("metadata"), "metadata")
    spec = document.get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    yield from _faults(template.get("metadata") if isinstance(template, dict) else None, "spec.template.metadata")


def _faults(metadata: Any, where: str) -> Iterator[str]:
    if not isinstance(metadata, dict):
        return
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if isinstance(name, str) and name and _TEMPLATED not in name and not _NAME.fullmatch(name):
        allowed = "a-z, 0-9, hyphens and dots, with a letter or digit at both ends"
        yield f"{where}.name {name} is not a Kubernetes name; allowed: {allowed}"
    if namespace not in (None, NAMESPACE):
        yield f"{where}.namespace is {namespace}, where nobody looks; allowed: {NAMESPACE}, or leave it out"
    for field, adapter in (("labels", _LABELS), ("annotations", _ANNOTATIONS)):
        entries = metadata.get(field)
        if not isinstance(entries, dict) or any(_TEMPLATED in str(text) for pair in entries.items() for text in pair):
            continue
        try:
            adapter.validate_python(entries)
        except ValidationError as error:
            yield from (f"{where}.{field}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors())
