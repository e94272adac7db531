"""Waiting for Karpenter to replace its nodes: which stay is said, and what may keep them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from resources.context import Context
from resources.model.errors import WaitTimeout
from resources.upgrade import karpenter


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The kubelet's version of each node, by name."""
    versions: dict[str, str] = {}

    def list_nodes(*_: Any, **__: Any) -> list[Any]:
        return [
            {"metadata": {"name": name}, "status": {"nodeInfo": {"kubeletVersion": version}}}
            for name, version in versions.items()
        ]

    monkeypatch.setattr(karpenter, "list_objects", list_nodes)
    monkeypatch.setattr(karpenter, "_INTERVAL", 0.02)
    monkeypatch.setattr(karpenter, "_DEADLINE", 0.2)
    return versions


@pytest.fixture
def context() -> Context:
    return cast(Context, SimpleNamespace(cluster=None, progress=lambda text: None))


def test_nodes_of_the_version_or_newer_are_counted(nodes: dict[str, str], context: Context) -> None:
    assert karpenter.await_karpenter_nodes(context, "1.35") == 0
    nodes.update(one="v1.35.2-eks-1", two="v1.36.0-eks-1")
    assert karpenter.await_karpenter_nodes(context, "1.35") == 2


def test_node_that_never_goes_is_named(nodes: dict[str, str], context: Context) -> None:
    """With what keeps nodes: budgets, an annotation, pods' budgets, a pinned image."""
    nodes.update({f"old-{number}": "v1.34.1-eks-1" for number in range(6)}, new="v1.35.0-eks-1")
    with pytest.raises(WaitTimeout, match=r"6 of 7 are older than 1\.35: old-0, old-1, .* and 1 more") as caught:
        karpenter.await_karpenter_nodes(context, "1.35")
    for word in ("nodeclaims", "budget", "do-not-disrupt"):
        assert word in caught.value.next_step
