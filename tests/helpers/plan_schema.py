"""Checks a plan against `docs/plan.schema.json`."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from sandbox.paths import PROJECT

SCHEMA = json.loads((PROJECT / "docs" / "plan.schema.json").read_text())


def faults(document: dict[str, Any]) -> list[str]:
    """Where the document is not as the schema says."""
    return [f"{list(e.path)}: {e.message}" for e in Draft202012Validator(SCHEMA).iter_errors(document)]
