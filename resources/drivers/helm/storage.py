"""Reads helm's own storage: one Secret of type helm.sh/release.v1 a revision, base64(gzip(JSON)).

Source: helm, pkg/storage/driver/secrets.go and util.go.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import yaml

from resources.context import Context
from resources.drivers.helm.shown_secrets import is_hidden, list_secrets, read_revisions
from resources.kubernetes.objects import Object, describe_object
from resources.model.errors import OperationFailed
from resources.support.archives import ARCHIVE_ERRORS, unpack_gzip
from resources.support.cache import cached_json
from resources.support.memory_cache import CacheKey
from resources.support.yaml_limits import RENDERED, InputTooLarge, load_document, read_limits, setting_of


@dataclass(frozen=True)
class Release:
    """One revision of a release. `values` are the user's, without the chart's defaults."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    version: str
    values: dict[str, Any]
    manifest: str
    labels: dict[str, str]
    hooks_manifest: str = ""
    made_at: str = ""

    @property
    def revision_of_ours(self) -> str:
        """The number of the revision that the pipeline made last, where this is another one: somebody ran helm by
        hand, which keeps a release's labels. Empty where this is ours, or an earlier version made it."""
        ours = self.labels.get(REVISION_LABEL, "")
        return "" if ours == str(self.revision) else ours

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The objects of the rendered manifest, as they stand in it: most name no namespace. Raises OperationFailed
        where somebody has made something else of it."""
        return self._objects_of(self.manifest)

    @cached_property
    def hooks(self) -> list[dict[str, Any]]:
        """The objects that helm runs around an upgrade, which stand in no manifest. Raises as `objects` does."""
        return self._objects_of(self.hooks_manifest)

    def _objects_of(self, manifest: str) -> list[dict[str, Any]]:
        try:
            return check_objects(manifest_objects(manifest))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else "it is no YAML"
            raise OperationFailed(
                f"the manifest of release {self.name} in {self.namespace}, revision {self.revision}, cannot be read: "
                f"{problem}",
                next_step=_next_step(self.name, self.namespace),
            ) from None


# Of a release: the number of the revision that the pipeline made. helm numbers them one by one.
REVISION_LABEL = "eks-assets/revision"
# To be invalidated by whoever runs helm against the cluster.
RELEASE_SECRETS: CacheKey[list[Object]] = CacheKey("Secrets of helm's releases")
_DECODED: CacheKey[Release] = CacheKey("decoded revision of a release")
_BETWEEN = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_IS_CRD = re.compile(r"^[\"']?kind[\"']?: *[\"']?CustomResourceDefinition\b", re.MULTILINE)
_HAS_SECRET = re.compile(r"\bkind[\"']?: *[\"']?Secret\b")


def manifest_objects(manifest: str) -> list[dict[str, Any]]:
    """The objects of a rendered manifest; those of a `List` one by one. Raises yaml.YAMLError."""
    parse = partial(load_document, limits=read_limits().scaled(RENDERED))
    documents = [doc for text in _BETWEEN.split(manifest) if isinstance(doc := _document(text, parse), dict)]
    return [obj for doc in documents for obj in _items(doc)]


def check_objects(objects: list[Object]) -> list[Object]:
    """The objects. Raises yaml.YAMLError where one is none: whoever reads them relies on kind and name."""
    if not all(map(_is_object, objects)):
        raise yaml.MarkedYAMLError(problem="it holds something without apiVersion, kind or metadata.name")
    return objects


def _items(document: dict[str, Any]) -> list[Any]:
    items = document.get("items")
    return items if str(document.get("kind")).endswith("List") and isinstance(items, list) else [document]


def _is_object(value: Any) -> bool:
    meta = value.get("metadata") if isinstance(value, dict) else None
    texts = [value.get("apiVersion"), value.get("kind"), meta.get("name")] if isinstance(meta, dict) else [None]
    return all(isinstance(text, str) and text for text in texts)


def _document(text: str, parse: Callable[[str], Any]) -> Any:
    # CRDs are most of a manifest by far, seldom change and hold no secrets; as JSON they are read 50 times as fast.
    is_public = _IS_CRD.search(text) and not _HAS_SECRET.search(text)
    return cached_json("crds", text, parse) if is_public else parse(text)


def release_exists(context: Context, namespace: str, name: str) -> bool:
    """Whether helm keeps a revision of the release, readable or not."""
    return bool(_revisions(context, namespace, name))


def newest_release(context: Context, namespace: str, name: str) -> Release | None:
    """The newest revision; None where the release does not exist. One LIST serves a whole plan. Raises OperationFailed
    where what helm keeps of it cannot be read."""
    mine = _revisions(context, namespace, name)
    if not mine:
        return None
    newest = max(mine, key=_revision)
    version = (newest["metadata"]["uid"], newest["metadata"]["resourceVersion"])
    return context.cache.get(_DECODED, lambda: decode_release(newest), item=version)


def next_revision(context: Context, namespace: str, name: str) -> int:
    """The number that helm gives the release's next revision."""
    return max(map(_revision, _revisions(context, namespace, name)), default=0) + 1


