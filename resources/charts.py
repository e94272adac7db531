"""Where the chart of a release comes from: its own repository, or the environment's mirror of all charts."""

from __future__ import annotations

import re

from resources.environment import Environment
from resources.errors import ConfigError
from resources.local_sandbox import sandbox_state
from resources.specs import HelmRelease
from resources.world import World

_PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)\}")


def mirror_of(env: Environment) -> str | None:
    """`charts.mirror` with the sandbox's registry filled in; None where charts come from their own repositories."""
    if env.charts.mirror is None:
        return None

    def fill(match: re.Match[str]) -> str:
        known = sandbox_state().variables if env.sandbox else {}
        if match[1] not in known:
            raise ConfigError(f"charts.mirror: ${{{match[1]}}} has no value outside a sandbox environment")
        return known[match[1]]

    return _PLACEHOLDER.sub(fill, env.charts.mirror)


def chart_reference(spec: HelmRelease, world: World) -> list[str]:
    """helm's arguments that name the chart and its version, and pin its digest where the spec has one."""
    repository = mirror_of(world.env) or spec.repository
    pinned = f"@{spec.digest}" if spec.digest and repository.startswith("oci://") else ""
    if repository.startswith("oci://"):
        return [f"{repository}/{spec.chart}{pinned}", "--version", spec.version]
    return [spec.chart, "--repo", repository, "--version", spec.version]


def registry_flags(env: Environment) -> list[str]:
    """helm's flags for a registry without TLS."""
    return ["--plain-http"] if env.charts.plain_http else []
