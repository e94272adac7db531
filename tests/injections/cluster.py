"""The declared objects of a deployed environment as they are in its cluster, and changes made to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubernetes.client.exceptions import ApiException

from eks_assets.engine.known_outputs import known_outputs
from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.context import Context
from resources.drivers.git.manifests import load_objects
from resources.drivers.helm.crds import applied_crds
from resources.drivers.helm.drift import is_hook
from resources.drivers.helm.storage import newest_release
from resources.kubernetes.live_diff import object_title
from resources.kubernetes.objects import describe_object, read_object
from resources.model.outputs import plain_document
from resources.model.specs import GitManifests, HelmRelease, Manifests, Spec
from tests.injections.injection import Injection, Object
from tests.injections.managed_fields import changed_part

ATTEMPTS, CONFLICT = 5, 409


@dataclass(frozen=True)
class Declared:
    """An object of a unit, by the title that findings give it, as it is now."""

    unit: str
    title: str
    live: Object


def declared_objects(context: Context) -> Iterator[Declared]:
    """Of releases, charts' `crds/` folders and manifests, in the order of the units."""
    registry = load_registry()
    for unit in registry.units:
        if unit.is_enabled(context.env):
            spec = render_spec(registry, context.env, unit, known_outputs(registry, unit, context))
            for obj, is_helms in _objects_of(spec, context):
                if live := read_object(context.cluster, obj):
                    title = object_title(live, live["metadata"].get("namespace"))
                    yield Declared(unit.name, title if is_helms else describe_object(live), live)


def _objects_of(spec: Spec[Any], context: Context) -> Iterator[tuple[Object, bool]]:
    if isinstance(spec, Manifests | GitManifests):
        manifests = load_objects(spec, context) if isinstance(spec, GitManifests) else spec
        yield from ((plain_document(obj), False) for obj in manifests.objects)
    elif isinstance(spec, HelmRelease) and (release := newest_release(context, spec.namespace, spec.name)):
        for obj in (*release.objects, *applied_crds(release, spec, context)):
            if not is_hook(obj):
                yield {**obj, "metadata": {"namespace": spec.namespace, **obj["metadata"]}}, True


def change_object(injection: Injection, named: Object, manager: str, context: Context) -> Object:
    """Make the change as that program would, again where a controller was quicker; the object as it was before. Raises
    ApiException where the API server refuses it."""
    for attempt in range(ATTEMPTS):
        before = read_object(context.cluster, named)
        assert before is not None, named["metadata"]["name"]
        try:
            _send(injection, before, manager, context)
        except ApiException as error:
            if error.status != CONFLICT or attempt + 1 == ATTEMPTS:
                raise
        else:
            return before
    raise AssertionError


def _send(injection: Injection, live: Object, manager: str, context: Context) -> None:
    resource = context.cluster.kind(live["apiVersion"], live["kind"])
    meta = live["metadata"]
    where = {"name": meta["name"], "namespace": meta.get("namespace")}
    if injection.verb == "delete":
        resource.delete(**where)
    elif injection.verb == "apply":
        part = changed_part(live, injection.changed(live))
        named = {key: meta[key] for key in ("name", "namespace") if key in meta}
        identity = {"apiVersion": live["apiVersion"], "kind": live["kind"]}
        body = {**part, **identity, "metadata": {**part.get("metadata", {}), **named}}
        client: Any = context.cluster.api
        client.server_side_apply(resource, body=body, field_manager=manager, force_conflicts=True, **where)
    else:
        resource.replace(body=injection.changed(live), field_manager=manager, **where)