def release_secrets(context: Context) -> dict[tuple[str, str], Object]:
    """The Secret of the newest revision of every release whose Secrets we see, by namespace and name. One LIST serves a
    whole plan."""
    newest: dict[tuple[str, str], Object] = {}
    for secret in sorted(_secrets(context), key=_revision):
        newest[(secret["metadata"]["namespace"], _labels(secret).get("name", ""))] = secret
    return newest


def newest_releases(context: Context) -> tuple[list[Release], list[str]]:
    """The newest revision of every release whose Secrets we see, and what is wrong with those that cannot be read."""
    releases, problems = [], []
    for secret in release_secrets(context).values():
        try:
            releases.append(decode_release(secret))
        except OperationFailed as error:
            problems.append(error.message)
    return releases, problems


def _revisions(context: Context, namespace: str, name: str) -> list[Object]:
    if is_hidden(context, namespace):
        read = partial(read_revisions, context, namespace, name)
        return context.cache.get(RELEASE_SECRETS, read, item=(namespace, name))
    mine = [s for s in _secrets(context) if s["metadata"]["namespace"] == namespace]
    return [s for s in mine if _labels(s).get("name") == name]


def _labels(secret: Object) -> dict[str, str]:
    return secret["metadata"].get("labels") or {}


def _revision(secret: Object) -> int:
    """As the label says; before all others where it says none."""
    text = _labels(secret).get("version", "")
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1


def _secrets(context: Context) -> list[Object]:
    # The newest revision is never superseded; each holds its whole chart, so the old ones are left where they are.
    labels = "owner=helm,status!=superseded"
    return context.cache.get(RELEASE_SECRETS, lambda: list(list_secrets(context, labels)))


def decode_release(secret: Object) -> Release:
    """A release from its Secret, which everybody who can write Secrets there may have made. Raises OperationFailed for
    one that is none, or is beyond the limits of input."""
    try:
        return _decoded(secret)
    except InputTooLarge as error:
        problem = error.problem
    except (*ARCHIVE_ERRORS, KeyError, TypeError, AttributeError, RecursionError):
        problem = "it is no gzip of JSON with the fields of a release"
    raise OperationFailed(
        f"the {describe_object({'kind': 'Secret', **secret})} of helm cannot be read: {problem}",
        next_step=_next_step(_labels(secret).get("name", "RELEASE"), secret["metadata"]["namespace"]),
    )


def _decoded(secret: Object) -> Release:
    limits = read_limits().scaled(RENDERED)
    text = unpack_gzip(base64.b64decode(base64.b64decode(secret["data"]["release"])), limits).decode()
    # A value takes more memory than its text: what could be more of them than allowed is not parsed.
    if sum(map(text.count, "[{,")) > limits.nodes:
        raise InputTooLarge(problem=f"has more than {limits.nodes} values ({setting_of('nodes')} sets this bound)")
    document = json.loads(text)
    chart = document["chart"]["metadata"]
    release = Release(
        name=document["name"],
        namespace=document["namespace"],
        revision=int(document["version"]),
        status=document["info"]["status"],
        chart=chart["name"],
        version=chart["version"],
        values=document.get("config") or {},
        manifest=document.get("manifest") or "",
        labels=_labels(secret),
        hooks_manifest="\n---\n".join(hook["manifest"] for hook in document.get("hooks") or ()),
        made_at=str(secret["metadata"].get("creationTimestamp") or ""),
    )
    texts = (release.name, release.namespace, release.status, release.chart, release.version, release.manifest)
    if not all(isinstance(text, str) for text in texts) or not isinstance(release.values, dict):
        raise TypeError
    return release


def _next_step(name: str, namespace: str) -> str:
    return f"look at it with helm history {name} -n {namespace}; delete the Secret if helm cannot read it either"
