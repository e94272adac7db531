"""The package that helm is given is the one that was pulled, whoever writes on this machine meanwhile."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from resources.config.environment import Charts, Environment
from resources.context import Context
from resources.drivers.helm.charts import Package, check_archive, file_digest, package_of
from resources.drivers.helm.rendering import render_once
from resources.model.errors import OperationFailed, Refused
from resources.model.specs import HelmRelease
from resources.support.cache import cache_folder
from sandbox.charts.packaging import package
from sandbox.charts.registry import push
from tests.helpers.packaged_chart import chart

EVIL = {"templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: evil}\n"}


def test_package_is_read_again_before_use(tmp_path: Path) -> None:
    """A file that was changed, or is gone, since it was pulled is refused."""
    file = tmp_path / "x-1.0.0.tgz"
    file.write_bytes(b"approved")
    package = Package(file, file_digest(file))
    assert package.verified() == file
    file.write_bytes(b"another!")
    with pytest.raises(Refused, match=r"x-1\.0\.0\.tgz was changed on this machine after it was pulled"):
        package.verified()
    file.unlink()
    with pytest.raises(Refused, match="now it is nothing"):
        package.verified()


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"no archive" * 100, mtime=0)])
def test_package_that_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    """What a registry hands out under the name of a chart is looked at before helm gets it."""
    (tmp_path / "x.tgz").write_bytes(content)
    with pytest.raises(OperationFailed, match=re.escape("the chart package x.tgz cannot be read: it is no archive")):
        check_archive(tmp_path / "x.tgz")


def test_package_beyond_the_limits_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is named."""
    monkeypatch.setenv("EKS_ASSETS_INPUT_BYTES", "10")
    (tmp_path / "x.tgz").write_bytes(b"x" * 201)
    with pytest.raises(OperationFailed, match="has 201 bytes; allowed: 200"):
        check_archive(tmp_path / "x.tgz")


@pytest.mark.sandbox
def test_helm_is_given_no_other_chart_than_the_pulled_one(
    context: Context, registry: str, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a package in the user's cache under the right name, nor one that takes the place of the pulled one, is
    rendered."""
    monkeypatch.setenv("HOME", str(tmp_path))
    push(registry, package("karpenter-crd", tools, tmp_path), tools)
    env: Environment = context.env.model_copy(
        update={"charts": Charts(mirror=f"oci://{registry}/charts", plain_http=True)}
    )
    here = Context(env, context.aws)
    spec = HelmRelease(name="x", namespace="n", repository="", chart="karpenter-crd", version="1.14.1")
    pulled = package_of(spec, here)
    evil = chart(tmp_path, tools, "karpenter-crd", "1.14.1", EVIL)
    cache = cache_folder("charts")
    assert cache is not None
    (cache / f"{pulled.digest.removeprefix('sha256:')}.tgz").write_bytes(evil.read_bytes())
    rendered = render_once(spec, package_of(spec, here), here, installed=False)
    assert {obj["kind"] for obj in rendered} == {"CustomResourceDefinition"}
    evil.replace(pulled.path)
    with pytest.raises(Refused, match="was changed on this machine"):
        render_once(spec, package_of(spec, here), here, installed=False)
