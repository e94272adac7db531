"""The sandbox's daemon: one per state folder, owner of every other process, reached over HTTP on loopback."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sandbox.account import ACCOUNT, REGION, ROOT_KEY, ROOT_SECRET
from sandbox.edge import Edge
from sandbox.errors import SandboxError, UnknownName
from sandbox.git.service import GitService
from sandbox.install.sources import digest_code
from sandbox.paths import PROJECT, SANDBOX, StateDirectory, read_json, write_json
from sandbox.plane.cluster import Cluster, ClusterRecord, Surroundings, check_name, check_version, free_service_network
from sandbox.plane.kubernetes_api import KubernetesApi
from sandbox.processes.ports import PortBook
from sandbox.processes.readiness import answers, wait_until_ready
from sandbox.processes.supervised import Launcher, ProcessSpec, SupervisedProcess, memory_bytes
from sandbox.supervisor.seeding import seed_aws
from sandbox.supervisor.services import embedded_aws_spec, registry_spec

log = logging.getLogger(__name__)

CHARTS = "sandbox.charts"
START_SECONDS, CHARTS_SECONDS = 60.0, 120.0


@dataclass(frozen=True)
class Settings:
    """Where the state is, where the tools are, and the Python of the embedded AWS."""

    state: StateDirectory
    tools: Path
    aws_python: Path


class Supervisor:
    """Starts and stops the embedded AWS, chart registry, git host, edge and clusters; its methods answer the API."""

    def __init__(self, settings: Settings) -> None:
        self.phase = "starting"
        self.warnings: list[str] = []
        self.stopping = threading.Event()
        self._settings = settings
        self._code = digest_code()
        self._state = settings.state
        self._begun = time.monotonic()
        ports = PortBook(self._state.ports)
        self._ports = ports.claim(("supervisor", "aws", "registry", "git", "edge"))
        self.url = f"http://127.0.0.1:{self._ports['supervisor']}"
        self.registry = f"127.0.0.1:{self._ports['registry']}"
        self.aws_endpoint = f"http://127.0.0.1:{self._ports['aws']}"
        launcher = Launcher(self._state.processes)
        launcher.remember("supervisor", os.getpid())
        self._around = Surroundings(self._state, settings.tools, ports, launcher, self.aws_endpoint)
        self._pod_seconds = float(read_json(self._state.options).get("pod_seconds", 0))
        self._lock = threading.Lock()
        self._clusters = {cluster.record.name: cluster for cluster in Cluster.known(self._around, self._pod_seconds)}
        self._registry = SupervisedProcess(
            registry_spec(self._state, settings.tools, self._ports["registry"]), launcher, on_restart=self._push_charts
        )
        aws = embedded_aws_spec(self._state, settings.aws_python, self._ports["aws"], self.url)
        self._aws = SupervisedProcess(aws, launcher)
        self._git = GitService(self._state, self._ports["git"], launcher)
        self._edge = Edge(self._ports["edge"], self._state.edge, self._api_of)

    @property
    def port(self) -> int:
        return self._ports["supervisor"]

    def start(self) -> None:
        """Start everything side by side; a cluster that fails is a warning. Raises SandboxError."""
        names = ("the embedded AWS", "the chart registry", "the git host", *self._clusters)
        self.phase = f"starting {', '.join(names)}"
        with ThreadPoolExecutor(max_workers=8) as pool:
            needed = [pool.submit(self._start_aws), pool.submit(self._start_registry), pool.submit(self._git.start)]
            clusters = {name: pool.submit(cluster.start) for name, cluster in list(self._clusters.items())}
            for job in needed:
                job.result()
            for name, job in clusters.items():
                self._warn_if_failed(f"cluster {name} does not run", job)
        self._edge.start()
        self._seed_aws()
        write_json(self._state.state, self._state_file())
        self.phase = "ready"
        log.info("ready after %.1f s", time.monotonic() - self._begun)

    def stop(self) -> None:
        """Stop everything; the embedded AWS saves its state first."""
        self.phase = "stopping"
        self._state.state.unlink(missing_ok=True)
        self._edge.stop()
        with ThreadPoolExecutor(max_workers=8) as pool:
            jobs = [pool.submit(process.stop) for process in (self._aws, self._registry, self._git)]
            jobs += [pool.submit(cluster.stop) for cluster in list(self._clusters.values())]
        for job in jobs:
            job.result()
        log.info("stopped")

    def cluster(self, name: str) -> Cluster:
        """The cluster of that name. Raises UnknownName."""
        if name not in self._clusters:
            raise UnknownName(f"The sandbox has no cluster {name}; it has: {', '.join(self._clusters) or 'none'}.")
        return self._clusters[name]

    def put_cluster(self, name: str, account: str, region: str, version: str, webhook: str) -> dict[str, str]:
        """Make the cluster run with this version; return endpoint and CA when it does. Raises SandboxError."""
        check_name(name)
        check_version(version)
        with self._lock:
            if name not in self._clusters:
                network = free_service_network(list(self._clusters.values()))
                record = ClusterRecord(name, account, region, version, webhook, network)
                self._clusters[name] = Cluster(record, self._around, self._pod_seconds)
        cluster = self._clusters[name]
        cluster.update(version, webhook)
        return cluster.describe()

    def delete_cluster(self, name: str) -> None:
        """Stop a cluster and remove its data; nothing happens where there is none."""
        with self._lock:
            cluster = self._clusters.pop(name, None)
        if cluster:
            cluster.delete()

    def set_pod_seconds(self, seconds: float) -> None:
        """How long a pod takes to become ready, from now on, in every cluster. Raises SandboxError."""
        self._pod_seconds = seconds
        write_json(self._state.options, {"pod_seconds": seconds})
        for cluster in list(self._clusters.values()):
            cluster.set_pod_seconds(seconds)

    def set_delays(self, delays: Mapping[str, float]) -> None:
        """How many seconds the embedded AWS takes, by type; restarts it, as it reads them once. Raises SandboxError."""
        if read_json(self._state.delays) != delays:
            write_json(self._state.delays, dict(delays))
            self._aws.stop()
            self._start_aws()

    def status(self) -> dict[str, object]:
        """What runs, where, with how much memory, for how long."""
        clusters = list(self._clusters.values())
        own = {
            "name": "supervisor",
            "pid": os.getpid(),
            "memory_bytes": memory_bytes(os.getpid()),
            "uptime_seconds": round(time.monotonic() - self._begun, 1),
            "restarts": 0,
            "healthy": True,
            "address": self.url,
        }
        listed = [
            own,
            self._aws.describe(self.aws_endpoint, self._aws_answers()),
            self._registry.describe(self.registry, self._registry_answers()),
            self._git.describe(),
        ]
        for cluster in clusters:
            ready = cluster.is_ready()
            address = cluster.describe()["endpoint"] if ready else ""
            listed += [process.describe(address, ready) for process in cluster.processes]
        return {
            "phase": self.phase,
            "ready": self.phase == "ready",
            "supervisor_url": self.url,
            "edge": f"https://{self._edge.address}",
            "warnings": self.warnings,
            "clusters": [
                {
                    "name": c.record.name,
                    "version": c.record.version,
                    "account": c.record.account,
                    "region": c.record.region,
                    "ready": c.is_ready(),
                }
                for c in clusters
            ],
            "processes": listed,
        }

    def _state_file(self) -> dict[str, object]:
        return {
            "code": self._code,
            "supervisor_pid": os.getpid(),
            "supervisor_url": self.url,
            "aws_endpoint": self.aws_endpoint,
            "region": REGION,
            "account": ACCOUNT,
            "registry": self.registry,
            "tools": str(self._settings.tools),
            "credentials": {
                "root": {"access_key_id": ROOT_KEY, "secret_access_key": ROOT_SECRET},
                **read_json(self._state.people),
            },
            "variables": {
                "SANDBOX_REGISTRY": self.registry,
                "SANDBOX_GIT": self._git.repository,
                "SANDBOX_EDGE": self._edge.address,
                "SANDBOX_CA": str(self._edge.authority_file),
            },
        }

    def _api_of(self, name: str) -> KubernetesApi | None:
        cluster = self._clusters.get(name)
        try:
            return cluster.api if cluster else None
        except SandboxError:  # it does not run
            return None

    def _start_aws(self) -> None:
        if not (SANDBOX / "embedded_aws" / "__main__.py").exists():
            self.warnings.append("There is no embedded AWS in sandbox/embedded_aws; only Kubernetes works.")
            return
        self._aws.start()
        wait_until_ready(self._aws, self._aws_answers, START_SECONDS)

    def _seed_aws(self) -> None:
        if self._aws.pid is not None and (problem := seed_aws(self._state, self._around.launcher, self.aws_endpoint)):
            self.warnings.append(problem)
            log.warning(problem)

    def _start_registry(self) -> None:
        self._registry.start()
        wait_until_ready(self._registry, self._registry_answers, START_SECONDS)
        self._push_charts()

    def _push_charts(self) -> None:
        """The registry keeps charts in memory only, so they are pushed at each of its starts."""
        if importlib.util.find_spec(f"{CHARTS}.__main__") is None:
            return
        spec = ProcessSpec(
            name="charts",
            log=self._state.logs / "charts.log",
            directory=PROJECT,
            command=[sys.executable, "-m", CHARTS, "--registry", self.registry, "--tools", str(self._settings.tools)],
        )
        process = self._around.launcher.run(spec)
        try:
            problem = f"failed with {code}" if (code := process.wait(CHARTS_SECONDS)) else ""
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            problem = f"took more than {CHARTS_SECONDS:g} s"
        if problem:
            self.warnings.append(f"Pushing the charts {problem}; see {spec.log}.")
            log.warning(self.warnings[-1])

    def _warn_if_failed(self, what: str, job: Future[None]) -> None:
        try:
            job.result()
        except SandboxError as error:
            self.warnings.append(f"{what}: {error}")
            log.warning(self.warnings[-1])

    def _aws_answers(self) -> bool:
        return answers(f"{self.aws_endpoint}/_ministack/health")

    def _registry_answers(self) -> bool:
        return answers(f"http://{self.registry}/v2/")
