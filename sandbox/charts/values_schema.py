"""values.schema.json of a stand-in chart: types from the defaults in values.yaml, the rest from a hand-written part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def schema_of(value: object) -> Schema:
    """The JSON schema that accepts values of the same type as `value`; null accepts anything.

    Keys that the defaults do not name are accepted, as the real charts have many more.
    """
    match value:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case list():
            return {"type": "array"}
        case Mapping():
            properties = {str(key): schema_of(inner) for key, inner in value.items()}
            return {"type": "object", "additionalProperties": True, "properties": properties}
        case _:
            return {}


def merged(base: Schema, extra: Schema) -> Schema:
    """`base` with `extra` laid over it, key by key; `extra` wins."""
    result = dict(base)
    for key, value in extra.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def values_schema(defaults: Mapping[str, object], handwritten: Schema) -> Schema:
    """The whole schema of a chart whose `values.yaml` is `defaults`."""
    base: Schema = {"$schema": "http://json-schema.org/draft-07/schema#", **schema_of(defaults)}
    return merged(base, handwritten)
