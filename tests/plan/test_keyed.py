"""Digests of what holds secrets: nobody without the key can try what they are of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from eks_assets.plan.document import Source, build_report, inputs_digest
from eks_assets.plan.keyed import secrets_in, without_secrets
from eks_assets.plan.unit_plan import EnvironmentPlan
from eks_assets.units import load_registry
from resources.config.environment import Addon, Approval, Environment
from resources.config.loader import list_environments, load_environment
from resources.model.change import MASK, FieldChange
from resources.model.digests import digest_of
from resources.model.keyed_hash import keyed_hash
from resources.model.outputs import Pending
from tests.helpers.built_plans import SOURCE, planned
from tests.helpers.environment_folder import EXAMPLES

KEY, OTHER = b"k" * 32, b"o" * 32
GUESSES = ("summer", "winter1", "hunter2", "letmein")


def with_password(env: Environment, password: str) -> Environment:
    """The environment with a secret that can be guessed among the values of a release."""
    addon = Addon(values={"configs": {"secret": {"argocdServerAdminPassword": password}}, "replicas": 2})
    return env.model_copy(update={"addons": {**env.addons, "argo_cd": addon}})


def plain_digest(env: Environment) -> str:
    """What anybody can compute who has the rest of the file."""
    return digest_of(json.loads(json.dumps(env.model_dump(mode="json"), default=str)))


@pytest.mark.parametrize("key", [KEY, None])
def test_secret_of_a_file_cannot_be_guessed_from_inputs(key: bytes | None, sandbox_env: Environment) -> None:
    """A few guesses gave the password from `inputs`, with the rest of the file; now none does."""
    digest = inputs_digest(with_password(sandbox_env, "hunter2"), lambda: key)
    for guess in GUESSES:
        guessed = with_password(sandbox_env, guess)
        assert digest not in (plain_digest(guessed), inputs_digest(guessed, lambda: OTHER))
        assert (digest == inputs_digest(guessed, lambda: None)) is (key is None), "without a key: the names alone"


def test_inputs_cover_which_secret_it_is(sandbox_env: Environment) -> None:
    """Another secret in the file is another digest, for who has the key."""
    one, two, again = (with_password(sandbox_env, text) for text in ("hunter2", "winter1", "hunter2"))
    assert inputs_digest(one, lambda: KEY) == inputs_digest(again, lambda: KEY) != inputs_digest(two, lambda: KEY)


def test_files_without_secrets_keep_their_digest(sandbox_env: Environment) -> None:
    """No key is asked for, and digests stay what they were: in all published environments."""

    def refuse() -> bytes | None:
        raise AssertionError("asked for a key")

    for name in list_environments(EXAMPLES):
        env = load_environment(name, EXAMPLES)
        assert inputs_digest(env, refuse) == plain_digest(env)


def test_secret_is_hidden_wherever_it_stands() -> None:
    """The name of a field hides its value; a value that is known to be secret is hidden in whatever text it stands."""
    spec = {"password": "hunter2", "url": "http://x/?p=hunter2-and", "n": 1}
    document = {"spec": spec, "other": ["hunter2-and", "a"]}
    hidden = without_secrets(document, KEY, {"hunter2-and"})
    assert "hunter2" not in json.dumps(hidden)
    assert hidden["spec"]["password"] == keyed_hash(KEY, "secret", "hunter2")
    assert hidden["other"][1] == "a"
    assert without_secrets(document, None)["spec"]["password"] == MASK
    assert secrets_in(document) == {"hunter2"}


def masked_plan(env: Environment, source: Source, before: Any, after: Any) -> dict[str, Any]:
    fields = FieldChange("values.adminPassword", before, after), FieldChange("Secret/n/x: data.p", "b", "a").masked()
    report = build_report(EnvironmentPlan(env.name, (planned("argo_cd", *fields),)), load_registry(), env, source)
    document: dict[str, Any] = report.model_dump(mode="json")
    return document


def test_masked_values_enter_by_keyed_hash(sandbox_env: Environment) -> None:
    """What is masked in a plan is a part of its digest: another value is another plan; nobody reads which."""
    source = replace(SOURCE, read_key=lambda: KEY)
    plan = masked_plan(sandbox_env, source, "old", "hunter2")
    named, data = plan["changes"][0]["fields"]
    assert (named["before"], named["after"], named["sensitive"]) == (MASK, MASK, True)
    assert named["keyed_after"] == keyed_hash(KEY, "values.adminPassword", "hunter2")
    assert data["keyed_before"] == keyed_hash(KEY, "Secret/n/x: data.p", "b")
    assert "hunter2" not in json.dumps(plan)
    assert plan["digest"] == masked_plan(sandbox_env, source, "old", "hunter2")["digest"]
    assert plan["digest"] != masked_plan(sandbox_env, source, "old", "hunter3")["digest"]


def test_masked_value_that_is_not_known_yet_has_no_hash(sandbox_env: Environment) -> None:
    """A text with something that is known after apply is hashed once it is known."""
    token = f"password: hunter2, id: {Pending('network', 'vpc_id').token}"
    plan = masked_plan(sandbox_env, replace(SOURCE, read_key=lambda: KEY), None, token)
    assert plan["changes"][0]["fields"][0].keys() & {"keyed_before", "keyed_after"} == set()


@pytest.mark.parametrize("key", [KEY, None])
def test_digest_to_approve_is_unknown_without_the_key(key: bytes | None, sandbox_env: Environment) -> None:
    """Who may not read the key cannot tell which digest a deploy will submit of masked values, and does not say."""
    env = sandbox_env.model_copy(update={"approval": Approval(before="applications")})
    gated = [planned(name) for name in load_registry().gated(env) if name != "argo_cd"]
    changing = planned("argo_cd", FieldChange("values.adminPassword", "old", "hunter2"))
    plans = EnvironmentPlan(env.name, (changing, *gated))
    report = build_report(plans, load_registry(), env, replace(SOURCE, read_key=lambda: key))
    assert report.release is not None
    assert report.release.digest == (report.digest if key else None)


def test_any_value_has_a_keyed_hash() -> None:
    """Large numbers, keys that are no texts and bytes have one; the order of keys does not matter, the place does."""
    odd = {True: 2**70, "a": b"x", "b": [None, 1.5, "\ud800"]}
    assert keyed_hash(KEY, "x", odd) == keyed_hash(KEY, "x", dict(reversed(odd.items())))
    assert len({keyed_hash(KEY, "x", odd), keyed_hash(KEY, "y", odd), keyed_hash(OTHER, "x", odd)}) == 3
