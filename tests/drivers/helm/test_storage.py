"""helm's Secrets in the cluster, which others than helm can write."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.planner_view import READABLE_REVISIONS
from resources.context import Context
from resources.drivers.helm import shown_secrets
from resources.drivers.helm.storage import (
    RELEASE_SECRETS,
    decode_release,
    newest_release,
    newest_releases,
    release_exists,
)
from resources.kubernetes.objects import Object
from resources.model.checks import ReleasesReady
from resources.model.errors import NotShown, OperationFailed
from resources.model.specs import Probes
from resources.probes.helm import releases_ready

MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
STORED = {
    "name": "good",
    "namespace": "ns",
    "version": 1,
    "info": {"status": "deployed"},
    "chart": {"metadata": {"name": "c", "version": "1.0.0"}},
    "config": {"a": 1},
    "manifest": MANIFEST,
}


def secret(data: bytes, name: str = "good", version: str = "1") -> Object:
    meta = {"name": f"sh.helm.release.v1.{name}.v{version}", "namespace": "ns", "uid": name, "resourceVersion": version}
    meta_labels = {"labels": {"owner": "helm", "name": name, "version": version}}
    release = base64.b64encode(base64.b64encode(data)).decode()
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {**meta, **meta_labels}, "data": {"release": release}}


def stored(name: str = "good", version: str = "1", **changes: Any) -> Object:
    return secret(gzip.compress(json.dumps({**STORED, "name": name, **changes}).encode()), name, version)


BAD: dict[str, Callable[[], Object]] = {
    "no gzip": lambda: secret(b"hello", "bad"),
    "cut off": lambda: secret(gzip.compress(b"x" * 1000)[:30], "bad"),
    "no JSON": lambda: secret(gzip.compress(b"hello"), "bad"),
    "no UTF-8": lambda: secret(gzip.compress(b"\xff\xfe"), "bad"),
    "gzip bomb": lambda: secret(gzip.compress(b"\0" * 30_000_000), "bad"),
    "many values": lambda: secret(gzip.compress(b"[" + b"[]," * 3_000_000 + b"[]]"), "bad"),
    "deep": lambda: secret(gzip.compress(b"[" * 1_000_000), "bad"),
    "huge number": lambda: secret(gzip.compress(b"9" * 10_000), "bad"),
    "no object": lambda: secret(gzip.compress(b"[1]"), "bad"),
    "no data": lambda: {**stored("bad"), "data": None},
    "no base64": lambda: {**stored("bad"), "data": {"release": "%%%"}},
    "chart of another type": lambda: stored("bad", chart="c"),
    "values of another type": lambda: stored("bad", config=[1]),
    "manifest of another type": lambda: stored("bad", manifest=7),
    "status of another type": lambda: stored("bad", info={"status": 7}),
}


def cluster_with(env: Environment, *secrets: Object) -> Context:
    """A context that has listed these Secrets of helm."""
    context = Context(env, cast(Aws, SimpleNamespace(planning=False)))
    context.cache.get(RELEASE_SECRETS, lambda: list(secrets))
    return context


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_bad_secret_stops_its_own_release_alone(make: Callable[[], Object], sandbox_env: Environment) -> None:
    """Whatever a Secret of helm holds: it is an error of that release that names the Secret; the others are read."""
    context = cluster_with(sandbox_env, stored(), make())
    good = newest_release(context, "ns", "good")
    assert good is not None
    assert (good.values, good.objects[0]["kind"]) == ({"a": 1}, "ConfigMap")
    assert release_exists(context, "ns", "bad")
    with pytest.raises(OperationFailed, match=r"Secret ns/sh\.helm\.release\.v1\.bad\.v1 of helm cannot") as raised:
        newest_release(context, "ns", "bad")
    assert "helm history bad -n ns" in raised.value.next_step
    releases, problems = newest_releases(context)
    assert [release.name for release in releases] == ["good"]
    assert len(problems) == 1


def test_bound_of_release_is_named(sandbox_env: Environment) -> None:
    """A refusal for the size names the setting."""
    with pytest.raises(OperationFailed, match="EKS_ASSETS_INPUT_BYTES"):
        decode_release(BAD["gzip bomb"]())
    with pytest.raises(OperationFailed, match="EKS_ASSETS_INPUT_NODES"):
        decode_release(BAD["many values"]())


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 5000, "٣"])
def test_label_that_is_no_revision_stops_nothing(version: str, sandbox_env: Environment) -> None:
    """A Secret whose label says no revision comes before those that do."""
    context = cluster_with(sandbox_env, stored(version="2"), secret(b"planted", "good", version))
    newest = newest_release(context, "ns", "good")
    assert newest is not None
    assert [release.name for release in newest_releases(context)[0]] == ["good"]


def test_secret_without_labels_stops_nothing(sandbox_env: Environment) -> None:
    """A list that holds a Secret without labels is read."""
    bare = {**secret(b"planted"), "metadata": {"name": "x", "namespace": "ns", "labels": None}}
    context = cluster_with(sandbox_env, bare, stored())
    assert newest_release(context, "ns", "good") is not None
    assert len(newest_releases(context)[1]) == 1


@pytest.mark.parametrize(
    "manifest",
    ["a: [", "kind: X", "apiVersion: v1\nkind: X\nmetadata: 7", "a: &a [1]\nb: [*a, *c]", "kind: XList\nitems: [7]"],
)
def test_manifest_that_is_none_is_an_error_of_its_release(manifest: str) -> None:
    """What has become of a manifest is said with the release's name."""
    release = decode_release(stored(manifest=manifest))
    with pytest.raises(OperationFailed, match="manifest of release good in ns, revision 1, cannot be read"):
        _ = release.objects


