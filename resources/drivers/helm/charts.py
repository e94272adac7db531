"""Where the chart of a release comes from: its own repository, or the environment's mirror of all charts; and its
package, kept in this process's own folder and read again before each use."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

import yaml

from resources.aws.dagster_clients import ecr_public_token
from resources.aws.errors import aws_call
from resources.config.environment import Environment
from resources.config.sandbox_state import with_addresses
from resources.context import Context
from resources.drivers.helm.command import run_helm, translate_helm_error
from resources.model.digests import hex_digest_of
from resources.model.errors import CommandFailed, OperationFailed, PipelineError, Refused
from resources.model.specs import HelmRelease
from resources.support.archives import ARCHIVE_ERRORS, read_members
from resources.support.memory_cache import CacheKey
from resources.support.yaml_limits import read_limits


def mirror_of(env: Environment) -> str | None:
    """`charts.mirror` with the sandbox's registry filled in; None where charts come from their own repositories."""
    if env.charts.mirror is None:
        return None
    return with_addresses(env.charts.mirror, sandbox=env.sandbox, where="charts.mirror")


def chart_reference(spec: HelmRelease, context: Context) -> list[str]:
    """helm's arguments that name the chart and its version, wherever it comes from."""
    repository = mirror_of(context.env) or spec.repository
    if repository.startswith("oci://"):
        return [f"{repository}/{spec.chart}", "--version", spec.version]
    return [spec.chart, "--repo", repository, "--version", spec.version]


def hash_chart_source(spec: HelmRelease, env: Environment) -> str:
    """A short hash of who supplies the chart, whatever its version: its repository or the mirror, with TLS or not."""
    return hex_digest_of([env.charts.mirror or spec.repository, env.charts.plain_http])[:16]


def registry_flags(env: Environment) -> list[str]:
    """helm's flags for a registry without TLS."""
    return ["--plain-http"] if env.charts.plain_http else []


@dataclass(frozen=True)
class Package:
    """A chart package (.tgz) on this machine. `digest`: `sha256:...` of the file as it was pulled, the same in every
    registry."""

    path: Path
    digest: str

    def verified(self) -> Path:
        """The path, for use at once. Raises Refused where the file is no longer the one that was pulled."""
        try:
            actual = file_digest(self.path)
        except OSError as error:
            actual = f"nothing ({error.strerror})"
        if actual != self.digest:
            raise Refused(
                f"the chart package {self.path.name} was changed on this machine after it was pulled: it was "
                f"{self.digest}, now it is {actual}",
                next_step="find out which process of this user writes there, then deploy again",
            )
        return self.path


def file_digest(file: Path) -> str:
    """`sha256:...` of the file's bytes. Raises OSError."""
    with file.open("rb") as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"


_PACKAGES: CacheKey[Package] = CacheKey("chart package, by helm's arguments")
_LOGINS: CacheKey[str | None] = CacheKey("login to a registry, by host")


def package_of(spec: HelmRelease, context: Context) -> Package:
    """The package of the release's chart. The registry is asked once a plan or step, whatever the cache holds: a
    version may have been pushed again.

    Raises Refused for another digest than the spec pins, AccessDenied or ConfigError for a private registry that we may
    not log in to, OperationFailed, Transient, ToolMissing."""
    reference = chart_reference(spec, context)

    def pull() -> Package:
        try:
            return _pulled(reference, context)
        except CommandFailed as error:
            raise translate_helm_error(error, spec) from error

    package = context.cache.get(_PACKAGES, pull, item=tuple(reference))
    check_digest(package, spec)
    return package


def pulled_package(spec: HelmRelease, context: Context) -> Package | None:
    """The package, where this context has pulled it; the registry is not asked."""
    return context.cache.peek(_PACKAGES, item=tuple(chart_reference(spec, context)))


