"""One cluster of the sandbox: its control plane, its stand-in controller, its node groups and add-ons."""

from __future__ import annotations

import importlib.util
import logging
import re
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sandbox.errors import InvalidRequest, SandboxError
from sandbox.paths import PROJECT, StateDirectory, read_json, write_json
from sandbox.plane import eks_addons, nodes
from sandbox.plane.argo_cd.controllers import ArgoCd
from sandbox.plane.argo_cd.processes import PORTS as ARGO_CD_PORTS
from sandbox.plane.argo_cd.processes import ArgoCdConfig
from sandbox.plane.control_plane import PORTS, ControlPlane, ControlPlaneConfig
from sandbox.plane.kubernetes_api import KubernetesApi, Object
from sandbox.plane.stages import FIELD_MANAGER, CustomStages, core_stages
from sandbox.processes.frozen import frozen
from sandbox.processes.ports import PortBook
from sandbox.processes.supervised import Launcher, ProcessSpec, SupervisedProcess

log = logging.getLogger(__name__)

FIRST_SERVICE_NETWORK = 96
OLDEST_VERSION, NEWEST_VERSION = (1, 34), (1, 37)  # what the binaries can emulate
STAND_IN = "sandbox.stand_in"


@dataclass(frozen=True)
class ClusterRecord:
    """What the sandbox remembers of a cluster between two starts."""

    name: str
    account: str
    region: str
    version: str
    token_webhook_url: str
    service_network: int


@dataclass(frozen=True)
class Surroundings:
    """What every cluster shares: the state folder, the tools, the ports, the launcher and the embedded AWS."""

    state: StateDirectory
    tools: Path
    ports: PortBook
    launcher: Launcher
    aws_endpoint: str


