"""Accepting a finding: the edit of the environment's files that would make what is observed what is wanted.

Which field that is nobody has written down: each value in the files that is what was expected is replaced, in a copy,
by what is observed, and the unit is rendered again. The edit is the one by which it asks for that difference.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.plan.drift import FindingEntry
from resources.config.environment import Environment
from resources.config.loader import read_environment
from resources.config.problems import Location, format_location
from resources.config.yaml_document import Document, parse_yaml, read_yaml
from resources.config.yaml_edit import with_scalar
from resources.model.change import MASK, FieldChange, diff
from resources.model.errors import ConfigError
from resources.model.outputs import plain_document
from resources.model.specs import Stack


@dataclass(frozen=True)
class Edit:
    """A value of a file of the environment's, before and after, and the file's text with it. `also`: what changes, too:
    other properties of the resource, and other units."""

    file: Path
    location: str
    before: str
    after: str
    text: str
    also: tuple[str, ...] = ()


def find_edit(registry: Registry, file: Path, finding: FindingEntry) -> Edit:
    """The edit that makes the finding desired. `file`: the environment's. Raises ConfigError, with the reason, where no
    field of its files says it."""
    unit, expected, observed = finding.unit, _text(finding.expected), _text(finding.observed)
    if unit is None:
        raise _no_field(finding, "no unit declares it: remove it, or write a unit")
    if MASK in (finding.expected, finding.observed) or expected is None or observed is None:
        raise _no_field(finding, "only a value that was changed to another one that is no secret can be accepted")
    if not issubclass(registry.by_name[unit].spec_type, Stack):
        raise _no_field(finding, "which values of a chart or file make it is not known; change them by hand")
    sources = _sources(file)
    with tempfile.TemporaryDirectory() as folder:
        copies = {source.file: Path(folder) / source.file.relative_to(file.parent) for source in sources}
        texts = {source.file: _read(source.file) for source in sources}
        for original, copy in copies.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(texts[original], encoding="utf-8")
        before = _specs(registry, copies[file])
        for source in sources:
            for location, edited in _attempts(source, texts[source.file], expected, observed):
                copies[source.file].write_text(edited, encoding="utf-8")
                after = _specs(registry, copies[file])
                changes = diff(before.get(unit), after.get(unit))
                if (beside := _beside(changes, finding, expected, observed)) is not None:
                    others = [name for name in after if name != unit and after[name] != before.get(name)]
                    also = (*beside, *others)
                    return Edit(source.file, format_location(location), expected, observed, edited, also)
            copies[source.file].write_text(texts[source.file], encoding="utf-8")
    raise _no_field(finding, "no value in the environment's files makes it")


def _no_field(finding: FindingEntry, reason: str) -> ConfigError:
    return ConfigError(
        f"no field says {finding.object}: {finding.path or 'the whole of it'}: {reason}",
        next_step="deploy restores it; --ignore sets it aside for a while",
    )


def _text(value: Any) -> str | None:
    """The value as a file would have it; None for what is no scalar."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


def _read(file: Path) -> str:
    with file.open(encoding="utf-8", newline="") as opened:
        return opened.read()


def _sources(file: Path) -> list[Document]:
    """The environment's file and those that it names."""
    document, _ = read_yaml(file)
    if document is None or not isinstance(document.data, dict):
        raise ConfigError(f"{file} cannot be read")
    names = [document.data.get("cluster")]
    addons = document.data.get("addons") or {}
    names += [addon.get("values_file") for addon in addons.values() if isinstance(addon, dict)]
    files = [file.parent / name for name in names if isinstance(name, str)]
    return [document, *(source for source, _ in map(read_yaml, files) if source is not None)]


def _attempts(source: Document, text: str, expected: str, observed: str) -> Iterator[tuple[Location, str]]:
    for location, written in source.texts():
        if written.strip().lower() == expected.lower():
            try:
                edited = with_scalar(text, location, observed)
            except ConfigError:
                continue
            if parse_yaml(edited, source.file)[0] is not None:
                yield location, edited


def _specs(registry: Registry, file: Path) -> dict[str, Any]:
    """What every unit asks for, by its name; nothing where the files are no environment."""
    env: Environment | None = read_environment(file, registry.by_name)[0]
    if env is None:
        return {}
    try:
        units = [unit for unit in registry.units if unit.is_enabled(env)]
        return {u.name: plain_document(render_spec(registry, env, u, {}).model_dump(mode="python")) for u in units}
    except ConfigError:
        return {}


def _beside(
    changes: tuple[FieldChange, ...], finding: FindingEntry, expected: str, observed: str
) -> tuple[str, ...] | None:
    """The properties of the same resource that the edit changes beside the finding's own; None where that is not among
    the changes, or another resource is."""
    words = set(finding.object.replace("(", " ").replace(")", " ").split())
    steps = [part for part in finding.path.replace("[", ".").replace("]", "").split(".") if not part.isdigit()]
    own = [
        change
        for change in changes
        if (_text(change.before), _text(change.after)) == (expected, observed)
        and steps[-1:] == [change.path.rpartition(".")[2].partition("[")[0]]
    ]
    if len(own) != 1 or any(not words & set(change.path.split(".")) for change in changes):
        return None
    return tuple(change.path for change in changes if change is not own[0])
