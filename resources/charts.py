"""Where the chart of a release comes from: its own repository, or the environment's mirror of all charts; and its
package, kept in the user's cache under its own digest."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from resources.config.environment import Environment
from resources.config.sandbox_state import with_addresses
from resources.helm import explained, helm
from resources.model.errors import CommandFailed, Refused
from resources.model.specs import HelmRelease
from resources.registry_login import logged_in
from resources.support.cache import cache_folder
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


@dataclass(frozen=True)
class Package:
    """A chart package (.tgz) on this machine. `digest`: `sha256:...` of the file, the same in every registry."""

    path: Path
    digest: str


def package_of(spec: HelmRelease, world: World) -> Package:
    """The package of the release's chart. The registry is asked once a plan or step, whatever the cache holds: a
    version may have been pushed again.

    Raises Refused for another digest than the spec pins, AccessDenied or ConfigError for a private registry that we may
    not log in to, OperationFailed, Transient, ToolMissing."""
    reference = chart_reference(spec, world)

    def pull() -> Package:
        try:
            return _pulled(reference, world)
        except CommandFailed as error:
            raise explained(error, spec) from error

    package: Package = world.once(f"chart package {' '.join(reference)}", pull)
    check_digest(package, spec)
    return package


def _pulled(reference: list[str], world: World) -> Package:
    cache = cache_folder("charts") or world.aws.folder
    with tempfile.TemporaryDirectory(dir=cache, prefix="pull-") as folder, logged_in(reference[0], world) as login:
        argv = ["pull", *reference, "--destination", folder, *registry_flags(world.env), *login]
        helm(argv, world, timeout=120, with_cluster=False)
        (pulled,) = Path(folder).glob("*.tgz")
        digest = hashlib.sha256(pulled.read_bytes()).hexdigest()
        kept = cache / f"{digest}.tgz"
        os.replace(pulled, kept)
    return Package(kept, f"sha256:{digest}")


def check_digest(package: Package, spec: HelmRelease) -> None:
    """Raises Refused where the chart package has another SHA-256 than the spec pins. The package's own digest is the
    same in every registry and repository; a registry's manifest has another in each."""
    if spec.digest not in (None, package.digest):
        raise Refused(
            f"release {spec.name}: the package of chart {spec.chart} {spec.version} has the digest {package.digest}, "
            f"pinned is {spec.digest}",
            next_step="find out why the chart has changed; if it is the one you want, pin its digest: charts.digests",
        )