class Cluster:
    """A known cluster, running or not. All changes go through one lock, so requests may come from any thread."""

    def __init__(self, record: ClusterRecord, around: Surroundings, pod_seconds: float) -> None:
        self.record = record
        self.pod_seconds = pod_seconds
        self._around = around
        self._lock = threading.RLock()
        self._plane: ControlPlane | None = None
        self._stages: CustomStages | None = None
        self._stand_in: SupervisedProcess | None = None
        self._argo_cd: ArgoCd | None = None

    @classmethod
    def known(cls, around: Surroundings, pod_seconds: float) -> list[Cluster]:
        """The clusters that the state folder remembers."""
        files = sorted(around.state.clusters.glob("*/cluster.json"))
        return [cls(ClusterRecord(**read_json(file)), around, pod_seconds) for file in files]

    @property
    def api(self) -> KubernetesApi:
        """The API server, as its administrator. Raises SandboxError when the cluster does not run."""
        if self._plane is None:
            raise SandboxError(f"Cluster {self.record.name} does not run; see the supervisor's log.")
        return self._plane.api

    @property
    def processes(self) -> list[SupervisedProcess]:
        plane = self._plane.processes if self._plane else []
        argo_cd = self._argo_cd.processes if self._argo_cd else []
        return [*plane, *([self._stand_in] if self._stand_in else []), *argo_cd]

    def is_ready(self) -> bool:
        """Whether its API server answers."""
        return self._plane is not None and self._plane.is_ready()

    def describe(self) -> dict[str, str]:
        """Endpoint and certificate authority, as DescribeCluster shows them. Raises SandboxError if it does not run."""
        if self._plane is None:
            raise SandboxError(f"Cluster {self.record.name} does not run; see the supervisor's log.")
        return {
            "endpoint": self._plane.endpoint,
            "certificate_authority_data": self._plane.certificate_authority_data,
        }

    def start(self) -> None:
        """Start the control plane and the stand-in controller, unless they run. Raises SandboxError."""
        with self._lock:
            if self._plane is not None:
                return
            record = self.record
            directory = self._around.state.cluster(record.name)
            write_json(directory / "cluster.json", asdict(record))
            plane = ControlPlane(
                ControlPlaneConfig(
                    name=record.name,
                    directory=directory,
                    tools=self._around.tools,
                    ports=self._claim(PORTS),
                    version=record.version,
                    service_network=record.service_network,
                    token_webhook_url=record.token_webhook_url,
                    pod_seconds=self.pod_seconds,
                ),
                self._around.launcher,
            )
            plane.start()
            self._plane = plane
            self._stages = CustomStages(record.name, plane.api)
            self._stages.start()
            self._start_stand_in(plane)
            self._start_argo_cd(plane)

    def stop(self) -> None:
        """Stop everything of the cluster; its data stays."""
        with self._lock:
            if self._argo_cd:
                self._argo_cd.stop()
            if self._stand_in:
                self._stand_in.stop()
            if self._stages:
                self._stages.stop()
            if self._plane:
                self._plane.stop()
            self._plane = self._stages = self._stand_in = self._argo_cd = None

    def kill(self) -> None:
        """Stop everything at once, where the data is not needed any more."""
        with self._lock:
            for process in self.processes:
                process.kill()
            self.stop()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let everything of the cluster stand still for a moment. Raises SandboxError."""
        with self._lock, frozen(self.processes):
            yield

    def update(self, version: str, token_webhook_url: str) -> None:
        """Restart the control plane where its version or token webhook differs: same etcd, same address.

        Raises InvalidRequest for a version that cannot be, or that is more than one minor older than the cluster's:
        EKS takes one back.
        """
        check_version(version)
        with self._lock:
            if as_numbers(version)[1] < as_numbers(self.record.version)[1] - 1:
                raise InvalidRequest(
                    f"Cluster {self.record.name} has version {self.record.version}; a control plane cannot go back "
                    f"to {version}, only by one minor. Make a new cluster instead."
                )
            wanted = replace(self.record, version=version, token_webhook_url=token_webhook_url)
            if wanted != self.record:
                self.stop()
                self.record = wanted
            self.start()

    def delete(self) -> None:
        """Stop the cluster and forget it: data, certificates and ports."""
        with self._lock:
            self.stop()
            shutil.rmtree(self._around.state.cluster(self.record.name), ignore_errors=True)
            self._around.ports.forget(f"cluster/{self.record.name}/")

    def set_pod_seconds(self, seconds: float) -> None:
        """How long a pod takes to become ready, from now on. Raises SandboxError."""
        self.pod_seconds = seconds
        if self._plane:
            for stage in core_stages(seconds):
                self._plane.api.apply(stage, FIELD_MANAGER)

    def apply_node_group(
        self, group: str, version: str, members: Sequence[Mapping[str, Any]], *, force: bool = True
    ) -> None:
        """Make exactly these nodes exist in the group; without `force` only where disruption budgets allow it. Raises
        SandboxError, EvictionRefused."""
        with self._lock:
            nodes.apply_node_group(self.api, group, version, self.record.region, members, force=force)

    def remove_node_group(self, group: str) -> None:
        """Drain and remove the group's nodes. Raises SandboxError."""
        with self._lock:
            nodes.remove_node_group(self.api, group)

    def apply_addon(self, addon: str, version: str, configuration: Mapping[str, Any]) -> None:
        """Install or update an EKS add-on. Raises SandboxError."""
        eks_addons.apply_addon(self.api, addon, version, configuration)

    def remove_addon(self, addon: str) -> None:
        """Remove an EKS add-on. Raises SandboxError."""
        eks_addons.remove_addon(self.api, addon)

    def addon_health(self, addon: str) -> tuple[bool, str]:
        """Whether an add-on is available, and why not. Raises SandboxError."""
        return eks_addons.addon_health(self.api, addon)

    def apply(self, manifests: Sequence[Object]) -> None:
        """Server-side applies objects of any kind as the administrator. Raises SandboxError."""
        for manifest in manifests:
            self.api.apply(manifest)

    def namespaces(self) -> list[str]:
        """The names of its namespaces. Raises SandboxError."""
        return [namespace["metadata"]["name"] for namespace in self.api.list("/api/v1/namespaces")]

    def remove(self, manifests: Sequence[Object]) -> None:
        """Delete objects of any kind as the administrator. Raises SandboxError."""
        for manifest in manifests:
            self.api.delete(manifest)

    def _start_stand_in(self, plane: ControlPlane) -> None:
        if importlib.util.find_spec(f"{STAND_IN}.__main__") is None:
            log.warning("cluster %s runs without a stand-in controller: there is no %s", self.record.name, STAND_IN)
            return
        command = [
            sys.executable,
            "-m",
            STAND_IN,
            "--kubeconfig",
            str(plane.kubeconfig("stand-in")),
            "--aws-endpoint",
            self._around.aws_endpoint,
            "--cluster",
            self.record.name,
            "--region",
            self.record.region,
        ]
        spec = ProcessSpec(
            name=f"{self.record.name}/stand-in",
            command=command,
            log=plane.config.directory / "logs" / "stand-in.log",
            directory=PROJECT,
            environment=account_environment(self.record.account, self.record.region, self._around.aws_endpoint),
        )
        self._stand_in = SupervisedProcess(spec, self._around.launcher)
        self._stand_in.start()

    def _start_argo_cd(self, plane: ControlPlane) -> None:
        config = ArgoCdConfig(
            cluster=self.record.name,
            directory=plane.config.directory / "argo-cd",
            tools=self._around.tools,
            kubeconfig=plane.kubeconfig("argo-cd"),
            ports=self._claim(ARGO_CD_PORTS),
        )
        self._argo_cd = ArgoCd(config, plane.api, self._around.launcher)
        self._argo_cd.start()

    def _claim(self, names: Sequence[str]) -> dict[str, int]:
        prefix = f"cluster/{self.record.name}/"
        claimed = self._around.ports.claim(prefix + name for name in names)
        return {name.removeprefix(prefix): port for name, port in claimed.items()}


def account_environment(account: str, region: str, aws_endpoint: str) -> dict[str, str]:
    """The variables that make an AWS client the root user of one account of the embedded AWS."""
    return {
        "AWS_ENDPOINT_URL": aws_endpoint,
        "AWS_ACCESS_KEY_ID": account,  # the embedded AWS takes an account number as that account's root key
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def check_name(name: str) -> None:
    """Raises InvalidRequest for a name that EKS would refuse; it becomes a folder, too."""
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", name):
        raise InvalidRequest(f"{name!r} is no cluster name: letters, digits, - and _, at most 100.")


def check_version(version: str) -> None:
    """Raises InvalidRequest for a Kubernetes minor that the sandbox's binaries cannot emulate."""
    if not re.fullmatch(r"1\.\d+", version) or not OLDEST_VERSION <= as_numbers(version) <= NEWEST_VERSION:
        raise InvalidRequest(
            f"The sandbox cannot be Kubernetes {version!r}: its control planes are 1.34 to 1.37. "
            "Set the cluster's version to one of these."
        )


def as_numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, to compare."""
    return tuple(int(part) for part in version.split("."))


def free_service_network(clusters: Sequence[Cluster]) -> int:
    """The lowest N, from 96, whose 127.N.0.0/16 no cluster has. Raises SandboxError when there is none."""
    taken = {cluster.record.service_network for cluster in clusters}
    for number in range(FIRST_SERVICE_NETWORK, 256):
        if number not in taken:
            return number
    raise SandboxError("The sandbox has no Service network left: delete some of its clusters.")
