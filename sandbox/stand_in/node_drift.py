"""Karpenter: NodeClaims whose node is not of the cluster's version have drifted, and are replaced within the budgets of
their NodePool: first a new one, then, once that is Ready, the old one goes.

Source: Karpenter, "Disruption" (Drift, NodePool Disruption Budgets). Schedules of budgets are not looked at.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

from sandbox.plane.nodes import kubelet_version
from sandbox.stand_in.controller import annotation, condition, label, now
from sandbox.stand_in.kube import Kube, KubeError, Object
from sandbox.stand_in.node_claims import DEPLOYMENT, FIELD_MANAGER, NODE_POOL, cluster_version
from sandbox.stand_in.objects import Objects, object_path

REPLACES = "sandbox/replaces"
DRIFTED = "Drifted"
DEFAULT_BUDGET = "10%"


class NodeDrift:
    """Replaces NodeClaims that have drifted; see the module."""

    name: str = "node-drift"
    resources: tuple[str, ...] = ("nodeclaims", "nodes", "deployments")

    def __init__(self, kube: Kube, objects: Objects, log: Callable[[str, str], None]) -> None:
        self._kube, self._objects, self._log = kube, objects, log

    def reconcile(self) -> None:
        """One step of every NodePool."""
        if not self._objects.ready(DEPLOYMENT):
            return
        pools: dict[str, list[Object]] = {}
        for claim in self._objects.all("nodeclaims"):
            if pool := label(claim, NODE_POOL):
                pools.setdefault(pool, []).append(claim)
        if pools:
            self._replace_within_budgets(pools, kubelet_version(cluster_version(self._kube)))

    def _replace_within_budgets(self, pools: dict[str, list[Object]], version: str) -> None:
        shown = {n["metadata"]["name"]: annotation(n, "sandbox/kubelet-version") for n in self._objects.all("nodes")}
        for name, claims in pools.items():
            ready = filter(_is_ready, claims)
            if drifted := [c for c in ready if shown.get(c["status"].get("nodeName")) not in (None, version)]:
                self._replace(drifted, claims, budget_of(self._pool(name), len(claims)))

    def _replace(self, drifted: list[Object], claims: list[Object], allowed: int) -> None:
        replacements = {annotation(c, REPLACES): c for c in claims if annotation(c, REPLACES)}
        under_way = sum(1 for c in drifted if _name(c) in replacements)
        for claim in drifted:
            if replacement := replacements.get(_name(claim)):
                if _is_ready(replacement):
                    self._kube.delete(object_path("nodeclaims", claim))
                    self._log(self.name, f"{_name(replacement)} replaces {_name(claim)}")
            elif under_way < allowed:
                under_way += 1
                self._launch_instead(claim)

    def _launch_instead(self, claim: Object) -> None:
        meta = claim["metadata"]
        suffix = hashlib.sha256(f"{meta['uid']}".encode()).hexdigest()[:5]
        name = f"{label(claim, NODE_POOL)}-{suffix}"
        mark = {"type": DRIFTED, "status": "True", "reason": "AMIDrift", "message": "", "lastTransitionTime": now()}
        conditions = [c for c in claim["status"]["conditions"] if c["type"] != DRIFTED]
        self._kube.patch_status(object_path("nodeclaims", claim), {"conditions": [*conditions, mark]}, FIELD_MANAGER)
        instead = {
            "apiVersion": claim["apiVersion"],
            "kind": claim["kind"],
            "metadata": {
                "name": name,
                "labels": meta.get("labels") or {},
                "annotations": {REPLACES: _name(claim)},
                "ownerReferences": meta.get("ownerReferences") or [],
            },
            "spec": claim["spec"],
        }
        self._kube.apply(object_path("nodeclaims", instead), instead, FIELD_MANAGER)

    def _pool(self, name: str) -> Object:
        try:
            return self._kube.request("GET", f"/apis/karpenter.sh/v1/nodepools/{name}")
        except KubeError as error:
            if error.status == 404:
                return {}
            raise


def budget_of(pool: Object, nodes: int) -> int:
    """How many of the pool's nodes may be disrupted at once because they have drifted: the least of its budgets."""
    disruption: dict[str, Any] = (pool.get("spec") or {}).get("disruption") or {}
    budgets = disruption.get("budgets") or [{"nodes": DEFAULT_BUDGET}]
    sizes = [str(b["nodes"]) for b in budgets if DRIFTED in (b.get("reasons") or [DRIFTED])]
    return min((_count(size, nodes) for size in sizes), default=nodes)


def _count(size: str, nodes: int) -> int:
    return math.ceil(nodes * int(size[:-1]) / 100) if size.endswith("%") else int(size)


def _is_ready(claim: Object) -> bool:
    return condition(claim, "Ready").get("status") == "True" and not claim["metadata"].get("deletionTimestamp")


def _name(claim: Object) -> str:
    return str(claim["metadata"]["name"])
