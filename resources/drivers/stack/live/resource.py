"""A resource of a live stack, as its template declares it and as a reader finds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from resources.context import Context


class Untold(Exception):
    """What a resource belongs to cannot be told from its template."""


@dataclass(frozen=True)
class LiveResource:
    """`declared`: its properties in the live template, with every reference that can be told in place of its name."""

    logical_id: str
    kind: str
    physical_id: str
    declared: Mapping[str, Any]

    @property
    def title(self) -> str:
        """As drift and plan name it."""
        return f"{self.kind} {self.logical_id} ({self.physical_id})"

    def told(self, name: str, *more: int) -> str:
        """A declared property that says which resource it is. Raises Untold where the template does not tell."""
        value = self.declared.get(name)
        for index in more:
            value = value[index] if isinstance(value, list) and len(value) == index + 1 else None
        if not isinstance(value, str):
            raise Untold(f"its template does not tell {name}")
        return value


# The properties as they are, in the template's terms. Raises NotFound where the resource is gone.
Reader: TypeAlias = Callable[[LiveResource, Context], Mapping[str, Any]]


def in_template_terms(value: Any) -> Any:
    """An answer of an API with the names that templates use: `roleArn` is `RoleArn`."""
    if isinstance(value, Mapping):
        return {f"{key[:1].upper()}{key[1:]}": in_template_terms(member) for key, member in value.items()}
    return [in_template_terms(member) for member in value] if isinstance(value, list) else value
