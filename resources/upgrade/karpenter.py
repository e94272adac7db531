"""Karpenter's nodes after an upgrade: it finds that their image has drifted and replaces them within its budgets.

Source: Karpenter, "Disruption" (Drift, NodePool Disruption Budgets) and "NodeClasses" (`amiSelectorTerms`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from resources.context import Context
from resources.kubernetes.objects import list_objects
from resources.model.errors import PipelineError
from resources.support.polling import Poll, wait_until

_DEADLINE = 4 * 3600.0
_INTERVAL = 15.0
_POOL = "karpenter.sh/nodepool"


def await_karpenter_nodes(context: Context, version: str) -> int:
    """Wait until no node of Karpenter is older than that Kubernetes version; how many there are then. Raises
    WaitTimeout with the nodes that stay, AccessDenied, Transient."""

    def poll() -> Poll[int]:
        try:
            nodes = list_objects(context.cluster, "v1", "Node", labels=_POOL)
        except PipelineError as error:  # an API server may restart for hours of waiting
            return Poll(None, error.message)
        old = sorted(node["metadata"]["name"] for node in nodes if _minor(node) < int(version.partition(".")[2]))
        shown = ", ".join(old[:5]) + (f" and {len(old) - 5} more" if len(old) > 5 else "")
        return Poll(None if old else len(nodes), f"{len(old)} of {len(nodes)} are older than {version}: {shown}")

    return wait_until(
        poll,
        what="nodes of Karpenter",
        deadline=_DEADLINE,
        interval=_INTERVAL,
        progress=context.progress,
        next_step="kubectl get nodeclaims shows which have drifted; a budget of 0, karpenter.sh/do-not-disrupt, a "
        "disruption budget of pods or a pinned image keeps a node",
    )


def _minor(node: Mapping[str, Any]) -> int:
    shown = re.match(r"v1\.(\d+)", str(node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "")))
    return int(shown[1]) if shown else 0
