"""Reading the bootstrap's template: its resources, and the policies of its roles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from resources.bootstrap import stack as bootstrap_stack
from resources.config.environment import Environment
from resources.model.outputs import plain_document

ENVIRONMENTS = ("sandbox", "acme-dev", "acme-prod")


def resources_of(env: Environment, kind: str) -> dict[str, dict[str, Any]]:
    resources = plain_document(bootstrap_stack.build_bootstrap_template(env))["Resources"].items()
    return {title: r["Properties"] for title, r in resources if r["Type"] == f"AWS::{kind}"}


def statements_of(env: Environment, title: str) -> list[dict[str, Any]]:
    """What a role may do by itself: without what it may do to make stacks."""
    inline = resources_of(env, "IAM::Role")[title].get("Policies", [])
    managed = resources_of(env, "IAM::ManagedPolicy").items()
    attached = [p for t, p in managed if {"Ref": title} in p.get("Roles", []) and not t.endswith("StackRights")]
    return [s for p in (*inline, *attached) for s in p["PolicyDocument"]["Statement"]]


def all_statements(env: Environment) -> list[dict[str, Any]]:
    """What every role and managed policy of bootstrap has."""
    inline = [p for role in resources_of(env, "IAM::Role").values() for p in role.get("Policies", [])]
    policies = [*inline, *resources_of(env, "IAM::ManagedPolicy").values()]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def actions(statements: Iterable[dict[str, Any]], effect: str = "Allow") -> list[str]:
    return [action for s in statements if s["Effect"] == effect for action in s.get("Action", [])]


def lists(statement: dict[str, Any], action: str) -> bool:
    """Whether the statement names the action as it is written."""
    return action in statement.get("Action", [])
