"""What a chart renders to with a release's values, and what of it is the same each time.

A chart is rendered twice by the real helm; what differs (random passwords, generated certificates, timestamps) is
volatile: it is left out of comparisons and listed, and of the digest it is a part by its place and type. Renderings are
kept in memory only, for the life of a plan or step: they can hold secrets.

The API versions that a chart may ask for are those that the cluster serves, those of the chart's own `crds/` folder
(helm installs it first), and those of the releases that `declare_releases` names and the cluster lacks: the same set
whether the cluster exists yet or not, and in whatever order units are planned.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from typing import Any

import yaml

from resources.context import Context
from resources.drivers.helm.chart_tree import ChartTree, chart_tree, enabled_crds
from resources.drivers.helm.charts import Package, package_of, readable_chart
from resources.drivers.helm.command import describe_release, run_helm, translate_helm_error, values_file
from resources.drivers.helm.comparison import Rendering, compare_renderings
from resources.drivers.helm.storage import check_objects, manifest_objects, release_exists
from resources.drivers.secrets import learn_secrets
from resources.kubernetes.discovery import read_discovery
from resources.kubernetes.errors import kubernetes_call
from resources.kubernetes.objects import Object
from resources.model.errors import CommandFailed, NotFound, OperationFailed
from resources.model.outputs import pending_fields, plain_document
from resources.model.specs import HelmRelease
from resources.support.memory_cache import CacheKey

_SCHEMA_REFUSES = "values don't meet the specifications of the schema"


_EXPECTED: CacheKey[tuple[HelmRelease, ...]] = CacheKey("releases that the environment has or will have")
_RENDERINGS: CacheKey[Rendering | None] = CacheKey("rendering of a chart, by its inputs")
_KUBERNETES_VERSION: CacheKey[str] = CacheKey("version of the API server")
_CLUSTER_EXISTS: CacheKey[bool] = CacheKey("whether the cluster exists")
_API_VERSIONS: CacheKey[frozenset[str]] = CacheKey("API versions that are or will be served")
_CHARTS: CacheKey[ChartTree] = CacheKey("chart and its dependencies, by digest of the package")


def declare_releases(releases: Iterable[HelmRelease], context: Context) -> None:
    """Say which releases the environment has, or will have: what their CRDs serve counts as served. Call it before
    the first preview; it costs nothing until then."""
    named = tuple(releases)
    context.cache.get(_EXPECTED, lambda: named)


def declare_no_cluster(context: Context) -> None:
    """Say that charts are rendered as for a cluster that does not exist yet; AWS is not asked whether it does."""
    context.cache.get(_CLUSTER_EXISTS, lambda: False)


def render_chart(spec: HelmRelease, package: Package, context: Context, *, installed: bool) -> Rendering | None:
    """The chart's objects as apply would render them; None where values that are still pending make it impossible.

    `installed`: the release exists. What the chart's `crds/` folder has is among the objects either way: helm leaves it
    alone then, and `crds.py` does not. Raises OperationFailed."""
    flags = _flags(spec, _served_to(spec, package, context), kubernetes_version(context), installed=installed)
    inputs = [package.digest, spec.name, spec.namespace, plain_document(spec.values), flags]
    key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return context.cache.get(_RENDERINGS, lambda: _rendered_twice(spec, package, flags, context), item=key)


def render_once(spec: HelmRelease, package: Package, context: Context, *, installed: bool) -> list[Object]:
    """The chart's objects as apply is about to make them, volatile or not. Raises CommandFailed."""
    served = _served_to(spec, package, context)
    return _template(spec, package, _flags(spec, served, kubernetes_version(context), installed=installed), context)


def render_for_version(
    spec: HelmRelease, package: Package, context: Context, kubernetes: str, *, added: Set[str], gone: Set[str]
) -> list[Object]:
    """The chart's objects as they would be on another version of Kubernetes ("1.35"), which serves some API versions
    more and some no more. Raises CommandFailed where the chart does not take that version."""
    served = (_served_to(spec, package, context) - gone) | added
    return _template(spec, package, _flags(spec, served, f"v{kubernetes}.0", installed=True), context)


def _served_to(spec: HelmRelease, package: Package, context: Context) -> frozenset[str]:
    """What a chart may ask for."""
    return api_versions(context) | (_own_crds(spec, package, context) if not spec.skip_crds else frozenset())


def _flags(spec: HelmRelease, versions: Set[str], kubernetes: str, *, installed: bool) -> list[str]:
    flags = ["--kube-version", kubernetes]
    flags += [flag for version in sorted(versions) for flag in ("--api-versions", version)]
    return [*flags, *(["--is-upgrade"] if installed else []), *([] if spec.skip_crds else ["--include-crds"])]


