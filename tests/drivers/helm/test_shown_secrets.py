"""A release with a Secret that the planner does not see."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any, cast

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.helm import drift, preview
from resources.drivers.helm.drift import find_drift, hidden_objects
from resources.drivers.helm.preview import object_fields
from resources.drivers.helm.storage import Release
from resources.kubernetes.live_diff import as_stored
from resources.kubernetes.objects import Object
from resources.model.specs import HelmRelease

SPEC = HelmRelease(
    name="argocd", namespace="argocd", repository="https://charts.test", chart="argo-cd", version="1.0.0"
)


def secret(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def config_map(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": data}


class Cluster:
    """What is there, in the namespace of the release; whoever is not shown a Secret gets none."""

    def __init__(self, env: Environment, monkeypatch: pytest.MonkeyPatch, *objects: Object) -> None:
        self.env = env
        self.live = {(obj["kind"], obj["metadata"]["name"]): self._stored(obj) for obj in objects}
        monkeypatch.setattr(preview, "cluster_exists", lambda _: True)
        for module in (drift, preview):
            monkeypatch.setattr(module, "live_object", self._read)

    def context(self, *, planning: bool) -> Context:
        return Context(self.env, cast(Aws, SimpleNamespace(planning=planning, env=self.env)))

    @staticmethod
    def _stored(obj: Object) -> Object:
        stored = as_stored(copy.deepcopy(obj))
        return {**stored, "metadata": {**stored["metadata"], "namespace": SPEC.namespace}}

    def _read(self, obj: Any, _namespace: str, context: Context) -> Object | None:
        is_hidden = obj["kind"] == "Secret" and context.aws.planning
        return None if is_hidden else self.live.get((obj["kind"], obj["metadata"]["name"]))


class Applied(Release):
    """A release that helm made of these objects."""

    def __init__(self, *objects: Object) -> None:
        super().__init__("argocd", "argocd", 3, "deployed", "argo-cd", "1.0.0", {}, "", {})
        self.__dict__["objects"] = list(objects)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([secret("a", key="1")], [secret("a", key="1")]),
        ([secret("a", key="1"), config_map(x="1")], [secret("a", key="2", more="3"), config_map(x="2")]),
        ([secret("a", key="1", gone="2")], [secret("a", key="1")]),
        ([secret("a", key="1")], [secret("b", key="1")]),
        ([config_map(x="1")], [config_map(x="1"), secret("a", key="1")]),
    ],
)
def test_planner_plans_what_the_deployer_does(
    before: list[Object], after: list[Object], sandbox_env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a Secret that it does not see, what helm applied last stands for what is there."""
    cluster, release = Cluster(sandbox_env, monkeypatch, *before), Applied(*before)
    planned = [
        object_fields(SPEC, release, after, (), cluster.context(planning=planning)) for planning in (True, False)
    ]
    assert planned[0] == planned[1]
    assert bool(planned[0]) == (before != after)


def test_first_deploy_shows_the_secret(sandbox_env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no release yet, none of its Secrets is there."""
    cluster = Cluster(sandbox_env, monkeypatch)
    fields = object_fields(SPEC, None, [secret("a", key="1")], (), cluster.context(planning=True))
    assert [(field.path, field.before) for field in fields] == [("Secret/argocd/a", None)]


def test_change_by_hand_is_unchecked_for_planner_alone(
    sandbox_env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no finding that the Secret is gone, and no success either; the deployer sees what was changed."""
    cluster, release = Cluster(sandbox_env, monkeypatch, secret("a", key="2")), Applied(secret("a", key="1"))
    planner, deployer = (cluster.context(planning=planning) for planning in (True, False))
    assert find_drift(release, planner) == ()
    assert [each.object for each in hidden_objects(release.objects, "argocd", planner)] == ["Secret/argocd/a"]
    assert [field.path for field in find_drift(release, deployer)] == ["Secret/argocd/a: data.key"]
    assert not list(hidden_objects(release.objects, "argocd", deployer))
