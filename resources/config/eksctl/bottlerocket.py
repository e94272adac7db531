"""Bottlerocket's own settings: what EKS merges into the user data that it writes for its nodes.

Source: EKS user guide, "Customize managed nodes with launch templates"; Bottlerocket, "Settings reference"; eksctl,
`bottlerocket` of a node group.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, field_validator

from resources.config.eksctl.base import ConfigModel
from resources.config.field_types import HelmValues

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# What has a field of its own, and what EKS sets itself, by the path below `settings`.
_ELSEWHERE = {
    "kubernetes.node-labels": "labels",
    "kubernetes.node-taints": "taints",
    "kubernetes.max-pods": "maxPodsPerNode",
    "host-containers.admin.enabled": "bottlerocket.enableAdminContainer",
}
_OF_EKS = ("api-server", "cluster-certificate", "cluster-dns-ip", "cluster-name")


class Bottlerocket(ConfigModel):
    """Settings of Bottlerocket's nodes, and whether people may log in to its admin container."""

    enable_admin_container: bool | None = None
    settings: HelmValues = Field(default={})

    @field_validator("settings")
    @classmethod
    def _not_said_elsewhere(cls, value: dict[str, Any]) -> dict[str, Any]:
        for path, field in _ELSEWHERE.items():
            if _at(value, path) is not None:
                raise ValueError(f"has {path}; allowed: {field} of the group")
        for name in _OF_EKS:
            if _at(value, f"kubernetes.{name}") is not None:
                raise ValueError(f"has kubernetes.{name}, which EKS sets; allowed: other settings")
        return value


def _at(settings: Any, path: str) -> Any:
    for step in path.split("."):
        settings = settings.get(step) if isinstance(settings, dict) else None
    return settings


def bottlerocket_toml(settings: Mapping[str, Any]) -> str:
    """Settings as TOML, a table for each mapping."""
    return "".join(_tables(("settings",), settings))


def _tables(path: tuple[str, ...], settings: Mapping[str, Any]) -> Iterator[str]:
    values = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    if values:
        yield f"[{'.'.join(map(_key, path))}]\n"
        yield from (f"{_key(key)} = {_value(value)}\n" for key, value in values.items())
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _tables((*path, key), value)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    # Texts, numbers, booleans and lists of them are written alike in JSON and TOML.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
