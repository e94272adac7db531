"""The source that a plan was made with: the commits of the code and of the environments' folder, and how their working
trees differ from them."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

from eks_assets.engine.working_tree import WorkingTree
from eks_assets.plan.document import Source
from resources.config.environment import Approval
from resources.config.loader import find_folder
from resources.context import Context
from resources.drivers.stack.cluster_state import cluster_version, version_before
from resources.model.errors import ConfigError
from resources.records.digest_key import load_digest_key
from resources.support.memory_cache import CacheKey

_SOURCE_COMMIT: CacheKey[str | None] = CacheKey("source commit, by folder")
_CLUSTER_VERSION: CacheKey[str | None] = CacheKey("version of the EKS cluster")
PACKAGES = ("eks_assets", "resources", "sensors")
_SINCE = time.time()  # this process has had the code in memory at the latest since then


def source_commit(folder: Path) -> str | None:
    """The commit of the git working tree that the folder is in, where something differs from it that can change what
    runs with `+` and a hash of that; None outside of git, or where git fails. docs/plan.md says what counts."""
    tree = WorkingTree.of(folder)
    if tree is None:
        return None
    code = code_folder()
    is_code = code is not None and code.is_relative_to(tree.root)
    environments = find_folder() if is_code else folder
    return tree.describe(environments, also=_other_modules(tree.root) if is_code else ())


def commits_at_start() -> tuple[str | None, str | None]:
    """The commits of the environments' folder and of the code as this process, or the one that it was forked from, read
    them first: what a run began with, at no cost to each of its steps. None outside of git."""
    try:
        environments = _first_commit(find_folder())
    except ConfigError:
        environments = None
    code = code_folder()
    return environments, None if code is None else _first_commit(code)


@cache
def _first_commit(folder: Path) -> str | None:
    return source_commit(folder)


def code_folder() -> Path | None:
    """The folder that Python has the program's packages from; None where they come from several."""
    specs = [importlib.util.find_spec(name) for name in PACKAGES]
    folders = {Path(os.path.realpath(spec.origin)).parents[1] for spec in specs if spec and spec.origin}
    return folders.pop() if len(folders) == 1 else None


def _other_modules(root: Path) -> Iterator[bytes]:
    """The modules of the program that run, but are not what the working tree holds: from elsewhere, or changed there
    since this process read them."""
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0] not in PACKAGES or file is None or not os.path.isfile(file):
            continue
        if not Path(os.path.realpath(file)).is_relative_to(root):
            yield f"{name} is of another folder".encode() + Path(file).read_bytes()
        elif os.stat(file).st_mtime > _SINCE:
            yield f"{name} has changed since it was read".encode()


def source_of(context: Context) -> Source:
    """The commits of the environments' folder and of the code, and the cluster's version, as they are now."""

    def commit_of(folder: Path | None) -> str | None:
        if folder is None:
            return None
        return context.cache.get(_SOURCE_COMMIT, lambda: source_commit(folder), item=folder)

    live = context.cache.get(_CLUSTER_VERSION, lambda: cluster_version(context))
    if live == context.upgrades_to and live is not None:
        live = version_before(live)  # what was approved of this minor version was so before its own first step
    key = partial(load_digest_key, context)
    return Source(commit_of(find_folder()), live, commit_of(code_folder()), key)


def check_source(source: Source, approval: Approval) -> None:
    """What a gated environment demands of the source. Raises ConfigError for code without a commit, and where
    `approval.clean` demands clean working trees for one that is not."""
    if source.code_commit is None:
        raise ConfigError(
            f"the program's code in {code_folder() or 'several folders'} has no commit: nobody could tell which code "
            "an approval is of",
            next_step="run it from a clone of its git repository that belongs to this user, with git on PATH",
        )
    sources = {"the program's code": source.code_commit, "the environments' folder": source.commit}
    dirty = [name for name, commit in sources.items() if commit is None or "+" in commit]
    if approval.clean == "required" and dirty:
        raise ConfigError(
            f"{' and '.join(dirty)}: uncommitted changes, or no commit, and approval.clean is required "
            f"(commit {source.code_commit}; of the environments {source.commit})",
            next_step="commit or remove what git status --ignored lists and `git ls-files -v` marks as hidden, then "
            "deploy again",
        )
