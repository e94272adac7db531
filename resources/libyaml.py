"""YAML read by libyaml, in a tenth of the time, where PyYAML was built with it."""

from __future__ import annotations

try:
    from yaml import CSafeLoader as Loader
except ImportError:
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

__all__ = ["Loader"]
