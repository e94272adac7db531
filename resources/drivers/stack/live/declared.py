"""What a live template declares, with references resolved as far as the stack itself tells: pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"\$\{([^}!]+)\}")


class Unknown:
    """A value that only CloudFormation knows: it equals whatever exists."""

    def __repr__(self) -> str:
        return "(known to CloudFormation)"


UNKNOWN = Unknown()
_NO_VALUE = object()


def declared_properties(properties: Any, known: Mapping[str, Any]) -> Any:
    """The properties with parameters, pseudo parameters, and physical ids and ARNs of other resources put in. `known`:
    those by name, an attribute as `LogicalId.Attribute`."""
    if isinstance(properties, list):
        items = [declared_properties(item, known) for item in properties]
        return [item for item in items if item is not _NO_VALUE]
    if not isinstance(properties, Mapping):
        return properties
    if len(properties) == 1:
        ((function, argument),) = properties.items()
        if function == "Ref":
            return _NO_VALUE if argument == "AWS::NoValue" else known.get(argument, UNKNOWN)
        if function.startswith("Fn::"):
            return _called(function, argument, known)
    members = {key: declared_properties(value, known) for key, value in properties.items()}
    return {key: value for key, value in members.items() if value is not _NO_VALUE}


def _called(function: str, argument: Any, known: Mapping[str, Any]) -> Any:
    if function == "Fn::GetAtt":
        name = argument if isinstance(argument, str) else ".".join(map(str, argument))
        return known.get(name, UNKNOWN)
    if function == "Fn::Sub" and isinstance(argument, str):
        if any(name not in known for name in _NAME.findall(argument)):
            return UNKNOWN
        return _NAME.sub(lambda match: str(known[match[1]]), argument)
    if function == "Fn::Join":
        items = declared_properties(argument[1], known)
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            return str(argument[0]).join(items)
    return UNKNOWN
