"""What is not the pipeline's in the files of a repository: variables of other programs, comments, other files."""

from __future__ import annotations

from typing import cast

import pytest
import yaml

from resources.context import Context
from resources.drivers.git import manifests
from resources.drivers.git.applicationsets import (
    check_files,
    fill_in_variables,
    is_application_set,
    read_documents,
    unfilled_variables,
)
from resources.model.errors import ConfigError
from resources.model.outputs import NoOutputs
from resources.model.specs import GitManifests, GitTree

PATH = "shop/shop-app/applicationset.yaml"
KNOWN = {"APP_DOMAIN": "d", "X1": "v"}


def application_set(metadata: str = "{name: shop}", template: str = "{name: shop}", more: str = "") -> str:
    head = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\n"
    return f"{head}metadata: {metadata}\nspec:\n  template:\n    metadata: {template}\n{more}"


def check(text: str) -> None:
    check_files({PATH: text}, ("shop",), {})


@pytest.mark.parametrize("name", ["ARGOCD_APP_REVISION_SHORT", "NODE_NAME", "b"])
def test_foreign_variable_is_refused_with_its_escape(name: str) -> None:
    """Argo CD's build environment, Filebeat's variables and groups of a pattern are written with two dollars."""
    (problem,) = unfilled_variables(PATH, f"a: 1\nb: ${{{name}}}\n", KNOWN)
    assert problem.startswith(f"{PATH}:2: ${{{name}}} is not a variable of this environment")
    assert f"or $${{{name}}} for the text ${{{name}}}" in problem


@pytest.mark.parametrize("name", ["NODE_NAME", "APP_DOMAIN"])
def test_escaped_variable_is_applied_as_written(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The branch keeps the escape, so that it can be rendered again; the object has the text."""
    text = application_set(more=f"    spec: {{node: '$${{{name}}}', host: '${{APP_DOMAIN}}'}}\n")
    filled = fill_in_variables(text, KNOWN)
    assert fill_in_variables(filled, KNOWN) == filled
    assert list(unfilled_variables(PATH, filled, KNOWN)) == []
    monkeypatch.setattr(manifests, "rendered_files", lambda *_: {PATH: filled})
    tree = GitTree[NoOutputs](repository="r", branch="b")
    spec = GitManifests(tree=tree, paths=(PATH,), group="products", commit="abc")
    (made,) = manifests.load_objects(spec, cast(Context, None)).objects
    assert made["spec"]["template"]["spec"] == {"node": f"${{{name}}}", "host": "d"}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("# was ${OLD}\na: b # and ${OLD}, too\n", []),
        ("a: '# ${OLD}'\n", [1]),
        ("a: |\n  # ${OLD}\n# ${OLD}\n", [2]),
        ("a: b#${OLD}\n", [1]),
        ("a: é # ${OLD}\nb: ${OLD}\n", [2]),
        ("a: [ # ${OLD}\n", []),
        ("a: 'b\n# ${OLD}\n", [2]),
        ("{{ if .x }}: ${OLD}\n", [1]),
    ],
)
def test_comments_may_hold_any_variable(text: str, lines: list[int]) -> None:
    """A comment is one where YAML says so; in what is no YAML nothing is."""
    problems = unfilled_variables(PATH, text, KNOWN)
    assert [int(problem.split(":")[1]) for problem in problems] == lines


OTHERS = (
    "charts/tools/templates/applicationset.yaml",
    "docs/applicationset.yaml",
    "shop/overlays/applicationset.yaml",
    "shop/shop-app/base/applicationset.yaml",
    "applicationset.yaml",
)


@pytest.mark.parametrize("path", OTHERS)
def test_other_files_of_that_name_are_left_alone(path: str) -> None:
    """A chart's template, a page of documentation and a patch are no ApplicationSets of ours."""
    assert not is_application_set(path)


def test_files_of_the_layout_are_application_sets() -> None:
    """A product's, and Istio's."""
    assert is_application_set(PATH)
    assert is_application_set("istio/istio-app/applicationset.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (application_set("{name: shop, namespace: team-a}"), "metadata.namespace is team-a, where nobody looks"),
        (application_set(template="{name: shop, namespace: team-a}"), "spec.template.metadata.namespace is team-a"),
        (application_set("{name: Shop_App}"), "metadata.name Shop_App is not a Kubernetes name"),
        (application_set(template="{name: Shop_App}"), "spec.template.metadata.name Shop_App"),
        (application_set("{name: shop, labels: {a b: c}}"), 'metadata.labels: "a b" is not a label\'s key'),
        (application_set("{name: shop, labels: {a: b c}}"), 'metadata.labels: "b c" is not a label\'s value'),
        (application_set("{name: shop, annotations: {a b: c}}"), "metadata.annotations: "),
    ],
)
def test_metadata_that_is_refused_later_is_refused_before_the_push(text: str, words: str) -> None:
    """By the API server, or by nobody: the applications would be waited for in vain."""
    with pytest.raises(ConfigError) as caught:
        check(text)
    assert words in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        application_set("{name: shop, namespace: argocd, labels: {a: b}, annotations: {a/b: c d}}"),
        application_set(template="{name: '{{ .cluster }}-Shop', labels: {'{{ .x }}': '{{ .y }} z'}}"),
    ],
)
def test_metadata_that_works_is_accepted(text: str) -> None:
    """Argo CD's own namespace, and what an ApplicationSet fills in."""
    check(text)


def test_values_are_read_as_kubernetes_reads_them() -> None:
    """Octal modes are numbers, and n is false."""
    (document,) = read_documents(PATH, "mode: 0o440\non: {enabled: n}\n")
    assert document == {"mode": 288, True: {"enabled": False}}
    assert yaml.safe_load("mode: 0o440") == {"mode": "0o440"}, "PyYAML reads it otherwise"
