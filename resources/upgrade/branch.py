"""The objects in the files of the environment's branch of the application repository, for whoever judges their APIs.

Files of charts there are templates, which only Argo CD renders, with the values of each application: of what is no YAML
the lines `apiVersion` and `kind` are read as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from resources.context import Context
from resources.drivers.git.objects import list_files, read_texts
from resources.drivers.git.repository import Git
from resources.model.specs import AnyGitTree
from resources.support.yaml_limits import load_document, read_limits
from resources.upgrade.live import Object, Rendered

_SUFFIXES = (".yaml", ".yml", ".json")
_BETWEEN = re.compile(r"^---.*$", re.MULTILINE)
_LINES = {
    key: re.compile(rf"^{key}: *[\"']?([\w./-]+)[\"']? *(?:#.*)?$", re.MULTILINE) for key in ("apiVersion", "kind")
}


def read_branch(spec: AnyGitTree, context: Context) -> Iterator[Rendered]:
    """What each file of the branch holds; nothing where there is no branch yet. Raises AccessDenied, NotShown,
    OperationFailed, Transient."""
    with Git.open(spec, context) as git:
        heads = git.heads()
        if heads.branch_commit is None:
            return
        git.fetch_commit(heads.branch_commit)
        files = {
            path: entry for path, entry in list_files(git, heads.branch_commit).items() if path.endswith(_SUFFIXES)
        }
        for path, text in read_texts(git, files).items():
            objects = tuple(scan_objects(path, text))
            if objects:
                way_out = (
                    f"commit {path} with a version that is served to {heads.branch}, or to the branch it comes from"
                )
                yield Rendered(f"{path} of {heads.branch}", objects, way_out)


def scan_objects(path: str, text: str) -> Iterator[Object]:
    """The objects of a file; of templates with what can be read of them, and their line for a name."""
    line = 1
    for document in _BETWEEN.split(text):
        lines = {key: match[1] for key, pattern in _LINES.items() if (match := pattern.search(document))}
        if len(lines) == len(_LINES):
            yield _whole(document) or {**lines, "metadata": {"name": f"{path}:{line}"}}
        line += document.count("\n")


def _whole(document: str) -> Object | None:
    if "{{" in document:
        return None
    try:
        value = load_document(document, read_limits())
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("metadata"), dict) else None
