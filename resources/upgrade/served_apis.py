"""Which APIs each Kubernetes version serves, and the fields that their objects have: recorded from the genuine API
server, version by version (`make served-apis`), dated, and shipped as data. Pure.

Each version holds only how it differs from the one before it. Source: Kubernetes documentation, "The Kubernetes API"
(discovery, OpenAPI v3); "Deprecation warnings" (the header `Warning`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

RECORD = Path(__file__).with_name("data") / "served_apis.json"
# By type, what its fields hold: another type, or nothing that has fields of its own.
Types = Mapping[str, Mapping[str, str]]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VersionRecord(_Model):
    """What one version has that the version before it lacks. `kinds`: by `group/version/Kind` the type of its objects;
    `deprecated`: by the same the API server's own words; `types`: the fields of each type, with the type that they
    hold; `gone`: kinds, and types, of the version before that it has no more."""

    kinds: Mapping[str, str] = {}
    deprecated: Mapping[str, str] = {}
    types: Types = {}
    gone: tuple[str, ...] = ()


class Record(_Model):
    """What was recorded: when (a day), by which API server, of each version."""

    recorded: str
    api_server: str
    versions: Mapping[str, VersionRecord]


@dataclass(frozen=True)
class ServedApis:
    """What one version serves. `version`: "1.35"; the rest as in `VersionRecord`, whole."""

    version: str
    kinds: Mapping[str, str]
    deprecated: Mapping[str, str]
    types: Types

    def serves(self, api_version: str, kind: str) -> bool:
        """Whether objects of that kind can be read and written in that version."""
        return f"{api_version}/{kind}" in self.kinds

    def list_versions(self, kind: str, group: str) -> tuple[str, ...]:
        """In which versions a kind of a group is served (`apps/v1`)."""
        named = (name.rpartition("/")[0] for name in self.kinds if name.endswith(f"/{kind}"))
        return tuple(sorted(version for version in named if group_of(version) == group))

    def find_unknown_fields(self, obj: Mapping[str, Any]) -> frozenset[str]:
        """The paths of an object's fields that its kind does not have in this version; none for a kind that it does
        not serve."""
        root = self.kinds.get(f"{obj.get('apiVersion')}/{obj.get('kind')}")
        return frozenset(self._unknown(obj, root, "")) if root else frozenset()

    def _unknown(self, value: Any, kind: str, path: str) -> Iterator[str]:
        if isinstance(value, list):
            for item in value:
                yield from self._unknown(item, kind, f"{path}[]")
        elif isinstance(value, Mapping) and kind.startswith("*"):
            for item in value.values():
                yield from self._unknown(item, kind.removeprefix("*"), f"{path}.*")
        elif isinstance(value, Mapping) and (fields := self.types.get(kind)):
            for name, below in value.items():
                where = f"{path}.{name}".lstrip(".")
                if name not in fields:
                    yield where
                elif fields[name]:
                    yield from self._unknown(below, fields[name], where)


def group_of(api_version: str) -> str:
    """The group of `apps/v1`; empty for the core's `v1`."""
    return api_version.rpartition("/")[0]


@functools.cache
def load_record(file: Path = RECORD) -> Record:
    """What was recorded. Raises OSError, ValueError for a file that is none."""
    return Record.model_validate(json.loads(file.read_text(encoding="utf-8")))


def read_served_apis(version: str, record: Record | None = None) -> ServedApis | None:
    """What the version serves; None for one that nobody has recorded."""
    kinds, deprecated, types = dict[str, str](), dict[str, str](), dict[str, Mapping[str, str]]()
    versions = (record or load_record()).versions
    for name in sorted(versions, key=_minor):
        step = versions[name]
        kinds = {k: v for k, v in kinds.items() if k not in step.gone} | dict(step.kinds)
        types = {k: v for k, v in types.items() if k not in step.gone} | dict(step.types)
        # What is deprecated is recorded whole: its words change.
        deprecated = dict(step.deprecated)
        if name == version:
            return ServedApis(version, kinds, deprecated, types)
    return None


def build_record(recorded: str, api_server: str, versions: Mapping[str, ServedApis]) -> Record:
    """The record of versions that were asked, in its short form."""
    steps: dict[str, VersionRecord] = {}
    kinds, types = dict[str, str](), dict[str, Mapping[str, str]]()
    for name in sorted(versions, key=_minor):
        now = versions[name]
        steps[name] = VersionRecord(
            kinds={k: v for k, v in sorted(now.kinds.items()) if kinds.get(k) != v},
            deprecated=dict(sorted(now.deprecated.items())),
            types={k: dict(sorted(v.items())) for k, v in sorted(now.types.items()) if types.get(k) != v},
            gone=tuple(sorted((kinds.keys() - now.kinds.keys()) | (types.keys() - now.types.keys()))),
        )
        kinds, types = dict(now.kinds), dict(now.types)
    return Record(recorded=recorded, api_server=api_server, versions=steps)


def _minor(version: str) -> int:
    return int(version.partition(".")[2])
