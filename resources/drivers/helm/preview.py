"""What a release's chart renders to, against the live objects: the part of a Helm plan that runs helm."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from resources.context import Context
from resources.drivers.helm.charts import package_of
from resources.drivers.helm.drift import EXISTS, compare_objects, is_hook, title_of
from resources.drivers.helm.live_objects import live_object
from resources.drivers.helm.rendering import cluster_exists, render_chart
from resources.drivers.helm.shown_secrets import is_hidden_object
from resources.drivers.helm.storage import Release, newest_release
from resources.kubernetes.live_diff import POD_TEMPLATES, as_stored, removed_fields
from resources.kubernetes.objects import Object
from resources.model.change import Change, FieldChange
from resources.model.specs import HelmRelease

KEEP = "helm.sh/resource-policy"


def preview_release(spec: HelmRelease, change: Change, context: Context) -> Change:
    """The change with the fields of the live objects that it would change, make or remove.

    `facts`: `chart` (sha256 of the package) and `manifest` (sha256 of what it renders to, without what is volatile);
    without `manifest` the values that are still pending do not allow to render. Raises OperationFailed, Refused,
    Transient."""
    package = package_of(spec, context)
    release = newest_release(context, spec.namespace, spec.name) if cluster_exists(context) else None
    rendering = render_chart(spec, package, context, installed=release is not None)
    facts = {"chart": package.digest}
    if rendering is None:
        return replace(change, facts=facts, reason=f"{change.reason}; rendered once its values are known")
    objects = object_fields(spec, release, rendering.objects, rendering.volatile, context)
    applied = release.objects if release else []
    return replace(
        change,
        fields=(*masked_where_secret(change.fields, [*rendering.objects, *applied]), *objects),
        facts={**facts, "manifest": rendering.digest_with(context.hide)},
        volatile=rendering.volatile,
        disrupts=(*change.disrupts, *list_disruptions(objects, rendering.objects, spec.namespace)),
    )


def object_fields(
    spec: HelmRelease, release: Release | None, rendered: Iterable[Object], volatile: tuple[str, ...], context: Context
) -> tuple[FieldChange, ...]:
    """The fields of the live objects that `rendered` would change, make or remove."""
    kept = [obj for obj in rendered if not is_hook(obj)]
    if not cluster_exists(context):
        return tuple(FieldChange(title_of(obj, spec.namespace), None, EXISTS) for obj in kept)
    wanted = {title_of(obj, spec.namespace): obj for obj in kept}
    applied = list(release.objects) if release else []
    # Of what we may not see, what was applied last stands for what is there.
    unseen = {
        title_of(obj, spec.namespace): {**as_stored(obj), "metadata": {"namespace": spec.namespace, **obj["metadata"]}}
        for obj in applied
        if is_hidden_object(obj, spec.namespace, context)
    }
    fields = list(compare_objects(kept, spec.namespace, context, unseen))
    for old in applied:
        name = title_of(old, spec.namespace)
        if is_hook(old) or (name not in unseen and live_object(old, spec.namespace, context) is None):
            continue
        if name in wanted:
            gone = removed_fields(old, wanted[name])
            fields += [replace(c, path=f"{name}: {c.path}") for c in gone if f"{name}: {c.path}" not in volatile]
        elif f"{name.rpartition('/')[0]}/*" not in volatile and not _is_kept(old):
            fields.append(FieldChange(name, EXISTS, None))
    return tuple(fields)


def _is_kept(obj: Mapping[str, Any]) -> bool:
    return (obj["metadata"].get("annotations") or {}).get(KEEP) == "keep"


def list_disruptions(fields: Iterable[FieldChange], objects: Iterable[Object], namespace: str) -> Iterator[str]:
    """A sentence for each workload whose pods the changed fields restart or remove."""
    on_delete = {title_of(obj, namespace) for obj in objects if _waits_for_deletion(obj)}
    named: set[str] = set()
    for change in fields:
        name, _, path = change.path.partition(": ")
        kind, _, where = name.partition("/")
        if kind not in POD_TEMPLATES or name in named:
            continue
        if not path and change.after is None:
            named.add(name)
            yield f"pods of {kind} {where} are removed"
        elif path.startswith("spec.template") and name not in on_delete:
            named.add(name)
            yield f"pods of {kind} {where} restart"


def _waits_for_deletion(obj: Mapping[str, Any]) -> bool:
    return ((obj.get("spec") or {}).get("updateStrategy") or {}).get("type") == "OnDelete"


def masked_where_secret(fields: Iterable[FieldChange], objects: Iterable[Mapping[str, Any]]) -> tuple[FieldChange, ...]:
    """The values of the release with those masked that become the data of a Secret among `objects`, or a part of it
    that no other object has."""
    secrets: set[str] = set()
    public: set[str] = set()
    for obj in map(as_stored, objects):
        if obj.get("kind") == "Secret":
            secrets |= {_decoded(str(v)) for v in (obj.get("data") or {}).values()}
        elif obj.get("kind") != "CustomResourceDefinition":
            public.update(_texts(obj))
    secrets.discard("")
    secret_text, public_text = "\0".join(secrets), "\0".join(public)

    def is_secret(value: Any) -> bool:
        is_part = isinstance(value, str) and value and value in secret_text and value not in public_text
        return bool(is_part) or str(value) in secrets

    return tuple(f.masked() if is_secret(f.before) or is_secret(f.after) else f for f in fields)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _texts(below)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except ValueError:
        return ""
