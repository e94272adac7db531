"""YAML read by libyaml, in a tenth of the time, where PyYAML was built with it."""

from __future__ import annotations

import re

import yaml

try:
    from yaml import CSafeLoader as Loader
except ImportError:
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

__all__ = ["KubernetesLoader", "Loader"]


class KubernetesLoader(Loader):
    """Reads plain scalars as Kubernetes does: a date, `12:30` and `=` are strings there, `1e3` is a number."""


_SCALARS = {
    "tag:yaml.org,2002:int": re.compile(r"[-+]?(?:0|[1-9][0-9]*|0[0-7]+|0x[0-9a-fA-F]+)$"),
    "tag:yaml.org,2002:float": re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
}
KubernetesLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("bool", "null", "merge")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in _SCALARS.items():
    KubernetesLoader.add_implicit_resolver(_tag, _pattern, list("-+.0123456789"))
