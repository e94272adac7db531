"""What the checks read: one method for each source of evidence. `resources/upgrade/reading.py` asks AWS and the
cluster; the checks' tests hand in plain objects. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from resources.config.environment import Environment
from resources.upgrade.findings import Severity, UpgradeFinding, minor_number

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One minor version up. `is_first`: the step that would begin now."""

    before: str
    after: str
    is_first: bool = True

    @property
    def minor(self) -> int:
        """35 of the step to 1.35."""
        return minor_number(self.after)


@dataclass(frozen=True)
class Finding:
    """What a check yields; the check's name and the step are added to it (`registry.py`)."""

    severity: Severity
    object: str
    message: str
    way_out: str = ""
    evidence: tuple[str, ...] = ()

    def placed(self, check: str, step: Step) -> UpgradeFinding:
        """As people read it."""
        return UpgradeFinding(
            check=check,
            severity=self.severity,
            step=step.after,
            object=self.object,
            message=self.message,
            evidence=self.evidence,
            way_out=self.way_out,
        )


@dataclass(frozen=True)
class Rendered:
    """Objects that somebody will apply again. `source`: what they come from, in words; `way_out`: what changes them."""

    source: str
    objects: tuple[Object, ...]
    way_out: str


@dataclass(frozen=True)
class ChartRendering:
    """A chart of ours rendered for a Kubernetes version. `refusal`: why helm does not do it; empty where it does."""

    unit: str
    chart: str
    objects: tuple[Object, ...] = ()
    refusal: str = ""


@dataclass(frozen=True)
class RequestedApi:
    """A deprecated API that somebody has asked the API server for. `removed_in`: the version without it, where
    Kubernetes has named one; `seen`: where this is known from; `by`: who asked, where that is known."""

    resource: str
    removed_in: str
    seen: str
    by: str = ""


@dataclass(frozen=True)
class Insights:
    """EKS's upgrade insights. `refreshed`: whether they were brought up to date now; `reason`: why not."""

    insights: Sequence[Mapping[str, Any]]
    last_change: dt.datetime
    refreshed: bool = True
    reason: str = ""


class Live(Protocol):
    """An environment as it is now. Each method asks once, however many checks want the answer, and raises AccessDenied,
    OperationFailed, Transient or another PipelineError where it cannot: the check then is a finding of severity
    `unknown`."""

    @property
    def env(self) -> Environment: ...

    def cluster(self) -> Mapping[str, Any]:
        """As DescribeCluster answers."""

    def node_groups(self) -> Sequence[Mapping[str, Any]]:
        """As DescribeNodegroup answers, of each."""

    def addons(self) -> Sequence[Mapping[str, Any]]:
        """As DescribeAddon answers, of each."""

    def addon_versions(self, name: str, kubernetes: str) -> Sequence[str]:
        """The versions of an add-on that EKS offers for a Kubernetes version, its default first."""

    def cluster_versions(self) -> Mapping[str, Mapping[str, Any]]:
        """As DescribeClusterVersions answers, by version."""

    def insights(self) -> Insights:
        """Those of UPGRADE_READINESS, with their details."""

    def subnets(self) -> Sequence[Mapping[str, Any]]:
        """Those of the control plane, as DescribeSubnets answers."""

    def objects(self, api_version: str, kind: str) -> Sequence[Object]:
        """All objects of a kind; none where the cluster does not know it."""

    def served_kinds(self) -> frozenset[str]:
        """`group/version/Kind` of everything that the cluster serves."""

    def requested_apis(self) -> Sequence[RequestedApi]:
        """Deprecated APIs that were asked for."""

    def charts(self, kubernetes: str) -> Sequence[ChartRendering]:
        """The charts of the environment's releases, rendered for that version."""

    def releases(self) -> Sequence[Rendered]:
        """What helm keeps of every release."""

    def branch(self) -> Sequence[Rendered]:
        """What the environment's branch of the application repository holds."""
