"""Which environments can be copied, and what a copy has otherwise."""

from __future__ import annotations

import pytest

from eks_assets.engine.rehearsal.mapping import check_copyable, check_version, map_environment
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.config.recorded_environment import environment_document, environment_of
from resources.model.errors import ConfigError
from sandbox.paths import PROJECT


def environment(name: str) -> Environment:
    return load_environment(name, PROJECT / "environments")


def test_the_copy_of_a_gated_environment_lacks_the_gate_and_says_so() -> None:
    env = environment("sandbox-gated")
    document, mapped = map_environment(env)
    copy = environment_of(document)
    assert copy.approval is None
    assert copy.pins_commit == env.pins_commit
    assert "approval" in mapped
    same = environment_document(env)
    differing = {key for key in same if same[key] != document[key]}
    assert differing == {"approval", "git"}


def test_the_copy_of_another_is_the_same_document() -> None:
    env = environment("sandbox")
    assert map_environment(env)[0] == environment_document(env)


def test_an_environment_outside_of_a_sandbox_is_bad_input() -> None:
    check_copyable(environment("sandbox-gated"))
    with pytest.raises(ConfigError, match="not in a sandbox") as refused:
        check_copyable(environment("acme-prod"))
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (None, "no cluster to copy"),
        ("1.33", "the sandbox can be 1.34, 1.35, 1.36, 1.37"),
        ("1.35", "upgrades are not rehearsed"),
    ],
)
def test_a_version_that_no_copy_can_have_is_bad_input_with_what_to_do(version: str | None, said: str) -> None:
    check_version(environment("sandbox"), "1.34")
    with pytest.raises(ConfigError, match=said) as refused:
        check_version(environment("sandbox"), version)
    assert refused.value.next_step
    assert refused.value.exit_code == 2
