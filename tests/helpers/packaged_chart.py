"""A chart of somebody else's, for tests that need one beside the sandbox's own."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


def chart(folder: Path, tools: Path, name: str, version: str, files: Mapping[str, str]) -> Path:
    """The chart with these files, made with the real `helm package`; returns the archive."""
    source = folder / "source" / name
    for path, text in {"Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n", **files}.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text)
    subprocess.run([tools / "helm", "package", source, "-d", folder], check=True, capture_output=True, timeout=60)
    return folder / f"{name}-{version}.tgz"