def kubernetes_version(context: Context) -> str:
    """The cluster's version, as helm sees it; the environment's where there is no cluster yet."""

    def ask() -> str:
        if not cluster_exists(context):
            return context.env.kubernetes_version
        with kubernetes_call("asking the cluster for its version"):
            return str(context.cluster.api.version["kubernetes"]["gitVersion"])

    return context.cache.get(_KUBERNETES_VERSION, ask)


def cluster_exists(context: Context) -> bool:
    """Whether the environment's cluster has an endpoint."""

    def ask() -> bool:
        try:
            return bool(context.cluster.address)
        except NotFound:
            return False

    return context.cache.get(_CLUSTER_EXISTS, ask)


def api_versions(context: Context) -> frozenset[str]:
    """`group/version` and `group/version/Kind` of everything that is served, or will be by the expected releases."""

    def find() -> frozenset[str]:
        live = _served(context) if cluster_exists(context) else frozenset()
        expected = context.cache.get(_EXPECTED, tuple)
        return live.union(*(_brought(release, context) for release in expected))

    return context.cache.get(_API_VERSIONS, find)


def _served(context: Context) -> frozenset[str]:
    versions: set[str] = set()
    for group in read_discovery(context.cluster):
        for served in group["versions"]:
            name = f"{group['metadata']['name']}/{served['version']}"
            versions |= {name, *(f"{name}/{r['responseKind']['kind']}" for r in served.get("resources", ()))}
    return frozenset(versions)


def _brought(spec: HelmRelease, context: Context) -> frozenset[str]:
    """What the CRDs of a release that is not installed yet will serve, from its `crds/` folder and its templates."""
    if cluster_exists(context) and release_exists(context, spec.namespace, spec.name):
        return frozenset()
    package = package_of(spec, context)
    flags = [
        "--kube-version",
        kubernetes_version(context),
        *(["--skip-crds"] if spec.skip_crds else ["--include-crds"]),
    ]
    try:
        with readable_chart(package.path):
            return _crd_versions(_template(spec, package, flags, context))
    except CommandFailed:
        return frozenset() if spec.skip_crds else _own_crds(spec, package, context)


def _own_crds(spec: HelmRelease, package: Package, context: Context) -> frozenset[str]:
    return _crd_versions(chart_crds(package, plain_document(spec.values), context))


def chart_crds(package: Package, values: Mapping[str, Any], context: Context) -> list[Object]:
    """What stands in the `crds/` folders of a chart and of those of its dependencies that the values switch on."""
    return enabled_crds(context.cache.get(_CHARTS, lambda: chart_tree(package), item=package.digest), values)


def _crd_versions(objects: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    versions: set[str] = set()
    for spec in (obj["spec"] for obj in objects if obj.get("kind") == "CustomResourceDefinition"):
        for version in (v["name"] for v in spec["versions"] if v.get("served")):
            versions |= {f"{spec['group']}/{version}", f"{spec['group']}/{version}/{spec['names']['kind']}"}
    return frozenset(versions)


def _rendered_twice(spec: HelmRelease, package: Package, flags: list[str], context: Context) -> Rendering | None:
    try:
        first = _template(spec, package, flags, context)
        # Another second, so that a timestamp shows.
        time.sleep(1 - time.time() % 1)
        return compare_renderings(first, _template(spec, package, flags, context), spec.namespace)
    except (CommandFailed, yaml.YAMLError, UnicodeError) as error:
        # A placeholder is no value: a chart may want a number there, or part of it.
        if pending_fields(spec.values):
            return None
        if isinstance(error, CommandFailed):
            raise translate_helm_error(error, spec) from error
        raise OperationFailed(
            f"{describe_release(spec)}: the chart renders something that is no YAML: {error}"
        ) from error


def _template(spec: HelmRelease, package: Package, flags: list[str], context: Context) -> list[Object]:
    with values_file(spec, context) as values:
        argv = ["template", spec.name, str(package.verified()), "--namespace", spec.namespace, "--values", str(values)]

        def render(*more: str) -> list[Object]:
            rendered = run_helm([*argv, *flags, *more], context, timeout=120, with_cluster=False)
            objects = check_objects(manifest_objects(rendered))
            learn_secrets(spec, objects, context)
            return objects

        try:
            return render()
        except CommandFailed as error:
            # helm quotes the value that the schema refuses: whether it becomes part of a Secret must be known.
            if _SCHEMA_REFUSES in error.stderr_tail:
                with suppress(CommandFailed, yaml.YAMLError, UnicodeError):
                    render("--skip-schema-validation")
            raise
