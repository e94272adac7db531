"""What the schema of a custom resource finds in an object."""

from __future__ import annotations

from resources.drivers.git import crd_schema


def test_crd_schema_finds_what_the_api_server_would_refuse() -> None:
    """Missing, unknown and mistyped fields are faults, with what is allowed."""
    schema = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z]+$"},
            "port": {"x-kubernetes-int-or-string": True},
            "mode": {"type": "string", "enum": ["one", "two"]},
            "list": {"type": "array", "items": {"type": "integer"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    good = {"kind": "X", "name": "a", "port": "http", "list": [1], "labels": {"x": "y"}, "free": {"z": [1]}}
    assert list(crd_schema.find_schema_faults(good, schema)) == []
    bad = {"nam": "a", "port": [], "mode": "three", "list": ["1", True], "labels": {"x": 1}}
    assert {location: message.split(";")[0] for location, message in crd_schema.find_schema_faults(bad, schema)} == {
        (): "lacks the required field name",
        ("nam",): "is not a field",
        ("port",): "must be a whole number or text",
        ("mode",): "three is not possible",
        ("list", 0): "must be a whole number, not '1'",
        ("list", 1): "must be a whole number, not True",
        ("labels", "x"): "must be text, not 1",
    }
