"""An environment of plain objects, as the checks of an upgrade read it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resources.config.environment import Environment
from resources.model.errors import PipelineError
from resources.upgrade.findings import UpgradeFinding
from resources.upgrade.live import ChartRendering, Insights, Object, Rendered, RequestedApi, Step
from resources.upgrade.registry import list_checks, run_check

STEP = Step("1.34", "1.35")
NOW = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)


@dataclass
class PlainLive:
    """`live.Live` of what a test says; `faults`: by the name of a method, what it raises."""

    env: Environment
    objects_by_kind: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    groups: list[dict[str, Any]] = field(default_factory=list)
    installed: list[dict[str, Any]] = field(default_factory=list)
    offered: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    found: Insights = field(default_factory=lambda: Insights([], NOW))
    networks: list[dict[str, Any]] = field(default_factory=list)
    served: frozenset[str] = frozenset()
    asked: list[RequestedApi] = field(default_factory=list)
    rendered: list[ChartRendering] = field(default_factory=list)
    kept: list[Rendered] = field(default_factory=list)
    files: list[Rendered] = field(default_factory=list)
    faults: dict[str, PipelineError] = field(default_factory=dict)

    def _may(self, name: str) -> None:
        if name in self.faults:
            raise self.faults[name]

    def cluster(self) -> Mapping[str, Any]:
        return {"version": "1.34"}

    def node_groups(self) -> Sequence[Mapping[str, Any]]:
        self._may("node_groups")
        return self.groups

    def addons(self) -> Sequence[Mapping[str, Any]]:
        return self.installed

    def addon_versions(self, name: str, kubernetes: str) -> Sequence[str]:
        return self.offered.get((name, kubernetes), [])

    def cluster_versions(self) -> Mapping[str, Mapping[str, Any]]:
        return self.versions

    def insights(self) -> Insights:
        self._may("insights")
        return self.found

    def subnets(self) -> Sequence[Mapping[str, Any]]:
        return self.networks

    def objects(self, api_version: str, kind: str) -> Sequence[Object]:
        self._may("objects")
        return self.objects_by_kind.get(f"{api_version}/{kind}", [])

    def served_kinds(self) -> frozenset[str]:
        return self.served

    def requested_apis(self) -> Sequence[RequestedApi]:
        return self.asked

    def charts(self, kubernetes: str) -> Sequence[ChartRendering]:
        return self.rendered

    def releases(self) -> Sequence[Rendered]:
        return self.kept

    def branch(self) -> Sequence[Rendered]:
        return self.files


def look(live: PlainLive, check: str, step: Step = STEP) -> tuple[UpgradeFinding, ...]:
    """What the check of that name finds."""
    (named,) = (one for one in list_checks() if one.name == check)
    return run_check(named, live, step)


def obj(api_version: str, kind: str, name: str, namespace: str = "", **rest: Any) -> dict[str, Any]:
    """A Kubernetes object."""
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **rest}
