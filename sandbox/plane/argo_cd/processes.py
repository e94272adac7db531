"""How Argo CD's genuine controllers, and the Redis that they need, are run as processes: commands and environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.paths import PROJECT, write_atomically
from sandbox.processes.supervised import ProcessSpec

NAMESPACE = "argocd"
REDIS, REPO_SERVER = "argocd-redis", "argocd-repo-server"
APPLICATION_CONTROLLER, APPLICATIONSET_CONTROLLER = "argocd-application-controller", "argocd-applicationset-controller"
COMPONENTS = (REDIS, REPO_SERVER, APPLICATION_CONTROLLER, APPLICATIONSET_CONTROLLER)  # in the order of their starts

PORTS = (
    REDIS,
    REPO_SERVER,
    f"{REPO_SERVER}-metrics",
    f"{APPLICATION_CONTROLLER}-metrics",
    f"{APPLICATIONSET_CONTROLLER}-metrics",
    f"{APPLICATIONSET_CONTROLLER}-probe",
    f"{APPLICATIONSET_CONTROLLER}-webhook",
)

POLL = "15s"  # the real default is two to three minutes

# Keys of the ConfigMap argocd-cmd-params-cm, and the variables that the real pods make of them.
PARAMETERS = {
    "application.namespaces": "ARGOCD_APPLICATION_NAMESPACES",
    "applicationsetcontroller.enable.policy.override": "ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_POLICY_OVERRIDE",
    "applicationsetcontroller.enable.progressive.syncs": "ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_PROGRESSIVE_SYNCS",
    "applicationsetcontroller.namespaces": "ARGOCD_APPLICATIONSET_CONTROLLER_NAMESPACES",
    "applicationsetcontroller.policy": "ARGOCD_APPLICATIONSET_CONTROLLER_POLICY",
    "controller.diff.server.side": "ARGOCD_APPLICATION_CONTROLLER_SERVER_SIDE_DIFF",
    "controller.resource.health.persist": "ARGOCD_APPLICATION_CONTROLLER_PERSIST_RESOURCE_HEALTH",
    "controller.self.heal.timeout.seconds": "ARGOCD_APPLICATION_CONTROLLER_SELF_HEAL_TIMEOUT_SECONDS",
    "controller.sync.timeout.seconds": "ARGOCD_APPLICATION_CONTROLLER_SYNC_TIMEOUT",
    "controller.sync.wave.delay.seconds": "ARGOCD_SYNC_WAVE_DELAY",
    "reposerver.enable.git.submodule": "ARGOCD_GIT_MODULES_ENABLED",
    "reposerver.git.request.timeout": "ARGOCD_GIT_REQUEST_TIMEOUT",
    "reposerver.include.hidden.directories": "ARGOCD_REPO_SERVER_INCLUDE_HIDDEN_DIRECTORIES",
}


@dataclass(frozen=True)
class ArgoCdConfig:
    """What the processes of one cluster are made of.

    `directory` is theirs alone, for files and logs; `ports` has those that PORTS names.
    """

    cluster: str
    directory: Path
    tools: Path
    kubeconfig: Path
    ports: Mapping[str, int]


def prepare(config: ArgoCdConfig) -> None:
    """Make the folders and files that the processes expect to find in their containers."""
    for name in ("home", "tmp", "tls", "ssh", "gpg", "plugins"):
        (config.directory / name).mkdir(parents=True, exist_ok=True)
    write_atomically(config.directory / "home" / ".gitconfig", "[safe]\n\tdirectory = *\n")
    # The repo-server runs it on every fetch, even with signature checks off; it is of the container image.
    write_atomically(config.directory / "bin" / "git-verify-wrapper.sh", "#!/bin/sh\nexit 0\n", mode=0o700)


def specs(config: ArgoCdConfig, sockets: Path, parameters: Mapping[str, str]) -> dict[str, ProcessSpec]:
    """How to run each of COMPONENTS.

    `sockets` is a folder with a short path (the kernel takes 107 characters for a socket's); `parameters` is the
    content of argocd-cmd-params-cm.
    """
    commands = {
        REDIS: [sys.executable, "-m", "sandbox.plane.argo_cd.redis_server", f"--port={config.ports[REDIS]}"],
        REPO_SERVER: _repo_server(config),
        APPLICATION_CONTROLLER: _application_controller(config),
        APPLICATIONSET_CONTROLLER: _applicationset_controller(config),
    }
    shared = _environment(config, sockets, parameters)
    return {
        name: ProcessSpec(
            name=f"{config.cluster}/{name}",
            command=command,
            log=config.directory / "logs" / f"{name}.log",
            directory=PROJECT if name == REDIS else config.directory,
            environment={} if name == REDIS else {**shared, "ARGOCD_BINARY_NAME": name},
            stop_seconds=4.0,  # they keep nothing that the cluster and git do not have
        )
        for name, command in commands.items()
    }


def _environment(config: ArgoCdConfig, sockets: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    directory = config.directory
    chosen = {PARAMETERS[key]: value for key, value in parameters.items() if key in PARAMETERS}
    return {
        **chosen,
        "PATH": os.pathsep.join([str(directory / "bin"), str(config.tools), os.environ.get("PATH", os.defpath)]),
        "HOME": str(directory / "home"),
        "TMPDIR": str(directory / "tmp"),
        "KUBECONFIG": str(config.kubeconfig),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "REDIS_PASSWORD": "",
        "ARGOCD_FAKE_IN_CLUSTER": "true",  # https://kubernetes.default.svc is then the kubeconfig's server
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_TLS_DATA_PATH": str(directory / "tls"),
        "ARGOCD_SSH_DATA_PATH": str(directory / "ssh"),
        "ARGOCD_GNUPGHOME": str(directory / "gpg"),
        "ARGOCD_PLUGINSOCKFILEPATH": str(directory / "plugins"),
        "ARGOCD_ASK_PASS_SOCK": str(sockets / "askpass.sock"),
        "ARGOCD_RECONCILIATION_TIMEOUT": POLL,
        "ARGOCD_RECONCILIATION_JITTER": "0s",
        "ARGOCD_APPLICATIONSET_CONTROLLER_REQUEUE_AFTER": POLL,
    }


def _repo_server(config: ArgoCdConfig) -> list[str]:
    return [
        str(config.tools / "argocd"),
        "--address=127.0.0.1",
        f"--port={config.ports[REPO_SERVER]}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={config.ports[f'{REPO_SERVER}-metrics']}",
        "--disable-tls",
        "--client-ca-path=",
        _redis(config),
        "--loglevel=warn",
    ]


def _application_controller(config: ArgoCdConfig) -> list[str]:
    return [
        str(config.tools / "argocd"),
        f"--kubeconfig={config.kubeconfig}",
        f"--namespace={NAMESPACE}",
        f"--repo-server=127.0.0.1:{config.ports[REPO_SERVER]}",
        "--repo-server-plaintext",
        _redis(config),
        # Argo CD has no flag for this port's address: metrics alone are served there.
        f"--metrics-port={config.ports[f'{APPLICATION_CONTROLLER}-metrics']}",
        "--status-processors=4",
        "--operation-processors=4",
        "--loglevel=warn",
    ]


def _applicationset_controller(config: ArgoCdConfig) -> list[str]:
    def address(of: str) -> str:
        return f"127.0.0.1:{config.ports[f'{APPLICATIONSET_CONTROLLER}-{of}']}"

    return [
        str(config.tools / "argocd"),
        f"--kubeconfig={config.kubeconfig}",
        f"--namespace={NAMESPACE}",
        f"--argocd-repo-server=127.0.0.1:{config.ports[REPO_SERVER]}",
        "--repo-server-plaintext",
        f"--metrics-addr={address('metrics')}",
        f"--probe-addr={address('probe')}",
        f"--webhook-addr={address('webhook')}",
        "--loglevel=warn",
    ]


def _redis(config: ArgoCdConfig) -> str:
    return f"--redis=127.0.0.1:{config.ports[REDIS]}"
