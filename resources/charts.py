"""Where the chart of a release comes from: its own repository, or the environment's mirror of all charts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from resources.environment import Environment
from resources.errors import Refused
from resources.local_sandbox import with_addresses
from resources.specs import HelmRelease
from resources.world import World


def mirror_of(env: Environment) -> str | None:
    """`charts.mirror` with the sandbox's registry filled in; None where charts come from their own repositories."""
    if env.charts.mirror is None:
        return None
    return with_addresses(env.charts.mirror, sandbox=env.sandbox, where="charts.mirror")


def chart_reference(spec: HelmRelease, world: World) -> list[str]:
    """helm's arguments that name the chart and its version, wherever it comes from."""
    repository = mirror_of(world.env) or spec.repository
    if repository.startswith("oci://"):
        return [f"{repository}/{spec.chart}", "--version", spec.version]
    return [spec.chart, "--repo", repository, "--version", spec.version]


def registry_flags(env: Environment) -> list[str]:
    """helm's flags for a registry without TLS."""
    return ["--plain-http"] if env.charts.plain_http else []


def check_digest(package: Path, spec: HelmRelease) -> None:
    """Raises Refused where the chart package (.tgz) has another SHA-256 than the spec pins. The package's own digest
    is the same in every registry and repository; a registry's manifest has another in each."""
    found = f"sha256:{hashlib.sha256(package.read_bytes()).hexdigest()}"
    if found != spec.digest:
        raise Refused(
            f"release {spec.name}: the package of chart {spec.chart} {spec.version} has the digest {found}, "
            f"pinned is {spec.digest}",
            next_step="find out why the chart has changed; if it is the one you want, pin its digest: charts.digests",
        )
