"""The GitOps files of a tree, and the fields in which a file differs between two trees."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from resources.drivers.git.applicationsets import is_application_set, is_project
from resources.drivers.git.objects import Difference, list_files, read_texts
from resources.drivers.git.repository import Git
from resources.model.change import FieldChange, diff
from resources.support.yaml_limits import load_documents, read_limits


def gitops_files(git: Git, tree: str) -> dict[str, str]:
    """The texts of the AppProjects and ApplicationSets of a tree or commit, by path."""
    entries = list_files(git, tree).items()
    return read_texts(git, {path: e for path, e in entries if is_application_set(path) or is_project(path)})


def file_changes(
    difference: Difference, before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[FieldChange, ...]:
    """The fields of a file that differ, where both texts are at hand and YAML; else one for the whole file, with an
    empty path."""
    path = difference.path
    inner = _fields(before[path], after[path]) if path in before and path in after else ()
    return inner or (FieldChange("", before.get(path, difference.before), after.get(path, difference.after)),)


def _fields(before: str, after: str) -> tuple[FieldChange, ...]:
    """The fields that differ; none where only comments do, or one of the texts is no YAML."""
    try:
        old, new = (list(load_documents(text, read_limits())) for text in (before, after))
    except (yaml.YAMLError, ValueError, RecursionError):  # of a file that is not applied here
        return ()
    return diff(old[0], new[0]) if len(old) == len(new) == 1 else diff(old, new)
