"""Rights after an environment's file was renamed: they reach what carries either name, until bootstrap runs again."""

from __future__ import annotations

from typing import Any

from resources.bootstrap.ownership import carries_tag, marked_as_anothers, sets_tag
from resources.bootstrap.template import build_bootstrap_template
from resources.config.environment import Environment

TAG = "aws:ResourceTag/eks-assets:environment"


def test_rights_reach_both_names_after_a_rename(prod_env: Environment) -> None:
    """What is tagged with the former name is changed, and gets the new one."""
    renamed = prod_env.model_copy(update={"former_name": "acme-old"})
    assert carries_tag(renamed) == {TAG: ["acme-prod", "acme-old"]}
    assert marked_as_anothers(renamed)["StringNotEquals"] == {TAG: ["acme-prod", "acme-old"]}
    assert sets_tag(renamed) == sets_tag(prod_env)
    assert carries_tag(prod_env) == {TAG: "acme-prod"}


def test_former_name_is_in_conditions_alone(prod_env: Environment) -> None:
    """No name, path or ARN follows from it, and it is in no digest of the environment."""
    renamed = prod_env.model_copy(update={"former_name": "acme-old"})

    def without(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: without(value) for key, value in part.items()}
        if part == ["acme-prod", "acme-old"]:
            return "acme-prod"
        return [without(value) for value in part] if isinstance(part, list) else part

    before = build_bootstrap_template(prod_env)
    assert build_bootstrap_template(renamed) != before
    assert without(build_bootstrap_template(renamed)) == without(before)
    assert renamed.model_dump() == prod_env.model_dump()
