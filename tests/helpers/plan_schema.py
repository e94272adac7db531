"""Checks a plan against `docs/plan.schema.json`."""

from __future__ import annotations

from typing import Any

from tests.helpers.json_schema import schema_faults, schema_of

SCHEMA = schema_of("plan")


def faults(document: dict[str, Any]) -> list[str]:
    """Where the document is not as the schema says."""
    return schema_faults(document, SCHEMA)
