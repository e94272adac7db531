"""Bounds for YAML that others wrote. An alias counts as often as it is used: nine levels of nine aliases are 319 bytes
and 400 million values, which every later step would visit one by one.

Bounds are settings of the process, named in each refusal; docs/input-limits.md lists them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import yaml

from resources.model.errors import ConfigError
from resources.support.yaml_loaders import KubernetesLoader, Loader


@dataclass(frozen=True)
class Limits:
    """`bytes`: of a file; `nodes`: values in it, aliases resolved; `depth`: of lists and mappings in each other;
    `seconds`: of the processor's time that reading it may take."""

    bytes: int = 1024 * 1024
    nodes: int = 100_000
    depth: int = 64
    seconds: float = 5.0

    def scaled(self, times: int) -> Limits:
        """The same limits, each so many times as large."""
        return Limits(self.bytes * times, self.nodes * times, self.depth * times, self.seconds * times)


class InputTooLarge(yaml.MarkedYAMLError):
    """A file is beyond one of the limits; `problem` says which, and the setting."""


# What a chart renders to is large, and no person's work.
RENDERED = 20


_SCALAR = (1, 0)
_SHALLOW = 200  # depth up to which a document is built by a function that calls itself


def setting_of(limit: str) -> str:
    """The environment variable of a limit."""
    return f"EKS_ASSETS_INPUT_{limit.upper()}"


def read_limits() -> Limits:
    """The limits, from the settings. Raises ConfigError for one that is no number above 0."""
    limits = Limits()
    for name, default in vars(limits).items():
        text = os.environ.get(setting_of(name), "")
        try:
            value = type(default)(text or default)
        except ValueError:
            value = 0
        if not 0 < value < float("inf"):
            raise ConfigError(
                f"{setting_of(name)} is {text[:50]!a}; allowed: a number above 0",
                next_step=f"correct it, or unset it: the default is {default}",
            )
        limits = replace(limits, **{name: value})
    return limits


def refuse_size(size: int, limits: Limits) -> None:
    """Raises InputTooLarge for a file of so many bytes, before it is read."""
    if size > limits.bytes:
        raise _too_large(limits, "bytes", f"has {size} bytes")


def load_documents(text: str, limits: Limits, loader_class: type[Loader] = KubernetesLoader) -> Iterator[Any]:
    """The documents of a text, as `yaml.load_all`, each counted before it is built. Raises yaml.YAMLError, for what is
    beyond the limits InputTooLarge."""
    loader = loader_class(text)
    counter = NodeCounter(text, limits)
    try:
        while loader.check_node():
            node = loader.get_node()
            depth = counter.count(node) if node is not None else 0
            if isinstance(loader, KubernetesLoader) and node is not None and depth <= _SHALLOW:
                yield loader.construct_quickly(node)
            else:
                yield loader.construct_document(node)
    finally:
        loader.dispose()


def load_document(text: str, limits: Limits, loader_class: type[Loader] = KubernetesLoader) -> Any:
    """The one document of a text, None for an empty one. Raises as `load_documents`, and for a second document."""
    documents = list(load_documents(text, limits, loader_class))
    if len(documents) > 1:
        raise yaml.MarkedYAMLError(problem="expected a single document in the stream")
    return documents[0] if documents else None


class NodeCounter:
    """Counts the nodes of the documents of one text, aliases resolved, in a time that does not depend on the aliases.
    Raises InputTooLarge at once for a text that is too long."""

    def __init__(self, text: str, limits: Limits) -> None:
        self._limits = limits
        self._deadline = time.thread_time() + limits.seconds
        self._total = 0
        self._has_aliases = "*" in text
        # A character has up to four bytes: only a text that may be too long is encoded to be measured.
        if len(text) * 4 > limits.bytes:
            refuse_size(len(text.encode(errors="surrogatepass")), limits)

    def check_time(self, node: yaml.Node) -> None:
        """Raises InputTooLarge once the time is over."""
        if time.thread_time() > self._deadline:
            raise _too_large(self._limits, "seconds", f"takes longer than {self._limits.seconds:g} s to read", node)

    def count(self, document: yaml.Node) -> int:
        """Add a document, and give its depth. Raises InputTooLarge, and MarkedYAMLError for an alias to a part that it
        stands in."""
        nodes, depth = self._count_aliases(document) if self._has_aliases else self._count_levels(document)
        self._total += nodes
        if self._total > self._limits.nodes:
            raise _too_large(self._limits, "nodes", f"has more than {self._limits.nodes} values", document)
        return depth

    def _count_levels(self, document: yaml.Node) -> tuple[int, int]:
        """Nodes and depth of a document in which each part stands once."""
        nodes, depth, level = 1, 0, [document]
        while level := [node for node in level if not isinstance(node, yaml.ScalarNode)]:
            self.check_time(level[0])
            depth += 1
            level = [part for node in level for part in _parts(node)]
            nodes += len(level)
            if depth > self._limits.depth:
                raise self._too_deep(level[0] if level else document)
        return nodes, depth

    def _too_deep(self, node: yaml.Node) -> InputTooLarge:
        return _too_large(self._limits, "depth", f"is nested more than {self._limits.depth} deep", node)

    def _count_aliases(self, document: yaml.Node) -> tuple[int, int]:
        """The same, each part as often as it is used, in a time that does not depend on that."""
        sizes: dict[yaml.Node, tuple[int, int]] = {}  # nodes and depth of each part; a part of many aliases once
        path: dict[yaml.Node, Iterator[yaml.Node]] = {document: _parts(document)}
        while path:
            node, parts = next(reversed(path.items()))
            part = next(parts, None)
            if part is None:
                del path[node]
                sizes[node] = self._size(node, sizes)
                self.check_time(node)
            elif part in path:
                raise yaml.MarkedYAMLError(
                    problem="an alias refers to a part that it stands in", problem_mark=part.start_mark
                )
            elif isinstance(part, yaml.ScalarNode):
                continue  # most of them are; `_size` counts them
            elif part not in sizes:
                path[part] = _parts(part)
        return sizes[document]

    def _size(self, node: yaml.Node, sizes: dict[yaml.Node, tuple[int, int]]) -> tuple[int, int]:
        inside = [sizes.get(part, _SCALAR) for part in _parts(node)]
        nodes = 1 + sum(size for size, _ in inside)
        depth = 1 + max((deep for _, deep in inside), default=-1)
        if nodes > self._limits.nodes:
            what = f"has more than {self._limits.nodes} values, counting what each alias stands for"
            raise _too_large(self._limits, "nodes", what, node)
        if depth > self._limits.depth:
            raise self._too_deep(node)
        return nodes, depth


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return chain.from_iterable(node.value)
    return iter(node.value if isinstance(node, yaml.SequenceNode) else ())


def _too_large(limits: Limits, limit: str, what: str, node: yaml.Node | None = None) -> InputTooLarge:
    bound = f"allowed: {getattr(limits, limit):g} ({setting_of(limit)} sets this bound)"
    return InputTooLarge(problem=f"{what}; {bound}", problem_mark=node.start_mark if node else None)
