"""The fingerprint of an environment: a short text that changes whenever a deploy has something new to bring."""

from __future__ import annotations

import json
from typing import Any

from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.plan.document import inputs_digest
from eks_assets.plan.keyed import secrets_in, without_secrets
from resources.config.environment import Environment
from resources.model.digests import hex_digest_of
from resources.model.outputs import plain_document

LENGTH = 16
_kept: dict[str, tuple[str, Registry, str]] = {}


def holds_secrets(env: Environment) -> bool:
    """Whether the environment's files hold secrets, so that its content needs a key."""
    return bool(secrets_in(env.model_dump(mode="json")))


def content_of(registry: Registry, env: Environment, key: bytes | None = None) -> str:
    """Two hashes: of everything that the environment's files say, and of what every unit makes of it; of secrets by
    keyed hash.

    The second changes with the code of a unit exactly where that matters to this environment: not with a comment, not
    with a unit that is switched off. Raises ConfigError where a unit cannot be rendered."""
    files = inputs_digest(env, lambda: key).removeprefix("sha256:")[:LENGTH]
    return f"{files}-{_rendered(files, registry, env, key)}"


def earlier_content_of(registry: Registry, env: Environment) -> str:
    """The content as earlier versions wrote it into tags and cursors, secrets in plain hashes: for comparison alone, so
    that nothing is deployed again because of the new form."""
    files = hex_digest_of(json.loads(json.dumps(env.model_dump(mode="json"), default=str)))[:LENGTH]
    return f"{files}-{hex_digest_of(_specs(registry, env))[:LENGTH]}"


def describe_difference(before: str | None, now: str) -> str:
    """In words, what changed between two contents."""
    if before is None:
        return "it is new"
    files, units = before.partition("-")[::2]
    if units == now.partition("-")[2]:
        return "its files changed, in nothing that a unit reads"
    return "its files changed" if files != now.partition("-")[0] else "the units' code changed"


def _rendered(files: str, registry: Registry, env: Environment, key: bytes | None) -> str:
    # Rendering is pure and takes a tenth of a second, so it is done once for the same files and the same code.
    kept = _kept.get(env.name)
    if kept is None or kept[0] != files or kept[1] is not registry:
        specs = _specs(registry, env)
        if secrets := secrets_in(env.model_dump(mode="json")):
            specs = without_secrets(specs, key, secrets)
        kept = _kept[env.name] = (files, registry, hex_digest_of(specs)[:LENGTH])
    return kept[2]


def _specs(registry: Registry, env: Environment) -> dict[str, Any]:
    units = [unit for unit in registry.units if unit.is_enabled(env)]
    specs = {unit.name: render_spec(registry, env, unit, {}).model_dump(mode="python") for unit in units}
    document: dict[str, Any] = json.loads(json.dumps(plain_document(specs), default=str))
    return document