def test_check_of_all_releases_leaves_out_what_is_none(sandbox_env: Environment) -> None:
    """A Secret that helm itself cannot read does not fail the check of the releases; the check says so."""
    empty = stored(manifest="")
    result = releases_ready(ReleasesReady(), Probes(), cluster_with(sandbox_env, empty, BAD["no gzip"]()))
    assert result.passed
    assert result.detail.startswith("1 releases ready; left out: the Secret ns/sh.helm.release.v1.bad.v1 of helm")


@pytest.fixture
def planner(sandbox_env: Environment, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Context]:
    """The planner, whom the cluster shows Secrets of Argo CD's namespace by name alone, where helm keeps these
    revisions with these statuses."""

    def keep(revisions: dict[int, str]) -> Context:
        def read(_: object, obj: Object) -> Object | None:
            revision = int(obj["metadata"]["name"].removeprefix("sh.helm.release.v1.argocd.v"))
            assert 1 <= revision <= READABLE_REVISIONS, "the API server refuses any other name"
            if revision not in revisions:
                return None
            document = {**STORED, "name": "argocd", "version": revision}
            kept = secret(gzip.compress(json.dumps(document).encode()), "argocd", str(revision))
            kept["metadata"]["labels"]["status"] = revisions[revision]
            return kept

        monkeypatch.setattr(shown_secrets, "read_object", read)
        return Context(sandbox_env, cast(Aws, SimpleNamespace(planning=True, env=sandbox_env)))

    return keep


@pytest.mark.parametrize(
    ("kept", "newest"),
    [
        ([], None),
        ([1], 1),
        ([1, 2, 3, 4], 4),
        ([1, 2, 3, 4, 5], 5),
        (range(1, 11), 10),
        (range(90, 100), 99),
        ([12, *range(111, 120)], 119),
        (range(491, 501), 500),
    ],
)
def test_newest_revision_is_found_by_names(
    kept: Iterable[int], newest: int | None, planner: Callable[..., Context]
) -> None:
    """Wherever helm's last ten are, also where one that was deployed long ago is kept beside failed ones."""
    numbers = list(kept)
    context = planner({n: "deployed" if n == newest else "superseded" for n in numbers})
    release = newest_release(context, "argocd", "argocd")
    assert (release.revision if release else None) == newest
    assert release_exists(context, "argocd", "argocd") == bool(numbers)


def test_more_revisions_than_names_are_no_absence(planner: Callable[..., Context]) -> None:
    """What is superseded has a newer one, which the planner does not see: that is said."""
    with pytest.raises(NotShown, match=f"has more than {READABLE_REVISIONS} revisions"):
        newest_release(planner(dict.fromkeys(range(495, 501), "superseded")), "argocd", "argocd")
