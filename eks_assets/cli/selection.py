"""Which units a command is about."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from eks_assets.graph.registry import Registry
from resources.config.waves import WAVE_ALIASES, WAVES
from resources.model.errors import ConfigError


def select_units(registry: Registry, only: Sequence[str] | None, wave: str | None) -> set[str] | None:
    """The names that `--only` and `--wave` choose; None for all. Raises ConfigError for an unknown one."""
    if not only and wave is None:
        return None
    for name in only or ():
        if name not in registry.by_name:
            raise ConfigError(f"there is no unit {name!r}", next_step=_close(name, registry.by_name))
    names = set(only or ())
    if wave is not None:
        wave_name = WAVE_ALIASES.get(wave, wave)
        if wave_name not in WAVES:
            raise ConfigError(f"there is no wave {wave!r}", next_step=_close(wave, [*WAVES, *WAVE_ALIASES]))
        names |= {u.name for u in registry.units if u.wave == wave_name}
    return names


def _close(name: str, allowed: object) -> str:
    names = [str(a) for a in allowed]  # type: ignore[attr-defined]
    near = difflib.get_close_matches(name, names, 1)
    return (f"did you mean {near[0]}? " if near else "") + f"allowed: {', '.join(sorted(names))}"
