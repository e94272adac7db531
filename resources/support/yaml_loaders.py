"""YAML read by libyaml, in a tenth of the time, where PyYAML was built with it."""

from __future__ import annotations

import re
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as Loader
except ImportError:
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

__all__ = ["KubernetesLoader", "Loader"]


class KubernetesLoader(Loader):
    """Reads plain scalars as Helm, eksctl and Kubernetes do (sigs.k8s.io/yaml): a date, `12:30` and `=` are strings,
    `1e3`, `1_000`, `0o440`, `0b11` and `08` are numbers, `y` and `n` are true and false."""

    def construct_quickly(self, node: yaml.Node) -> Any:
        """What `construct_document` makes of a document that is not very deep, in half the time: mappings with keys of
        text, lists and text by itself, everything else (numbers, merges, tags) as PyYAML does."""
        if isinstance(node, yaml.ScalarNode) and node.tag == _TEXT:
            return node.value
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING:
            if all(key.tag == _TEXT for key, _ in node.value):
                return {key.value: self.construct_quickly(value) for key, value in node.value}
        elif isinstance(node, yaml.SequenceNode) and node.tag == _LIST:
            return [self.construct_quickly(item) for item in node.value]
        return self.construct_document(node)

    def construct_kubernetes_bool(self, node: yaml.ScalarNode) -> bool:
        """true for y, yes, on and true."""
        return str(node.value).lower() in ("y", "yes", "on", "true")

    def construct_kubernetes_int(self, node: yaml.ScalarNode) -> int:
        """As Go reads an integer: a 0 in front, or 0o, means octal; underscores mean nothing."""
        text = str(node.value).replace("_", "").lower()
        sign, digits = (-1 if text.startswith("-") else 1), text.lstrip("+-")
        base = next((base for prefix, base in _BASES.items() if digits.startswith(prefix)), 10)
        return sign * int(digits, base if digits != "0" else 10)

    def construct_kubernetes_float(self, node: yaml.ScalarNode) -> float | int:
        """A whole number where it is written as one: `08`, which is not octal."""
        number = float(text := str(node.value).replace("_", ""))
        return number if set(".eE") & set(text) else int(text)


_TEXT, _MAPPING, _LIST = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))
_BASES = {"0x": 16, "0o": 8, "0b": 2, "0": 8}
_DIGITS = "[0-9][0-9_]*"
_SCALARS = {
    "bool": (r"(?:[yY]|[nN])$", "yYnN"),
    "int": (
        r"[-+]?(?:0[xX]_*[0-9a-fA-F][0-9a-fA-F_]*|0[oO]_*[0-7][0-7_]*|0[bB]_*[01][01_]*|0[0-7_]*|[1-9][0-9_]*)$",
        "-+0123456789",
    ),
    "float": (
        rf"(?:[-+]?{_DIGITS}(?:\.[0-9_]*)?(?:[eE][-+]?{_DIGITS})?|[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?)$",
        "-+.0123456789",
    ),
}
KubernetesLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("bool", "null", "merge")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, (_pattern, _first) in _SCALARS.items():
    KubernetesLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(_pattern), list(_first))
    KubernetesLoader.add_constructor(
        f"tag:yaml.org,2002:{_kind}", getattr(KubernetesLoader, f"construct_kubernetes_{_kind}")
    )
