"""A chart's version stands for another package than the one that was deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.config.environment import Charts, Environment
from resources.context import Context
from resources.drivers.helm.charts import file_digest
from resources.drivers.helm.registry_digest import is_in_registry, registry_digest
from resources.model.errors import NotFound, Transient
from resources.model.specs import HelmRelease
from sandbox.charts.packaging import archive_of
from sandbox.charts.registry import push
from tests.helpers.packaged_chart import chart

CHANGED = {"templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"}


def release(version: str = "1.0.0+build") -> HelmRelease:
    return HelmRelease(name="x", namespace="x", repository="https://charts.test", chart="moving", version=version)


def at(env: Environment, registry: str) -> Context:
    charts = Charts(mirror=f"oci://{registry}/charts", plain_http=True)
    return Context.of(env.model_copy(update={"charts": charts}))


def test_version_that_was_pushed_again(prod_env: Environment, registry: str, tools: Path, tmp_path: Path) -> None:
    """The registry is asked for the manifest alone; a version with a + is found, too."""
    context = at(prod_env, registry)
    digests = []
    for folder, files in (("one", {}), ("two", CHANGED)):
        package = chart(tmp_path / folder, tools, "moving", "1.0.0+build", files)
        push(registry, archive_of(package), tools)
        digests.append(file_digest(package))
        assert registry_digest(release(), context) == digests[-1]
    assert digests[0] != digests[1]
    with pytest.raises(NotFound, match=r"chart moving 2\.0\.0: there is none"):
        registry_digest(release("2.0.0"), context)


def test_registry_that_does_not_answer(prod_env: Environment) -> None:
    """Worth another try; what is no registry at all is not asked."""
    with pytest.raises(Transient, match="asking 127"):
        registry_digest(release(), at(prod_env, "127.0.0.1:1"))
    plain = Context.of(prod_env.model_copy(update={"charts": Charts()}))
    assert not is_in_registry(release(), plain)
