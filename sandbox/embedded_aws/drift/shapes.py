"""Comparing what a template says with what a service holds: the same shape, the same members."""

import json
from typing import Any


def as_document(value: Any) -> Any:
    """A policy document as an object, whether it is kept as one or as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def pascal(value: Any) -> Any:
    """An API value with the member names of a template."""
    if isinstance(value, dict):
        return {f"{key[:1].upper()}{key[1:]}": pascal(member) for key, member in value.items()}
    return [pascal(member) for member in value] if isinstance(value, list) else value


def limited_to(expected: Any, actual: Any) -> Any:
    """`actual` with only the members that `expected` sets, all the way down."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return {key: limited_to(expected[key], value) for key, value in actual.items() if key in expected}
    return actual
