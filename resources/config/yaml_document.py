"""YAML with the line of every value, so that a fault can be shown where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from resources.config.problems import Location, Problem, display_path, format_location
from resources.support.yaml_limits import InputTooLarge, NodeCounter, read_limits, refuse_size
from resources.support.yaml_loaders import KubernetesLoader

T = TypeVar("T")
MERGE_TAG = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class Document:
    """A YAML file: `data` as plain Python, and where each part of it stands."""

    file: Path
    data: Any
    _lines: dict[Location, int] = field(repr=False)
    _scalars: dict[Location, str] = field(repr=False)

    def line(self, location: Location) -> int:
        """The line of the value, or of the nearest part around it that exists; counts from 1."""
        while location and location not in self._lines:
            location = location[:-1]
        return self._lines.get(location, 1)

    def written(self, location: Location) -> str | None:
        """The scalar as the file has it (`1.30`, where YAML reads the number 1.3); None for anything else."""
        return self._scalars.get(location)

    def at(self, location: Location, kind: type[T]) -> T | None:
        """The value at the location, where there is one and it is of that kind."""
        value = self.data
        for step in location:
            inside = step in value if isinstance(value, dict) else isinstance(value, list) and step in range(len(value))
            if not inside:
                return None
            value = value[step]
        return value if isinstance(value, kind) else None

    def texts(self) -> Iterator[tuple[Location, str]]:
        """Every scalar as it is written, with its location."""
        return iter(self._scalars.items())

    def parts(self) -> Iterator[tuple[Location, Any]]:
        """Every value with its location, those around it first."""
        waiting: list[tuple[Location, Any]] = [((), self.data)]
        while waiting:
            location, value = waiting.pop()
            yield location, value
            if isinstance(value, dict):
                waiting += [((*location, str(key)), part) for key, part in value.items()]
            elif isinstance(value, list):
                waiting += [((*location, index), part) for index, part in enumerate(value)]

    def with_data(self, data: Any) -> Document:
        """The same document, and positions, with other data."""
        return replace(self, data=data)

    def problem(self, location: Location, message: str, warning: bool = False) -> Problem:
        """A fault at the location."""
        return Problem(display_path(self.file), self.line(location), format_location(location), message, warning)


def read_yaml(file: Path) -> tuple[Document | None, list[Problem]]:
    """The file's one document and what is wrong with it as YAML; no document where it cannot be read at all."""
    limits = read_limits()
    try:
        with file.open("rb") as opened:
            # One byte more than allowed, whatever size the folder says that the file has.
            content = opened.read(limits.bytes + 1)
        refuse_size(max(len(content), file.stat().st_size), limits)
        text = content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except InputTooLarge as error:
        return None, [Problem(display_path(file), 1, "(document)", str(error.problem))]
    except OSError as error:
        return None, [Problem(display_path(file), 1, "(document)", f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError:
        return None, [Problem(display_path(file), 1, "(document)", "is not UTF-8 text; allowed: YAML in UTF-8")]
    return parse_yaml(text, file)


def parse_yaml(text: str, file: Path) -> tuple[Document | None, list[Problem]]:
    """As `read_yaml`, for text that is at hand; `file` is only named in problems."""
    try:
        return _parsed(text, file)
    except InputTooLarge as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return None, [Problem(display_path(file), line, "(document)", str(error.problem))]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, why = mark.line + 1 if mark else 1, " ".join(filter(None, (error.context, error.problem)))
    except (yaml.YAMLError, ValueError) as error:
        line, why = 1, " ".join(str(error).split())
    except RecursionError:
        line, why = 1, "it is nested too deeply"
    return None, [Problem(display_path(file), line, "(document)", f"is not valid YAML: {why}")]


def _parsed(text: str, file: Path) -> tuple[Document, list[Problem]]:
    counter = NodeCounter(text, read_limits())
    loader = KubernetesLoader(text)
    lines: dict[Location, int] = {}
    scalars: dict[Location, str] = {}
    duplicates: list[tuple[Location, int]] = []
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(file, None, lines, scalars), []
        counter.count(node)
        for location, part, line in _walk(node, (), node.start_mark.line + 1, duplicates):
            counter.check_time(part)
            lines[location] = line
            if isinstance(part, yaml.ScalarNode):
                scalars[location] = part.value
        data = loader.construct_document(node)
    finally:
        loader.dispose()
    return Document(file, data, lines, scalars), [
        Problem(
            display_path(file),
            line,
            format_location(twice),
            f"is written twice, first in line {lines[twice]}; allowed: once",
        )
        for twice, line in duplicates
    ]


def _walk(
    node: yaml.Node,
    location: Location,
    line: int,
    duplicates: list[tuple[Location, int]],
) -> Iterator[tuple[Location, yaml.Node, int]]:
    """Every value with its location and line. A mapping's value stands in the line of its key."""
    yield location, node, line
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, (*location, index), item.start_mark.line + 1, duplicates)
    elif isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if key.tag == MERGE_TAG or not isinstance(key, yaml.ScalarNode):
                continue
            here = (*location, key.value)
            if key.value in keys:
                duplicates.append((here, key.start_mark.line + 1))
                continue
            keys.add(key.value)
            yield from _walk(value, here, key.start_mark.line + 1, duplicates)
