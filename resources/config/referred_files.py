"""The files that an environment file names: only those in its own folder."""

from __future__ import annotations

from pathlib import Path

from resources.config.problems import Location, Problem, did_you_mean, display_path
from resources.config.yaml_document import Document


def find_referred_file(document: Document, location: Location, name: str) -> tuple[Path | None, list[Problem]]:
    """The file that the document names at the location, relative to itself; none where it is missing or, links
    followed, not below the document's own folder: what lies there is not the environment's, and would be shown."""
    folder = document.file.parent
    file = folder / name
    try:
        is_inside = file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links; a NUL in the name
        is_inside = False
    if not is_inside:
        message = f"{name[:200]!a} is not inside of {display_path(folder)}; allowed: a file in that folder"
        return None, [document.problem(location, message)]
    if not file.is_file():
        return None, [document.problem(location, f"there is no file {display_path(file)}{_neighbour(file)}")]
    return file, []


def _neighbour(file: Path) -> str:
    """The file beside a missing one that was probably meant."""
    return did_you_mean(file.name, [f.name for f in file.parent.glob("*.yaml")]) if file.parent.is_dir() else ""
