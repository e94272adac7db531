"""Applications in files that the pipeline does not apply itself: charts, folders, lists."""

from __future__ import annotations

import pytest

from resources.drivers.git.branch import GitTreeDriver
from resources.model.errors import ConfigError
from tests.drivers.git.local_repository import LocalRepository
from tests.helpers.git_repository import BRANCH

APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: inner}
spec:
  source: {repoURL: https://other.example/a.git, path: x, targetRevision: REVISION}
"""
COMMIT = "a" * 40
FOLLOWING = {
    "storefront/chart/templates/app.yaml": APPLICATION.replace("REVISION", "main"),
    "storefront/chart/templates/list.yml": "kind: List\napiVersion: v1\nitems:\n- "
    + APPLICATION.replace("REVISION", "HEAD").replace("\n", "\n  "),
    "storefront/chart/templates/values.yaml": APPLICATION.replace("REVISION", "{{ .Values.revision }}"),
    "storefront/chart/templates/looped.yaml": "{{- range .Values.all }}\n---\n"
    + APPLICATION.replace("inner", "{{ .name }}").replace("REVISION", "main")
    + "{{- end }}\n",
    "storefront/chart/templates/kind.yaml": APPLICATION.replace("kind: Application", "kind: {{ .Values.kind }}"),
    "storefront/chart/templates/version.yaml": APPLICATION.replace("argoproj.io/v1alpha1", "{{ .Values.api }}").replace(
        "REVISION", "main"
    ),
    "storefront/chart/templates/broken.yaml": APPLICATION + "  }} {{ not yaml [\n",
    "storefront/chart/templates/escaped.yaml": APPLICATION.replace("REVISION", "main")
    .replace("kind: Application", 'kind: "\\x41pplication"')
    .replace("argoproj.io", '"\\u0061rgoproj.io')
    .replace("v1alpha1", 'v1alpha1"'),
    "istio/gateway/templates/app.yaml": APPLICATION.replace("REVISION", "main"),
    "shared/set/applicationset.yaml": APPLICATION.replace("REVISION", "main"),
    "storefront/kustomize/kustomization.yaml": "resources: ['https://git.example/x.git//base?ref=main']\n",
    "storefront/kustomize/Kustomization": "components: ['git@git.example:x.git//base']\n",
    "storefront/apps/app.json": '{"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "spec": {}}',
}
HARMLESS = {
    "storefront/chart/templates/app.yaml": APPLICATION.replace("REVISION", COMMIT),
    "storefront/chart/templates/notes.yaml": "# An Application of {{ .Values.x }} [\n",
    "storefront/chart/templates/map.yaml": "kind: ConfigMap\napiVersion: v1\ndata: {kind: Application}\n",
    "storefront/kustomize/kustomization.yml": "resources: [a.yaml, ../base, "
    f"'https://git.example/x.git//base?ref={COMMIT}']\n",
    "README.md": APPLICATION,
    "analytics/analytics-app/applicationset.yaml": APPLICATION.replace("REVISION", "main"),
    "payments/chart/templates/app.yaml": APPLICATION.replace("REVISION", "main"),
}


def observe(local: LocalRepository, *, pinned: bool = True) -> None:
    GitTreeDriver().observe(local.spec(pinned=pinned), local.context())


@pytest.mark.parametrize("path", FOLLOWING)
def test_an_application_that_follows_by_itself_is_refused_with_its_file(local: LocalRepository, path: str) -> None:
    local.git("branch", BRANCH, "main")
    local.commit(BRANCH, {path: FOLLOWING[path]}, "An application")
    with pytest.raises(ConfigError, match=path):
        observe(local)
    observe(local, pinned=False)


def test_others_are_not(local: LocalRepository) -> None:
    """Among them those of products that the environment has not bought."""
    local.git("branch", BRANCH, "main")
    local.commit(BRANCH, dict(HARMLESS), "Nothing that follows")
    observe(local)


def test_the_folder_of_another_product_counts_where_it_is_named(local: LocalRepository) -> None:
    path = "payments/chart/templates/app.yaml"
    local.commit("main", {path: HARMLESS[path]}, "Not bought")
    shop = "storefront/storefront-app/applicationset.yaml"
    local.replace("main", shop, '"{{ .product }}/chart"', "payments/chart", "Of another product")
    with pytest.raises(ConfigError, match=path):
        observe(local)
