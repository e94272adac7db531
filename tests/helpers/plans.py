"""Plans to show, as `plan` hands them out."""

from __future__ import annotations

from typing import Any

from eks_assets.plan.model import Entry, Field, PlanReport

NO_DIGEST = "sha256:" + "0" * 64


def field(path: str, before: Any = None, after: Any = None, **other: bool) -> Field:
    return Field.model_validate(
        {"path": path, "before": before, "after": after, "replaces": False, "sensitive": False, **other}
    )


def change(unit: str, *fields: Field, wave: str = "configuration", **other: Any) -> Entry:
    made = {"unit": unit, "wave": wave, "action": "update", "reason": "it differs", "fields": fields}
    rest = {"reversibility": "reversible", "minutes": 1.0, "disrupts": [], "known_after_apply": [], "volatile": []}
    return Entry.model_validate({**made, **rest, "facts": {}, "observed": {}, **other})


def report(*changes: Entry, **other: Any) -> PlanReport:
    around = {"environment": "demo", "account": "0" * 12, "region": "us-west-2", "commit": None, "inputs": NO_DIGEST}
    plan = {**around, "cluster_version": None, "changes": changes, "unknown": (), "observed": NO_DIGEST}
    handed_out = {"digest": NO_DIGEST, "minutes": 12.0, "planned": 40, "disabled": ["x"], "notes": (), "release": None}
    return PlanReport.model_validate({**plan, **handed_out, **other})


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
