"""Reads what the checks need from AWS, the cluster, the registry of charts and git; each thing once."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from resources.audit.deprecated_calls import DeprecatedCall, count_deprecated_calls, list_deprecated_calls
from resources.audit.kubernetes_audit import is_audit_on
from resources.aws.errors import aws_call
from resources.config.environment import Environment
from resources.config.planner_view import RELEASES_ALONE, helm_namespaces
from resources.context import Context
from resources.drivers.helm.charts import package_of
from resources.drivers.helm.rendering import render_for_version
from resources.drivers.helm.storage import Release, newest_release, newest_releases
from resources.drivers.insights import list_insights, refresh_insights
from resources.kubernetes.discovery import list_served_kinds
from resources.kubernetes.objects import list_objects
from resources.model.errors import CommandFailed, NotFound, OperationFailed, PipelineError
from resources.model.outputs import pending_fields
from resources.model.specs import AnyGitTree, HelmRelease
from resources.support.memory_cache import CacheKey
from resources.upgrade.branch import read_branch
from resources.upgrade.live import ChartRendering, Insights, Object, Rendered, RequestedApi
from resources.upgrade.served_apis import read_served_apis

T = TypeVar("T")
_READ: CacheKey[Any] = CacheKey("what was read for the verdict on an upgrade")
_DAYS = 30  # of the audit log; EKS's insights look back as far
_UPDATES = 10  # of a cluster, of which the newest is looked for
_WIDTH = 3  # charts that are rendered side by side
# By unit and Kubernetes version, what the environment's releases are.
Releases = Callable[[str], Mapping[str, HelmRelease]]


class LiveEnvironment:
    """An environment as it is now (`live.Live`). `releases`: what the environment's releases would be with another
    version; `trees`: the branches of application repositories that it wants. Safe to share between threads."""

    def __init__(self, context: Context, releases: Releases, trees: Callable[[], Sequence[AnyGitTree]]) -> None:
        self._context = context
        self._releases = releases
        self._trees = trees

    @property
    def env(self) -> Environment:
        return self._context.env

    def _once(self, make: Callable[[], T], *item: object) -> T:
        read: T = self._context.cache.get(_READ, make, item=item)
        return read

    @property
    def _eks(self) -> Any:
        return self._context.aws.client("eks")

    def cluster(self) -> Mapping[str, Any]:
        """As DescribeCluster answers."""

        def read() -> Mapping[str, Any]:
            with aws_call(f"describing the EKS cluster {self.env.cluster_name}"):
                cluster: Mapping[str, Any] = self._eks.describe_cluster(name=self.env.cluster_name)["cluster"]
            return cluster

        return self._once(read, "cluster")

    def node_groups(self) -> Sequence[Mapping[str, Any]]:
        """As DescribeNodegroup answers, of each."""
        return self._once(partial(self._each, "nodegroup", "nodegroups", "nodegroupName"), "node groups")

    def addons(self) -> Sequence[Mapping[str, Any]]:
        """As DescribeAddon answers, of each."""
        return self._once(partial(self._each, "addon", "addons", "addonName"), "add-ons")

    def _each(self, what: str, listed: str, key: str) -> list[Mapping[str, Any]]:
        name = self.env.cluster_name
        with aws_call(f"reading the {listed} of the EKS cluster {name}"):
            pages = self._eks.get_paginator(f"list_{listed}").paginate(clusterName=name)
            names = [one for page in pages for one in page[listed]]
            describe = getattr(self._eks, f"describe_{what}")
            return [describe(clusterName=name, **{key: one})[what] for one in names]

    def addon_versions(self, name: str, kubernetes: str) -> Sequence[str]:
        """The versions of an add-on that EKS offers for a Kubernetes version, its default first."""

        def read() -> list[str]:
            with aws_call(f"looking for the versions of the add-on {name} for Kubernetes {kubernetes}"):
                pages = self._eks.get_paginator("describe_addon_versions").paginate(
                    addonName=name, kubernetesVersion=kubernetes
                )
                offered = [version for page in pages for addon in page["addons"] for version in addon["addonVersions"]]
            return [v["addonVersion"] for v in sorted(offered, key=lambda v: not _is_default(v, kubernetes))]

        return self._once(read, "add-on versions", name, kubernetes)

    def cluster_versions(self) -> Mapping[str, Mapping[str, Any]]:
        """As DescribeClusterVersions answers, by version."""

        def read() -> dict[str, Mapping[str, Any]]:
            with aws_call("listing the Kubernetes versions of EKS"):
                pages = self._eks.get_paginator("describe_cluster_versions").paginate()
                return {v["clusterVersion"]: v for page in pages for v in page["clusterVersions"]}

        return self._once(read, "cluster versions")

    def insights(self) -> Insights:
        """Those of UPGRADE_READINESS, brought up to date first where that is allowed."""
        return self._once(self._read_insights, "insights")

    def _read_insights(self) -> Insights:
        name, reason = self.env.cluster_name, ""
        try:
            refresh_insights(name, self._context)
        except PipelineError as error:
            # What EKS has found before may still be new enough.
            reason = f"not brought up to date: {error.message}"
        summaries = list_insights(name, "UPGRADE_READINESS", self._context)
        with aws_call(f"describing the insights of the EKS cluster {name}"):
            insights = [self._eks.describe_insight(clusterName=name, id=one["id"])["insight"] for one in summaries]
        return Insights(insights, self._last_change(), not reason, reason)

    def _last_change(self) -> dt.datetime:
        """Of the cluster, its add-ons and node groups: insights of before it say nothing."""
        name = self.env.cluster_name
        times = [self.cluster().get("createdAt")]
        times += [one.get("modifiedAt") or one.get("createdAt") for one in (*self.addons(), *self.node_groups())]
        with aws_call(f"listing the updates of the EKS cluster {name}"):
            identifiers = self._eks.list_updates(name=name)["updateIds"][:_UPDATES]
            times += [
                self._eks.describe_update(name=name, updateId=one)["update"].get("createdAt") for one in identifiers
            ]
        return max(time for time in times if isinstance(time, dt.datetime))

    def subnets(self) -> Sequence[Mapping[str, Any]]:
        """Those of the control plane, as DescribeSubnets answers."""

        def read() -> Sequence[Mapping[str, Any]]:
            identifiers = self.cluster()["resourcesVpcConfig"].get("subnetIds") or []
            with aws_call(f"describing the subnets of the EKS cluster {self.env.cluster_name}"):
                client: Any = self._context.aws.client("ec2")
                subnets: Sequence[Mapping[str, Any]] = client.describe_subnets(SubnetIds=identifiers)["Subnets"]
            return subnets

        return self._once(read, "subnets")

    def objects(self, api_version: str, kind: str) -> Sequence[Object]:
        """All objects of a kind; none where the cluster does not know it. Raises NotFound where it cannot be asked."""

        def read() -> Sequence[Object]:
            cluster = self._context.cluster
            assert cluster.address, "that there is a cluster to ask is not what an empty list says"
            return list_objects(cluster, api_version, kind)

        return self._once(read, "objects", api_version, kind)

    def served_kinds(self) -> frozenset[str]:
        """`group/version/Kind` of what the cluster serves, but for the core group."""
        return self._once(partial(list_served_kinds, self._context.cluster), "served kinds")

    def requested_apis(self) -> Sequence[RequestedApi]:
        """By the API server's own count, and by the audit log where there is one."""

        def read() -> list[RequestedApi]:
            counted = count_deprecated_calls(self._context.cluster)
            asked = [RequestedApi(c.resource, c.removed_in, "counted by the API server that answers") for c in counted]
            calls = list(self._audited())
            return asked + [RequestedApi(c.resource, c.removed_in, f"audit log, {c.time}", c.by) for c in calls]

        return self._once(read, "requested APIs")

    def _audited(self) -> Iterator[DeprecatedCall]:
        """The newest call of each client."""
        if not is_audit_on(self._context):
            return
        newest: dict[tuple[str, str, str], DeprecatedCall] = {}
        try:
            for call in list_deprecated_calls(self._context, time.time() - _DAYS * 24 * 3600):
                newest[call.resource, call.removed_in, call.by] = call
        except NotFound:  # nothing has been written yet
            return
        yield from newest.values()

    def charts(self, kubernetes: str) -> Sequence[ChartRendering]:
        """The charts of the environment's releases, rendered for that version."""
        return self._once(partial(self._render_all, kubernetes), "charts", kubernetes)

    def _render_all(self, kubernetes: str) -> list[ChartRendering]:
        with ThreadPoolExecutor(_WIDTH, thread_name_prefix="charts") as pool:
            releases = self._releases(kubernetes)
            return list(pool.map(partial(self._render, kubernetes), releases.keys(), releases.values()))

    def _render(self, kubernetes: str, unit: str, spec: HelmRelease) -> ChartRendering:
        chart = f"{spec.chart} {spec.version}"
        if pending := pending_fields(spec.model_dump(mode="python")):
            raise OperationFailed(
                f"{unit} cannot be rendered: nobody knows {', '.join(pending)} yet",
                next_step=f"eks-assets deploy {self.env.name}, then ask again",
            )
        package = package_of(spec, self._context)
        before, after = _names(str(self.cluster()["version"])), _names(kubernetes)
        added, gone = after - before, before - after
        try:
            objects = render_for_version(spec, package, self._context, kubernetes, added=added, gone=gone)
        except CommandFailed as error:
            return ChartRendering(unit, chart, refusal=error.stderr_tail.strip().splitlines()[-1])
        return ChartRendering(unit, chart, tuple(objects))

    def releases(self) -> Sequence[Rendered]:
        """What helm keeps of every release whose Secrets we see."""
        return self._once(self._read_releases, "releases")

    def _read_releases(self) -> list[Rendered]:
        releases, problems = newest_releases(self._context)
        if problems:
            raise OperationFailed(
                "; ".join(problems), next_step="helm list -A shows which; delete what helm cannot read"
            )
        if self._context.aws.planning:
            alone = ((ns, name) for ns in helm_namespaces(self.env) for name in RELEASES_ALONE[ns])
            named = (newest_release(self._context, namespace, name) for namespace, name in alone)
            releases = [*releases, *(release for release in named if release is not None)]
        return [_kept(release) for release in releases]

    def branch(self) -> Sequence[Rendered]:
        """What the environment's branch of the application repository holds."""
        return self._once(lambda: [one for tree in self._trees() for one in read_branch(tree, self._context)], "branch")


def _is_default(version: Mapping[str, Any], kubernetes: str) -> bool:
    return any(c.get("defaultVersion") and c["clusterVersion"] == kubernetes for c in version["compatibilities"])


def _names(version: str) -> frozenset[str]:
    """What a chart may ask for of a version: `apps/v1` and `apps/v1/Deployment`."""
    served = read_served_apis(version)
    kinds = served.kinds if served else {}
    return frozenset(kinds) | {name.rpartition("/")[0] for name in kinds}


def _kept(release: Release) -> Rendered:
    source = f"release {release.namespace}/{release.name}, revision {release.revision}, as helm keeps it"
    way_out = (
        f"deploy a chart version without them while the cluster still serves them, or rewrite what helm keeps: "
        f"helm mapkubeapis {release.name} --namespace {release.namespace}"
    )
    return Rendered(source, tuple(release.objects), way_out)
