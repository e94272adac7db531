"""Plan documents to show, as `plan --json` prints them."""

from __future__ import annotations

from typing import Any


def field(path: str, before: Any = None, after: Any = None, **other: bool) -> dict[str, Any]:
    return {"path": path, "before": before, "after": after, "replaces": False, "sensitive": False, **other}


def change(unit: str, *fields: dict[str, Any], wave: str = "configuration", **other: Any) -> dict[str, Any]:
    made = {"unit": unit, "wave": wave, "action": "update", "reason": "it differs", "fields": list(fields)}
    rest = {"reversibility": "reversible", "minutes": 1.0, "disrupts": [], "known_after_apply": [], "volatile": []}
    return {**made, **rest, "facts": {}, "observed": {}, **other}


def document(*changes: dict[str, Any], **other: Any) -> dict[str, Any]:
    made = {
        "version": 1,
        "environment": "demo",
        "changes": list(changes),
        "unknown": [],
        "digest": "sha256:" + "0" * 64,
    }
    return {**made, "minutes": 12.0, "planned": 40, "disabled": ["x"], "release": None, **other}


STACK = change(
    "network",
    field("parameters.Zone", None, "⟦hosted_zone.zone_id⟧"),
    field("template.Resources.A.Type", None, "AWS::EC2::Subnet"),
    field("template.Resources.B.Type", None, "AWS::EC2::Subnet"),
    field("template.Resources.V.Type", None, "AWS::EC2::VPC"),
    wave="network",
    action="create",
    reason="stack demo-network does not exist",
)
REPLACED = change(
    "efs",
    field("a", 1, 2),
    field("template.Resources.FileSystem.Properties.Encrypted", False, True, replaces=True),
    wave="infrastructure",
    action="replace",
    reversibility="forward-only",
    disrupts=["AWS::EFS::FileSystem FileSystem is replaced"],
)
