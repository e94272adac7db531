"""The published JSON Schema of a plan is made from its model."""

from __future__ import annotations

import json

from eks_assets.plan.model import plan_schema
from sandbox.paths import PROJECT


def test_plan_schema_file_matches_model() -> None:
    """The published file equals the model's schema; `eks-assets schema --plan > docs/plan.schema.json` writes it."""
    assert json.loads((PROJECT / "docs" / "plan.schema.json").read_text()) == plan_schema()
