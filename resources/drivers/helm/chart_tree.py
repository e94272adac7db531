"""A chart with its dependencies as its package holds them, and the CRDs of those that a release's values switch on.

Source: helm, pkg/chart/v2/util/dependencies.go: tags first, conditions win; one that no Chart.yaml lists is on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resources.config.environment import merge_mappings
from resources.drivers.helm.charts import Package, readable_chart
from resources.drivers.helm.storage import manifest_objects
from resources.kubernetes.objects import Object
from resources.support.archives import read_members
from resources.support.cache import cached_json
from resources.support.yaml_limits import RENDERED, load_document, read_limits

# JSON, as it is kept in the user's cache: name, values, dependencies (of Chart.yaml), crds, and charts by folder.
ChartTree = dict[str, Any]
_SUFFIXES = (".yaml", ".yml", ".json")
CACHE = "charts"
PACKAGE_LABEL = "eks-assets/package"  # of a release: the package that it was made from
_KEY_DIGITS = 32


def package_key(package: Package) -> str:
    """By which the tree of a package is kept, and a release says which package it was made from (a label's value has
    at most 63 characters)."""
    return package.digest.removeprefix("sha256:")[:_KEY_DIGITS]


def chart_tree(package: Package) -> ChartTree:
    """The tree of the package's chart. Raises OperationFailed for one that cannot be read."""
    tree: ChartTree = cached_json(CACHE, package_key(package), lambda _: _read(package))
    return tree


def enabled_crds(tree: ChartTree, values: Mapping[str, Any]) -> list[Object]:
    """What stands in the `crds/` folders of the chart and of the dependencies that are on with the user's `values`."""
    whole = _coalesced(tree, values)
    return list(_crds(tree, whole, whole.get("tags") or {}))


def _read(package: Package) -> ChartTree:
    tree = _empty()
    with readable_chart(package.path):
        for name, content in read_members(package.verified(), read_limits()):
            parts = name.split("/")[1:]
            chart = tree
            while len(parts) > 2 and parts[0] == "charts":
                chart = chart["charts"].setdefault(parts[1], _empty())
                parts = parts[2:]
            _take(chart, "/".join(parts), content)
    return tree


def _empty() -> ChartTree:
    return {"name": "", "values": {}, "dependencies": [], "crds": [], "charts": {}}


def _take(chart: ChartTree, file: str, content: bytes) -> None:
    if file.startswith("crds/") and file.endswith(_SUFFIXES):
        objects = manifest_objects(content.decode())
        chart["crds"] += [obj for obj in objects if obj.get("kind") == "CustomResourceDefinition"]
    elif file in ("Chart.yaml", "requirements.yaml", "values.yaml"):
        document = load_document(content.decode(), read_limits().scaled(RENDERED)) or {}
        if file == "values.yaml":
            chart["values"] = document
        else:
            chart["name"] = document.get("name") or chart["name"]
            chart["dependencies"] += document.get("dependencies") or []


def _named(chart: ChartTree, below: ChartTree) -> list[tuple[str, Mapping[str, Any]]]:
    """The names under which a chart has one of the charts in it, each with its entry of Chart.yaml."""
    entries = [entry for entry in chart["dependencies"] if entry.get("name") == below["name"]]
    return [(str(e.get("alias") or e["name"]), e) for e in entries] or [(str(below["name"]), {})]


def _coalesced(chart: ChartTree, values: Any) -> dict[str, Any]:
    """The chart's values overlaid with the user's, those of its dependencies under their names."""
    merged = merge_mappings(chart["values"], dict(values) if isinstance(values, Mapping) else {})
    for below in chart["charts"].values():
        for name, _ in _named(chart, below):
            merged[name] = _coalesced(below, merged.get(name))
    return merged


def _crds(chart: ChartTree, values: Mapping[str, Any], tags: Mapping[str, Any]) -> Iterator[Object]:
    yield from chart["crds"]
    for below in chart["charts"].values():
        on = [name for name, entry in _named(chart, below) if _is_on(entry, values, tags)]
        if on:
            yield from _crds(below, values[on[0]], tags)


def _is_on(entry: Mapping[str, Any], values: Mapping[str, Any], tags: Mapping[str, Any]) -> bool:
    switches = [tags[tag] for tag in entry.get("tags") or [] if isinstance(tags.get(tag), bool)]
    for condition in str(entry.get("condition") or "").split(","):
        value: Any = values
        for step in condition.strip().split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if isinstance(value, bool):
            return value
    return any(switches) or not switches
