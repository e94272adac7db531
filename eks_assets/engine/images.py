"""The container images that an environment's charts and objects ask for, from what they render to: neither AWS nor the
cluster is asked, so that a mirror can be filled before there is either."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from resources.context import Context
from resources.drivers.helm.charts import package_of
from resources.drivers.helm.rendering import declare_no_cluster, declare_releases, render_once
from resources.model.errors import PipelineError
from resources.model.outputs import plain_document
from resources.model.specs import HelmRelease, Manifests, Spec, Stack

_ADDON = "AWS::EKS::Addon"
# What an operator is told to start: --prometheus-config-reloader=quay.io/prometheus-operator/...:v0.89.0
_ARGUMENT = re.compile(
    r"--[\w.-]+=(?P<image>[\w-]+(?:\.[\w-]+)+(?::\d+)?/[\w./-]+(?::v?\d[\w.-]*|@sha256:[0-9a-f]{64}))"
)
_PLACEHOLDERS = {"", "auto"}  # Istio fills in its proxy's
_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")


@dataclass(frozen=True)
class Image:
    """An image as it is asked for, and by which units. `digest`: where the reference has one."""

    reference: str
    units: tuple[str, ...]

    @property
    def digest(self) -> str | None:
        match = _DIGEST.search(self.reference)
        return match[1] if match else None


@dataclass(frozen=True)
class ImageList:
    """`unknown`: units whose images are not among them, each with the reason; `addons`: EKS's own add-ons, which take
    theirs from Amazon's registry of the region and say nowhere which."""

    images: tuple[Image, ...]
    unknown: Mapping[str, str]
    addons: tuple[str, ...]


def list_images(registry: Registry, context: Context) -> ImageList:
    """The images of all units that are on; charts are pulled where the cache does not have them. What goes wrong with
    one unit is in `unknown`."""
    declare_no_cluster(context)
    specs = {u.name: render_spec(registry, context.env, u, {}) for u in registry.units if u.is_enabled(context.env)}
    units: defaultdict[str, set[str]] = defaultdict(set)
    unknown: dict[str, str] = {}
    addons: set[str] = set()
    # One chart that cannot be had must not keep the others from being rendered: each asks what all will serve.
    for name, spec in specs.items():
        try:
            if isinstance(spec, HelmRelease):
                package_of(spec, context)
        except PipelineError as error:
            unknown[name] = str(error)
    known = {name: spec for name, spec in specs.items() if name not in unknown}
    declare_releases((spec for spec in known.values() if isinstance(spec, HelmRelease)), context)
    for name, spec in known.items():
        try:
            for reference in _images_of(spec, context):
                units[reference].add(name)
        except PipelineError as error:
            unknown[name] = str(error)
        if isinstance(spec, Stack):
            addons.update(_addons(spec))
    images = tuple(Image(reference, tuple(sorted(units[reference]))) for reference in sorted(units))
    return ImageList(images, unknown, tuple(sorted(addons)))


def _images_of(spec: Spec[Any], context: Context) -> Iterator[str]:
    if isinstance(spec, HelmRelease):
        yield from images_in(render_once(spec, package_of(spec, context), context, installed=False))
    elif isinstance(spec, Manifests):
        yield from images_in(plain_document(spec.objects))


def images_in(document: Any) -> Iterator[str]:
    """Each `image` of Kubernetes objects, of pods and of what operators make pods from, and those in arguments of
    containers; a CRD has none, whatever its schema says."""
    if isinstance(document, Mapping):
        if document.get("kind") == "CustomResourceDefinition":
            return
        image = document.get("image")
        if isinstance(image, str) and image not in _PLACEHOLDERS:
            yield image
        for argument in [*_texts(document.get("args")), *_texts(document.get("command"))]:
            if match := _ARGUMENT.fullmatch(argument):
                yield match["image"]
        for below in document.values():
            yield from images_in(below)
    elif isinstance(document, list | tuple):
        for below in document:
            yield from images_in(below)


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []


def _addons(spec: Stack[Any]) -> Iterator[str]:
    for resource in (plain_document(spec.template).get("Resources") or {}).values():
        if resource.get("Type") == _ADDON:
            yield str(resource["Properties"]["AddonName"])
