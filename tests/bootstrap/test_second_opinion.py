"""The embedded AWS decides on policies as an independent evaluator does, whose answers `decisions.json` has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resources.config.environment import Environment
from tests.bootstrap.policy_evaluation import Ask, decide
from tests.bootstrap.record_decisions import DECISIONS, ROLES

TABLE: dict[str, Any] = json.loads(DECISIONS.read_text())
WORDS = {"Allowed": "Allow", "ExplicitlyDenied": "Deny", "ImplicitlyDenied": "ImplicitDeny"}


@pytest.mark.parametrize("title", [*ROLES, "AnyRoleOfAStack"])
def test_decisions_agree(title: str, prod_env: Environment) -> None:
    """On what stacks ask, and on the same of somebody else, elsewhere, and without what conditions demand."""
    env = prod_env.model_copy(update={"account": TABLE["account"], "region": TABLE["region"]})
    cases = [case for case in TABLE["cases"] if case[0] == title]
    role = TABLE["roles"][title]
    layers = [role["identity"], *([role["boundary"]] if role["boundary"] else [])]
    ours = decide(env, [Ask(action, resource, keys) for _, action, resource, keys, _ in cases], *layers)
    theirs = [WORDS[decision] for *_, decision in cases]
    differing = [(case, mine) for case, mine, other in zip(cases, ours, theirs, strict=True) if mine != other]
    assert differing == []


def test_decisions_are_many_and_of_every_kind() -> None:
    """At least 300 triples of action, resource and context, allowed and denied in both ways."""
    assert len({json.dumps(case[:4]) for case in TABLE["cases"]}) >= 300
    kinds = [decision for *_, decision in TABLE["cases"]]
    assert all(kinds.count(kind) >= 20 for kind in WORDS)
