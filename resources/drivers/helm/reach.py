"""What of a release's change touches identity or reach: where its chart comes from, and what it renders to."""

from __future__ import annotations

from collections.abc import Iterator

from resources.context import Context
from resources.drivers.helm.charts import hash_chart_source, package_of
from resources.drivers.helm.comparison import Rendering, objects_by_title
from resources.drivers.helm.drift import is_hook
from resources.drivers.helm.preview import object_fields
from resources.drivers.helm.rendering import cluster_exists, render_chart
from resources.drivers.helm.storage import Release, newest_release
from resources.model.change import FieldChange, diff
from resources.model.outputs import plain_document
from resources.model.reach import is_reach_of_object, is_reach_of_volatile
from resources.model.specs import HelmRelease

SOURCE_LABEL = "eks-assets/source"


def list_release_reach(spec: HelmRelease, context: Context) -> tuple[str, ...]:
    """The parts, a few words each; all that the chart renders where the release is new. Raises OperationFailed,
    Refused, Transient."""
    package = package_of(spec, context)
    release = newest_release(context, spec.namespace, spec.name) if cluster_exists(context) else None
    rendering = render_chart(spec, package, context, installed=release is not None)
    if rendering is None:
        return ("what it renders to, which its pending values hide",)
    fields = object_fields(spec, release, rendering.objects, rendering.volatile, context)
    titles = [title for field in (*fields, *_hooks(spec, release, rendering)) for title in _titles(field)]
    titles += [path.partition(": ")[0] for path in rendering.volatile if _is_hidden(path)]
    source = [*_source(spec, release, context), *_templates(spec, release)] if release else []
    return tuple(dict.fromkeys([*source, *titles]))


def _titles(field: FieldChange) -> Iterator[str]:
    title, _, path = field.path.partition(": ")
    kind = title.partition("/")[0]
    if is_reach_of_object(kind, FieldChange(path, field.before, field.after)):
        yield title


def _source(spec: HelmRelease, release: Release, context: Context) -> Iterator[str]:
    """Charts run with the rights of their controllers, so who supplies them counts, whatever they render to today."""
    if release.chart != spec.chart:
        yield f"chart {release.chart}, now {spec.chart}"
    elif release.labels.get(SOURCE_LABEL) != hash_chart_source(spec, context.env):
        yield "source of the chart"


def _templates(spec: HelmRelease, release: Release) -> Iterator[str]:
    """A template in a value can look into the cluster, and render there to something else than here."""
    for field in diff(release.values, plain_document(spec.values)):
        if "{{" in str(field.after):
            yield f"template in values.{field.path}"


def _hooks(spec: HelmRelease, release: Release | None, rendering: Rendering) -> Iterator[FieldChange]:
    """The fields of hooks, which helm runs and keeps in no manifest."""
    new = objects_by_title(filter(is_hook, rendering.objects), spec.namespace)
    old = objects_by_title(release.hooks if release else (), spec.namespace)
    for title in sorted(old.keys() | new.keys()):
        if title not in old or title not in new:
            yield FieldChange(title, old.get(title), new.get(title))
            continue
        for field in diff(old[title], new[title]):
            path = f"{title}: {field.path}".replace('["', "").replace('"]', "")
            if not path.startswith(rendering.volatile):
                yield FieldChange(path, field.before, field.after)


def _is_hidden(volatile: str) -> bool:
    title, _, path = volatile.partition(": ")
    return is_reach_of_volatile(title.partition("/")[0], path or "*")
