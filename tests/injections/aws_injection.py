"""What an administrator changes in AWS behind the pipeline's back, as data: kinds of change of resources of stacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Client = Callable[[str], Any]


@dataclass(frozen=True)
class Held:
    """A resource of one of the environment's stacks. `properties`: as its template has them."""

    stack: str
    logical_id: str
    kind: str
    physical_id: str
    properties: dict[str, Any]

    @property
    def title(self) -> str:
        """How a finding names it."""
        return f"{self.kind} {self.logical_id} ({self.physical_id})"

    def first_of(self, name: str) -> Any:
        """The first item of a property that is a list. Raises LookupError where there is none."""
        return self.properties[name][0]


Act = Callable[[Client, Held], object]


@dataclass(frozen=True)
class AwsInjection:
    """One kind of change. `kind`: of the resources that it is for, without `AWS::`, as far as `is_for` says so. `path`:
    the property in which its finding is, empty for the whole resource. `undo`: takes it back where no deploy does."""

    name: str
    kind: str
    act: Act
    path: str
    is_for: Callable[[Held], bool] = lambda _: True
    undo: Act | None = None

    def allows(self, held: Held) -> bool:
        """Whether the change can be made there."""
        return held.kind == f"AWS::{self.kind}" and self.is_for(held)


def declares(name: str) -> Callable[[Held], bool]:
    """Whether the resource's template says something of that property."""
    return lambda held: name in held.properties


def held_resources(stacks: Iterable[str], client: Client) -> Iterator[Held]:
    """What the stacks have, in their order."""
    cloudformation = client("cloudformation")
    for stack in stacks:
        body: Any = cloudformation.get_template(StackName=stack)["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else body
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
            for one in page["StackResourceSummaries"]:
                name = one["LogicalResourceId"]
                properties = template["Resources"][name].get("Properties", {})
                yield Held(stack, name, one["ResourceType"], one["PhysicalResourceId"], properties)
