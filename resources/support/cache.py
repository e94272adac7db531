"""The user's cache, `~/.cache/eks-assets`: what can be made again, under names that say what it holds (a digest)."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from resources.support.private_folders import make_private_folder


def cache_folder(name: str) -> Path | None:
    """A folder of the cache; None where there is no home to write to."""
    try:
        folder = make_private_folder(Path.home() / ".cache" / "eks-assets") / name
        make_private_folder(folder)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None


def cached_json(name: str, text: str, make: Callable[[str], Any]) -> Any:
    """What `make` makes of the text (JSON types), kept in a folder of the cache under the text's digest. Not for
    secrets."""
    folder = cache_folder(name)
    if folder is None:
        return make(text)
    file = folder / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):
        made = make(text)
    try:
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False) as part:
            json.dump(made, part)
        os.replace(part.name, file)
    except OSError:
        pass  # a full disk costs time, nothing else
    return made
