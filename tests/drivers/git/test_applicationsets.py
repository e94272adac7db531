"""How variables are filled into an ApplicationSet, and which products a branch has."""

from __future__ import annotations

from resources.drivers.git.applicationsets import fill_in_variables, list_products, unfilled_variables


def test_variables_are_filled_in_and_nothing_else() -> None:
    text = "a: ${APP_DOMAIN} $APP_DOMAIN $APP_DOMAINS $values/x {{ .name }} ${OTHER}"
    assert fill_in_variables(text, {"APP_DOMAIN": "d"}) == "a: d d $APP_DOMAINS $values/x {{ .name }} ${OTHER}"
    (problem,) = unfilled_variables("x.yaml", f"\n{text}", {"APP_DOMAIN": "d"})
    assert problem.startswith("x.yaml:2: ${OTHER} is not a variable of this environment")


def test_istio_is_no_product() -> None:
    paths = ["istio/istio-app/applicationset.yaml", "a/a-app/applicationset.yaml", "a/b-app/applicationset.yaml"]
    assert list_products(paths) == ("a",)
