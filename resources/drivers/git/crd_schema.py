"""What a CustomResourceDefinition's schema finds wrong with an object, without a cluster.

Kubernetes allows "structural" schemas only, a small part of OpenAPI; this is that part. Unlike a general JSON Schema
validator it also reports fields that the schema doesn't have: the API server would drop them in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from resources.config.problems import Location, suggest_choices

Fault = tuple[Location, str]
# Fields of every object, which a CRD's schema leaves out or open.
_OF_EVERY_OBJECT = frozenset({"apiVersion", "kind", "metadata"})
_WORDS = {"object": "a mapping", "array": "a list", "string": "text", "boolean": "true or false"}
_WORDS |= {"integer": "a whole number", "number": "a number"}


def schema_of(definition: Mapping[str, Any], api_version: str) -> Mapping[str, Any] | None:
    """The schema of the version that `group/version` names; None where the definition does not serve it."""
    group, _, wanted = api_version.partition("/")
    if definition["spec"]["group"] != group:
        return None
    served = (v for v in definition["spec"]["versions"] if v["name"] == wanted and v.get("served", True))
    version = next(served, None)
    schema: Mapping[str, Any] | None = version["schema"]["openAPIV3Schema"] if version else None
    return schema


def find_schema_faults(value: Any, schema: Mapping[str, Any], location: Location = ()) -> Iterator[Fault]:
    """Every place where the value breaks the schema, with what is allowed there."""
    if value is None and (schema.get("nullable") or not location):
        return
    if schema.get("x-kubernetes-int-or-string"):
        if not _is(value, "integer") and not _is(value, "string"):
            yield location, "must be a whole number or text"
        return
    kind = schema.get("type")
    if kind and not _is(value, kind):
        yield location, f"must be {_WORDS.get(kind, kind)}, not {_name(value)}"
        return
    yield from _limits(value, schema, location)
    if isinstance(value, dict):
        yield from _of_mapping(value, schema, location)
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from find_schema_faults(item, schema["items"], (*location, index))


def _of_mapping(value: dict[str, Any], schema: Mapping[str, Any], location: Location) -> Iterator[Fault]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield location, f"lacks the required field {name}"
    others = schema.get("additionalProperties")
    is_open = bool(schema.get("x-kubernetes-preserve-unknown-fields")) or others is True or not properties
    for name, item in value.items():
        here = (*location, str(name))
        if name in properties:
            yield from find_schema_faults(item, properties[name], here)
        elif isinstance(others, Mapping):
            yield from find_schema_faults(item, others, here)
        elif not is_open and not (location == () and name in _OF_EVERY_OBJECT):
            yield here, f"is not a field; {suggest_choices(str(name), properties)}"


def _limits(value: Any, schema: Mapping[str, Any], location: Location) -> Iterator[Fault]:
    if "enum" in schema and value not in schema["enum"]:
        yield location, f"{value} is not possible; allowed: {', '.join(map(str, schema['enum']))}"
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield location, f"{value} does not fit the pattern {schema['pattern']}"
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield location, f"has {len(value)} characters, which is too short or too long"
    if _is(value, "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield location, f"{value} is out of range"
    if isinstance(value, list) and not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield location, f"has {len(value)} items, which is too few or too many"


def _is(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        return not isinstance(value, bool) and isinstance(value, int if kind == "integer" else int | float)
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool}
    return kind not in kinds or isinstance(value, kinds[kind])


def _name(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "nothing" if value is None else repr(value)
