"""How variables are filled into an ApplicationSet, and which products a branch has."""

from __future__ import annotations

from resources.drivers.git.applicationsets import fill_in_variables, list_products, unfilled_variables


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
