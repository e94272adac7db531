"""The JSON Schema of the input files: the models', without what the loader fills in."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from resources.config.eksctl.cluster_config import ClusterConfig
from resources.config.environment import Environment
from resources.config.placeholders import CLUSTER_VARIABLES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Values that a placeholder may stand for have no pattern that the placeholder itself fits.
_PLACEHOLDER = {"type": "string", "pattern": r"\$\{[A-Z_0-9]+\}"}


class EnvironmentFile(Environment):
    """One environment: `environments/<name>.yaml`."""

    cluster: str = Field(description="a ClusterConfig file, such as clusters/sandbox.yaml")  # type: ignore[assignment]


def environment_schema() -> dict[str, Any]:
    """The schema of `environments/<name>.yaml`."""
    schema = EnvironmentFile.model_json_schema(by_alias=True)
    properties: dict[str, Any] = schema["properties"]
    properties["addons"]["additionalProperties"] = {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/Addon"}]}
    return {"$schema": DIALECT, **schema}


def cluster_schema() -> dict[str, Any]:
    """The schema of `environments/clusters/*.yaml`; text with a pattern may be a placeholder instead."""
    schema = _with_placeholders(ClusterConfig.model_json_schema(by_alias=True))
    schema["description"] += f"\n\nPlaceholders: {', '.join(sorted(CLUSTER_VARIABLES))}."
    return {"$schema": DIALECT, **schema}


def _with_placeholders(part: Any) -> Any:
    if isinstance(part, list):
        return [_with_placeholders(item) for item in part]
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("pattern"), str):
        return {"anyOf": [part, _PLACEHOLDER]}
    return {key: _with_placeholders(value) for key, value in part.items()}
