"""How variables are filled into an ApplicationSet, and which products a branch has."""

from __future__ import annotations

import pytest

from resources.drivers.git.applicationsets import (
    check_files,
    fill_in_variables,
    list_products,
    pending_marks,
    unfilled_variables,
)
from resources.model.errors import ConfigError
from tests.helpers.yaml_bombs import ALIAS_BOMB


def test_fill_in_variables_replaces_known_names_alone() -> None:
    """Known variables are replaced; unknown ones in braces are problems."""
    text = "a: ${APP_DOMAIN} $APP_DOMAIN $APP_DOMAINS $values/x {{ .name }} ${OTHER}"
    assert fill_in_variables(text, {"APP_DOMAIN": "d"}) == "a: d d $APP_DOMAINS $values/x {{ .name }} ${OTHER}"
    (problem,) = unfilled_variables("x.yaml", f"\n{text}", {"APP_DOMAIN": "d"})
    assert problem.startswith("x.yaml:2: ${OTHER} is not a variable of this environment")


def test_list_products_leaves_out_istio() -> None:
    """Every ApplicationSet folder is a product, except Istio's."""
    paths = ["istio/istio-app/applicationset.yaml", "a/a-app/applicationset.yaml", "a/b-app/applicationset.yaml"]
    assert list_products(paths) == ("a",)


def test_bomb_in_a_file_of_the_repository_is_refused() -> None:
    """A file of the repository has the bounds of input, and the refusal names it and the setting."""
    with pytest.raises(ConfigError, match=r"projects/x\.yaml:\d+: has more than .*EKS_ASSETS_INPUT_NODES"):
        check_files({"projects/x.yaml": ALIAS_BOMB}, (), {})


@pytest.mark.parametrize("text", ["a: ⟦unit.output⟧", 'a: "\\u27E6unit.output\\u27e7"', 'a: "\\U000027e6"'])
def test_marks_of_what_is_known_after_apply_are_named(text: str) -> None:
    """A template cannot write what a plan shows as known after apply, escaped or not."""
    (problem,) = pending_marks("x/applicationset.yaml", f"\n{text}\n")
    assert problem.startswith("x/applicationset.yaml:2: holds one of")
