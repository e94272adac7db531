"""Checks a JSON document against one of the schemas in `docs/`."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from sandbox.paths import PROJECT


def schema_of(name: str) -> dict[str, Any]:
    """The schema `docs/NAME.schema.json`."""
    schema: dict[str, Any] = json.loads((PROJECT / "docs" / f"{name}.schema.json").read_text())
    return schema


def schema_faults(document: Any, schema: dict[str, Any]) -> list[str]:
    """Where the document is not as the schema says."""
    return [f"{list(e.path)}: {e.message}" for e in Draft202012Validator(schema).iter_errors(document)]
