"""Checks a plan against `docs/plan.schema.json`."""

from __future__ import annotations

import json
from typing import Any

from cfnlint.jsonschema import StandardValidator
from cfnlint.jsonschema._filter import FunctionFilter

from sandbox.paths import PROJECT

SCHEMA = json.loads((PROJECT / "docs" / "plan.schema.json").read_text())


def faults(document: dict[str, Any]) -> list[str]:
    """Where the document is not as the schema says."""
    # CloudFormation's JSON knows no null; cfn-lint's validator is told to leave ours in place.
    plain_json = FunctionFilter(add_cfn_lint_keyword=False)
    plain_json.group_functions = []
    validator = StandardValidator({}).extend(function_filter=plain_json)(SCHEMA)
    return [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(document)]