def _pulled(reference: list[str], context: Context) -> Package:
    with (
        tempfile.TemporaryDirectory(dir=context.aws.folder, prefix="pull-") as folder,
        logged_in(reference[0], context) as login,
    ):
        argv = ["pull", *reference, "--destination", folder, *registry_flags(context.env), *login]
        run_helm(argv, context, timeout=120, with_cluster=False)
        (pulled,) = Path(folder).glob("*.tgz")
        check_archive(pulled)
        pulled.chmod(0o400)
        kept = Path(tempfile.mkdtemp(dir=context.aws.folder, prefix="chart-")) / pulled.name
        os.replace(pulled, kept)
    return Package(kept, file_digest(kept))


def check_archive(package: Path) -> None:
    """Raises OperationFailed for a package that cannot be read within the limits of input."""
    with readable_chart(package):
        for _ in read_members(package, read_limits()):
            pass


@contextmanager
def readable_chart(package: Path) -> Iterator[None]:
    """Within it, what is wrong with the content of a package comes out as OperationFailed."""
    try:
        yield
    except (*ARCHIVE_ERRORS, yaml.YAMLError, KeyError, TypeError, AttributeError, RecursionError) as error:
        problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else "it is no archive of a chart"
        raise OperationFailed(
            f"the chart package {package.name} cannot be read: {problem}",
            next_step="find out who published it; docs/input-limits.md has the bounds",
        ) from error


def check_digest(package: Package, spec: HelmRelease) -> None:
    """Raises Refused where the chart package has another SHA-256 than the spec pins. The package's own digest is the
    same in every registry and repository; a registry's manifest has another in each."""
    if spec.digest not in (None, package.digest):
        raise Refused(
            f"release {spec.name}: the package of chart {spec.chart} {spec.version} has the digest {package.digest}, "
            f"pinned is {spec.digest}",
            next_step="find out why the chart has changed; if it is the one you want, pin its digest: charts.digests",
        )


_PUBLIC = "public.ecr.aws"
_PRIVATE = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")


@contextmanager
def logged_in(repository: str, context: Context) -> Iterator[list[str]]:
    """helm's flags with which it is logged in to the registry of `repository` (`oci://HOST/...`) while the context
    lasts; none for registries that are not Amazon's: helm finds the user's own logins to those.

    AWS is asked once a plan or step. The public registry also serves who is not logged in, so it goes on without where
    AWS refuses; for a private one that raises AccessDenied, ConfigError, OperationFailed or Transient."""
    host = urlsplit(repository).hostname or ""
    token = login_token(host, context)
    if token is None:
        yield []
        return
    with NamedTemporaryFile("w", dir=context.aws.folder, prefix="registry-", suffix=".json", encoding="utf-8") as file:
        # Docker's format. Its `auth` is base64 of USER:PASSWORD, and so is the token of both services.
        json.dump({"auths": {host: {"auth": token}}}, file)
        file.flush()
        yield ["--registry-config", file.name]


def login_token(host: str, context: Context) -> str | None:
    """base64 of USER:PASSWORD for a registry of Amazon's, asked for once a plan or step; None for others. Raises as
    `logged_in` does."""
    return context.cache.get(_LOGINS, lambda: _token(host, context), item=host)


def _token(host: str, context: Context) -> str | None:
    if context.env.sandbox:
        return None  # the embedded account's tokens open nothing outside it
    if host == _PUBLIC:
        return _public_token(context)
    if private := _PRIVATE.fullmatch(host):
        return _private_token(host, private["region"], context)
    return None


def _public_token(context: Context) -> str | None:
    try:
        with aws_call(f"asking for a login to {_PUBLIC}"):
            return ecr_public_token(context.aws)
    except PipelineError as error:
        context.progress(f"pulling from {_PUBLIC} without a login, which has lower limits: {error.message}")
        return None


def _private_token(host: str, region: str, context: Context) -> str:
    with aws_call(f"asking for a login to {host}"):
        client = context.aws.session.client("ecr", region_name=region)
        (login,) = client.get_authorization_token()["authorizationData"]
    return str(login["authorizationToken"])
