"""The bootstrap of an environment with long names and many roles: its template is longer than CloudFormation takes as
it is, and the bucket in which longer ones lie is made by it."""

from __future__ import annotations

from pathlib import Path

from resources.bootstrap.stack import apply_bootstrap, build_bootstrap_stack
from resources.config.environment import Environment, Roles
from resources.drivers.stack.change_sets import is_inline
from tests.helpers.embedded_gate import gate_account
from tests.helpers.published import configured


def test_bootstrap_with_a_long_template_makes_the_bucket_first(sandbox_env: Environment, tmp_path: Path) -> None:
    """Twice: the second time nothing is to do."""
    accounts = [
        {"metadata": {"name": f"a{n}"}, "roleName": f"{n:x<64}", "wellKnownPolicies": {"certManager": True}}
        for n in range(20)
    ]
    many = configured(sandbox_env, iam={"withOIDC": True, "serviceAccounts": accounts})
    names = {"tenant": "t" * 20, "target_env": "e" * 20, "roles": Roles()}
    env = many.model_copy(update=names)
    assert not is_inline(build_bootstrap_stack(env))
    with gate_account(env.region, tmp_path):
        outputs = apply_bootstrap(env)
        assert outputs.deployer_role_arn.endswith("-deployer")
        said: list[str] = []
        assert apply_bootstrap(env, said.append) == outputs
        assert any("is up to date" in line for line in said)
