"""Runs helm (version 4) for one release: its folders, its values file, and what its failures mean."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from resources.context import Context
from resources.drivers.programs import find_program, run_program
from resources.kubernetes.exec_credential import credential_variable, renew_credential, renewal_variable
from resources.model.errors import CommandFailed, OperationFailed, PipelineError, Transient
from resources.model.outputs import plain_document
from resources.model.specs import HelmRelease

_TRANSIENT = re.compile(
    r"Too Many Requests|connection refused|connection reset|i/o timeout|TLS handshake timeout|unexpected EOF|: EOF$"
    r"|status(?: code)?:? (?:429|5\d\d)|\b50[0234] (?:Internal|Bad|Service|Gateway)|failed calling webhook",
    re.MULTILINE,
)
# Logins to registries, which people name to us; what our exec plugin needs to start.
_LOGINS = ("HELM_REGISTRY_CONFIG", "DOCKER_CONFIG")
_PLUGIN = ("PYTHONPATH",)
_NOT_LOGGED_IN = re.compile(r"response status code 40[13]\b|basic credential not found")


def run_helm(
    argv: Sequence[str],
    context: Context,
    *,
    timeout: float,
    watch: Callable[[], None] = lambda: None,
    with_cluster: bool = True,
) -> str:
    """helm's output. `timeout`: seconds. `with_cluster`: it may talk to the environment's cluster.

    Raises CommandFailed, ToolMissing, and NotFound where it needs a cluster that does not exist."""
    folder = context.aws.folder
    extra = {f"HELM_{kind.upper()}_HOME": str(folder / f"helm-{kind}") for kind in ("cache", "config", "data")}
    extra["KUBECONFIG"] = "/dev/null"
    if with_cluster:
        extra["KUBECONFIG"] = str(context.cluster.kubeconfig)
        extra |= credential_variable(context.env.name, context.cluster.credential())
        extra |= renewal_variable(folder)

    def watch_and_renew() -> None:
        watch()
        if with_cluster:
            with suppress(PipelineError):  # helm's own next call says what is wrong
                renew_credential(folder, context.env.name, context.cluster.credential())

    return run_program(
        [find_program("helm", context.env), *argv],
        extra_env=extra,
        inherit=(*_LOGINS, *_PLUGIN),
        cwd=folder,
        timeout=timeout,
        watch=watch_and_renew,
    )


@contextmanager
def values_file(spec: HelmRelease, context: Context) -> Iterator[Path]:
    """The release's values in a file that only we can read, while the context lasts."""
    with NamedTemporaryFile("w", dir=context.aws.folder, prefix="values-", suffix=".json", encoding="utf-8") as file:
        # JSON, not YAML: helm reads an unquoted y, on or 1_000 as something else than a text.
        json.dump(plain_document(spec.values), file)
        file.flush()
        yield Path(file.name)


def describe_release(spec: HelmRelease) -> str:
    """The release as messages name it."""
    return f"release {spec.name} in {spec.namespace} (chart {spec.chart} {spec.version})"


def translate_helm_error(error: CommandFailed, spec: HelmRelease) -> OperationFailed | Transient:
    """The failure of a helm command as the project's error."""
    if _TRANSIENT.search(error.stderr_tail):
        return Transient(f"{describe_release(spec)}: {error.stderr_tail}")
    next_step = "fix the chart's values under `addons` in the environment file, then deploy again"
    if _NOT_LOGGED_IN.search(error.stderr_tail):
        next_step = (
            "give the deployer role the right to read that registry, if it is Amazon's; log in to it, if it is not "
            "(docker login, or a file named by HELM_REGISTRY_CONFIG)"
        )
    return OperationFailed(f"{describe_release(spec)}: helm says: {error.stderr_tail}", next_step=next_step)
