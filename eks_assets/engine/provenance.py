"""The source that a plan was made with: the commit of the project, and how the working tree differs from it."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from eks_assets.plan.document import Source
from resources.aws.errors import aws_call
from resources.config.loader import find_folder
from resources.context import Context
from resources.drivers.programs import child_environment
from resources.model.errors import NotFound
from resources.support.memory_cache import CacheKey

_SOURCE_COMMIT: CacheKey[str | None] = CacheKey("source commit")
_CLUSTER_VERSION: CacheKey[str | None] = CacheKey("version of the EKS cluster")
# Every byte that differs, whatever the person's own configuration makes of a diff.
_WHOLE_DIFF = ("diff", "HEAD", "--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color")
# Python may import what git does not know yet; a report that a job leaves in its checkout is no source.
_UNTRACKED = ("ls-files", "--others", "--exclude-standard", "-z", "--", "*.py")
_DIGITS = 16  # of the hash: beside the commit, deviations still show all of it


def source_commit(folder: Path) -> str | None:
    """The commit of the git working tree that the folder is in, where files differ from it with `+` and a hash of what
    differs; None outside of git, or where git fails."""
    try:
        commit, _, top = os.fsdecode(_git(folder, "rev-parse", "HEAD", "--show-toplevel")).partition("\n")
        root = Path(top.removesuffix("\n"))
        differing = [_git(root, *_WHOLE_DIFF)]
        for name in sorted(_git(root, *_UNTRACKED).split(b"\0")):
            file = root / os.fsdecode(name)
            if file.is_file():
                differing += [name, file.read_bytes()]
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+{_hash(differing)}" if any(differing) else commit


def _hash(parts: list[bytes]) -> str:
    """A hash of the parts, each by itself: where one ends tells."""
    each = b"".join(hashlib.sha256(part).digest() for part in parts)
    return hashlib.sha256(each).hexdigest()[:_DIGITS]


def _git(folder: Path, *arguments: str) -> bytes:
    """What git answers. Raises OSError, subprocess.SubprocessError."""
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=30, env=child_environment()).stdout


def source_of(context: Context) -> Source:
    """The project's commit and the cluster's version, as they are now."""

    def version() -> str | None:
        name = context.env.cluster_name
        try:
            with aws_call(f"describing the EKS cluster {name}"):
                cluster = context.aws.client("eks").describe_cluster(name=name)["cluster"]
        except NotFound:
            return None
        return str(cluster["version"])

    commit = context.cache.get(_SOURCE_COMMIT, lambda: source_commit(find_folder()))
    return Source(commit, context.cache.get(_CLUSTER_VERSION, version))
