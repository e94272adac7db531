"""Who may write a property of a stack's resource beside CloudFormation, as data with a reason each. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from resources.model.drift import Finding

Judge = Callable[[Finding, Mapping[str, Any]], bool]


def _is_between_bounds(finding: Finding, expected: Mapping[str, Any]) -> bool:
    """Whether the size lies where the template lets it."""
    scaling = expected.get("ScalingConfig", {})
    try:
        return int(scaling["MinSize"]) <= int(finding.field.after) <= int(scaling["MaxSize"])
    except (KeyError, TypeError, ValueError):
        return False


# Type and path -> whether what is observed may be theirs, and who they are.
_WRITERS: Mapping[tuple[str, str], tuple[Judge, str]] = {
    ("AWS::EKS::Nodegroup", "ScalingConfig.DesiredSize"): (
        _is_between_bounds,
        "an autoscaler moves the size of a node group between its bounds",
    ),
}


def known_writer(kind: str, finding: Finding, expected: Mapping[str, Any]) -> str:
    """Who may have made the difference; empty where nobody is known to. `expected`: the properties of the resource as
    its template has them."""
    judge, reason = _WRITERS.get((kind, finding.field.path), (None, ""))
    return reason if judge is not None and judge(finding, expected) else ""
