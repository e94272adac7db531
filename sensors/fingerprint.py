"""The fingerprint of an environment: a short text that changes whenever a deploy has something new to bring."""

from __future__ import annotations

import json

from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.plan.document import inputs_digest
from resources.config.environment import Environment
from resources.model.digests import hex_digest_of
from resources.model.outputs import plain_document

LENGTH = 16
_kept: dict[str, tuple[str, Registry, str]] = {}


def content_of(registry: Registry, env: Environment) -> str:
    """Two hashes: of everything that the environment's files say, and of what every unit makes of it.

    The second changes with the code of a unit exactly where that matters to this environment: not with a comment, not
    with a unit that is switched off. Raises ConfigError where a unit cannot be rendered."""
    files = inputs_digest(env).removeprefix("sha256:")[:LENGTH]
    return f"{files}-{_rendered(files, registry, env)}"


def describe_difference(before: str | None, now: str) -> str:
    """In words, what changed between two contents."""
    if before is None:
        return "it is new"
    files, units = before.partition("-")[::2]
    if units == now.partition("-")[2]:
        return "its files changed, in nothing that a unit reads"
    return "its files changed" if files != now.partition("-")[0] else "the units' code changed"


def _rendered(files: str, registry: Registry, env: Environment) -> str:
    # Rendering is pure and takes a tenth of a second, so it is done once for the same files and the same code.
    kept = _kept.get(env.name)
    if kept is None or kept[0] != files or kept[1] is not registry:
        kept = _kept[env.name] = (files, registry, _render(registry, env))
    return kept[2]


def _render(registry: Registry, env: Environment) -> str:
    units = [unit for unit in registry.units if unit.is_enabled(env)]
    specs = {unit.name: render_spec(registry, env, unit, {}).model_dump(mode="python") for unit in units}
    document = json.loads(json.dumps(plain_document(specs), default=str))
    return hex_digest_of(document)[:LENGTH]
