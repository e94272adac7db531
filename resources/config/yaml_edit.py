"""Adds to a YAML text and leaves all the rest of it as it is: comments, order and spelling. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from resources.config.problems import Location, format_location
from resources.model.errors import ConfigError
from resources.support.yaml_loaders import KubernetesLoader

_STEP = "  "


def with_item(text: str, path: Sequence[str], item: Mapping[str, str]) -> str:
    """The text with `item` put first into the list at that path of keys, which is made where it is missing.

    Raises ConfigError, with the lines to write by hand, where the way in which it is written leaves no safe place."""
    try:
        root = yaml.compose(text, KubernetesLoader)
        edited = _insert(text, root, path, item) if isinstance(root, yaml.MappingNode) else text
        is_right = _load(edited) == _expected(_load(text), path, item)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError):
        is_right = False
    if not is_right:
        lines = "".join(_block(path, item, "", "\n"))
        raise ConfigError(
            f"there is no safe place for an entry of {'.'.join(path)} in the file as it is written",
            next_step=f"write it by hand:\n{lines}",
        )
    return edited


def _insert(text: str, root: yaml.MappingNode, path: Sequence[str], item: Mapping[str, str]) -> str:
    key, holder, missing = _nearest(root, path)
    if getattr(holder, "flow_style", False):
        place = holder.start_mark.index + 1
        rest = ", " if holder.value else ""
        return f"{text[:place]}{_flow(missing, item, isinstance(holder, yaml.SequenceNode))}{rest}{text[place:]}"
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if key is None:
        last = [] if lines[-1].endswith("\n") else [newline]
        return "".join([*lines, *last, *_block(missing, item, " " * root.start_mark.column, newline)])
    is_empty = isinstance(holder, yaml.ScalarNode)
    indent = " " * key.start_mark.column + _STEP if is_empty else " " * holder.start_mark.column
    place = key.end_mark.line + 1
    if not lines[place - 1].endswith("\n"):
        lines[place - 1] += newline
    return "".join([*lines[:place], *_block(missing, item, indent, newline), *lines[place:]])


def _nearest(root: yaml.Node, path: Sequence[str]) -> tuple[yaml.Node | None, yaml.Node, Sequence[str]]:
    """The deepest value on the path that exists, its key, and what is missing of the path."""
    key: yaml.Node | None = None
    holder = root
    for depth, step in enumerate(path):
        pairs = holder.value if isinstance(holder, yaml.MappingNode) else []
        pair = next(((k, v) for k, v in pairs if k.value == step), None)
        if pair is None:
            return key, holder, path[depth:]
        key, holder = pair
    return key, holder, ()


def _block(missing: Sequence[str], item: Mapping[str, str], indent: str, newline: str) -> list[str]:
    lines = [f"{indent}{_STEP * depth}{key}:{newline}" for depth, key in enumerate(missing)]
    inner = indent + _STEP * len(missing)
    fields = [f"{key}: {_scalar(value)}{newline}" for key, value in item.items()]
    return [*lines, f"{inner}- {fields[0]}", *(f"{inner}{_STEP}{field}" for field in fields[1:])]


def _flow(missing: Sequence[str], item: Mapping[str, str], is_list: bool) -> str:
    text = "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in item.items()) + "}"
    if is_list:
        return text
    text = f"[{text}]"
    for depth, key in enumerate(reversed(missing)):
        text = f"{key}: {text}" if depth == len(missing) - 1 else f"{{{key}: {text}}}"
    return text


def _scalar(value: str) -> str:
    # JSON is YAML, and quoted nothing is taken for a number or a date.
    return json.dumps(value, ensure_ascii=False)


def _load(text: str) -> Any:
    loader = KubernetesLoader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _expected(data: Any, path: Sequence[str], item: Mapping[str, str]) -> Any:
    if not path:
        return [dict(item), *(data or [])]
    there = data or {}
    return {**there, path[0]: _expected(there.get(path[0]), path[1:], item)}


def with_scalar(text: str, location: Location, value: str) -> str:
    """The text with another scalar at the location, where it has one already: as a number or boolean where it was one
    and the new one is, else as text.

    Raises ConfigError where that cannot be written in its place."""
    node = yaml.compose(text, KubernetesLoader)
    for step in location:
        node = _below(node, step)
    if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">"):
        raise ConfigError(f"{format_location(location)} is no value that can be replaced by itself")
    is_plain = node.tag != _TEXT and getattr(yaml.compose(value, KubernetesLoader), "tag", "") == node.tag
    edited = text[: node.start_mark.index] + (value if is_plain else _scalar(value)) + text[node.end_mark.index :]
    try:
        is_right = _load(edited) == _replaced(_load(text), location, _load(value) if is_plain else value)
    except yaml.YAMLError:  # of an alias to what was replaced
        is_right = False
    if not is_right:
        raise ConfigError(f"{format_location(location)} stands in more than one place; change it by hand")
    return edited


_TEXT = "tag:yaml.org,2002:str"


def _below(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step] if step < len(node.value) else None
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == step), None)


def _replaced(data: Any, location: Location, value: Any) -> Any:
    if not location:
        return value
    step, rest = location[0], location[1:]
    if isinstance(data, list):
        return [_replaced(item, rest, value) if index == step else item for index, item in enumerate(data)]
    return {key: _replaced(item, rest, value) if str(key) == step else item for key, item in data.items()}
