"""What follows something by itself, and what is pinned."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from resources.drivers.git.pinning import Pin, following_faults, pin_document

OURS, BRANCH, COMMIT = "https://git.acme.example/platform/config.git", "develop/acme-prod", "a" * 40
PIN = Pin(OURS, BRANCH, COMMIT)


def application_set(source: str, generators: str = "[{list: {elements: []}}]", more: str = "{}") -> dict[str, Any]:
    key = "sources" if source.startswith("[") else "source"
    text = (
        f"{{kind: ApplicationSet, metadata: {{name: shop}}, "
        f"spec: {{generators: {generators}, template: {{spec: {{{key}: {source}}}}}}}}}"
    )
    document: dict[str, Any] = yaml.safe_load(text)
    document["spec"].update(yaml.safe_load(more))
    return document


def faults(document: Any) -> list[str]:
    return list(following_faults(document, PIN))


def git(revision: str, repository: str = OURS) -> str:
    return f"{{repoURL: '{repository}', targetRevision: '{revision}', path: x}}"


@pytest.mark.parametrize(
    "repository",
    [OURS, OURS.removesuffix(".git"), "git@git.acme.example:platform/config.git", OURS.replace("acme", "ACME")],
)
@pytest.mark.parametrize("revision", [BRANCH, f"refs/heads/{BRANCH}"])
def test_every_source_and_generator_that_names_the_branch_is_pinned(repository: str, revision: str) -> None:
    generator = f"{{git: {{repoURL: '{repository}', revision: '{revision}', directories: []}}}}"
    other = git("b" * 40, "https://other.example/a.git")
    document = application_set(
        f"[{git(revision, repository)}, {other}]",
        f"[{generator}, {{matrix: {{generators: [{{merge: {{generators: [{generator}]}}}}]}}}}]",
    )
    assert faults(document) == []
    text = str(pin_document(document, PIN))
    assert (text.count(COMMIT), text.count("b" * 40), text.count(BRANCH)) == (3, 1, 0)
    assert str(document).count(COMMIT) == 0


def test_values_that_look_like_a_source_stay() -> None:
    values = f"{{repoURL: '{OURS}', targetRevision: '{BRANCH}'}}"
    document = application_set(f"{{repoURL: '{OURS}', targetRevision: '{BRANCH}', helm: {{valuesObject: {values}}}}}")
    pinned = pin_document(document, PIN)["spec"]["template"]["spec"]["source"]
    assert pinned["targetRevision"] == COMMIT
    assert pinned["helm"]["valuesObject"]["targetRevision"] == BRANCH


FOLLOWING = {
    "a default branch": git("HEAD"),
    "no revision": f"{{repoURL: '{OURS}', path: x}}",
    "an empty revision": git(""),
    "the base branch": git("main"),
    "the branch of another repository": git(BRANCH, "https://other.example/a.git"),
    "a tag": git("v1.2.3", "https://other.example/a.git"),
    "a range": git("1.*", "https://other.example/a.git"),
    "an abbreviated commit": git("a" * 12),
    "a template": git("{{ .revision }}"),
    "a repository that nobody knows": git(BRANCH, "{{ .url }}"),
    "charts of a range": "{repoURL: 'https://charts.example', chart: x, targetRevision: '^1.2.0'}",
    "any chart": "{repoURL: 'https://charts.example', chart: x, targetRevision: '*'}",
    "the newest chart": "{repoURL: 'https://charts.example', chart: x}",
    "a tag of a registry": "{repoURL: 'oci://registry.example/x', targetRevision: latest, path: .}",
    "values from an address": f"{{repoURL: '{OURS}', targetRevision: {COMMIT}, helm: {{valueFiles: ['https://x/y']}}}}",
    "a component from an address": f"{{repoURL: '{OURS}', targetRevision: {COMMIT}, "
    "kustomize: {components: ['https://x/y?ref=main']}}",
    "one of several": f"[{git(COMMIT)}, {git('HEAD')}]",
}


@pytest.mark.parametrize("source", FOLLOWING.values(), ids=FOLLOWING)
def test_a_source_that_follows_something_is_a_fault(source: str) -> None:
    assert len(faults(application_set(source))) == 1
    spec = application_set(source)["spec"]["template"]["spec"]
    nested = {"kind": "Application", "metadata": {"name": "a"}, "spec": spec}
    assert len(list(following_faults(nested, Pin(OURS, None)))) == 1


FIXED = {
    "a commit": git(COMMIT),
    "a commit by SHA-256": git("a" * 64, "https://other.example/a.git"),
    "a chart's version": "{repoURL: 'https://charts.example', chart: x, targetRevision: 1.2.3-rc.1}",
    "a registry's version": "{repoURL: 'oci://registry.example/x', targetRevision: v1.2.3, path: .}",
    "a digest": f"{{repoURL: 'oci://registry.example/x', targetRevision: 'sha256:{'a' * 64}', path: .}}",
}


@pytest.mark.parametrize("source", FIXED.values(), ids=FIXED)
def test_a_source_that_names_one_thing_is_none(source: str) -> None:
    assert faults(application_set(source)) == []


OTHER_WAYS = {
    "templatePatch": "{templatePatch: 'spec: {}'}",
    "applicationsSync": "{syncPolicy: {applicationsSync: create-only}}",
    "ignoreApplicationDifferences": "{ignoreApplicationDifferences: [{jsonPointers: [/spec/source/targetRevision]}]}",
    "pullRequest": "{generators: [{matrix: {generators: [{pullRequest: {github: {}}}]}}]}",
    "scmProvider": "{generators: [{scmProvider: {github: {}}}]}",
    "revision": f"{{generators: [{{git: {{repoURL: '{OURS}', revision: HEAD}}}}]}}",
    "template.spec.source": f"{{generators: [{{list: {{template: {{spec: {{source: {git('HEAD')}}}}}}}}}]}}",
    "sourceHydrator": f"{{template: {{spec: {{source: {git(COMMIT)}, sourceHydrator: {{}}}}}}}}",
    "no source that can be read": "{template: {spec: {source: TEMPLATED}}}",
}


@pytest.mark.parametrize(("words", "more"), OTHER_WAYS.items())
def test_other_ways_to_follow_are_faults(words: str, more: str) -> None:
    (fault,) = faults(application_set(git(COMMIT), more=more))
    assert words in fault


@pytest.mark.parametrize("document", [None, [], "text", {"kind": "Secret"}, {"kind": "AppProject", "spec": []}])
def test_other_objects_have_no_faults(document: Any) -> None:
    assert faults(document) == []


@pytest.mark.parametrize("spec", [None, [], {"generators": 3}, {"template": [], "generators": [3, {"git": 3}]}])
def test_a_spec_of_another_form_is_a_fault(spec: Any) -> None:
    assert faults({"kind": "ApplicationSet", "metadata": 3, "spec": spec})
