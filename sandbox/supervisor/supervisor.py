"""The sandbox's daemon: one per state folder, owner of every other process, reached over HTTP on loopback."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sandbox.account import ACCOUNT, REGION, ROOT_KEY, ROOT_SECRET
from sandbox.edge import Edge
from sandbox.errors import SandboxError, UnknownName
from sandbox.git.service import GitService
from sandbox.install.sources import digest_code
from sandbox.paths import SANDBOX, StateDirectory, read_json, write_json
from sandbox.plane.cluster import Cluster, ClusterRecord, Surroundings, check_name, check_version, free_service_network
from sandbox.plane.kubernetes_api import KubernetesApi
from sandbox.processes.frozen import frozen
from sandbox.processes.ports import SHARED_PORTS, PortBook
from sandbox.processes.readiness import answers, wait_until_ready
from sandbox.processes.supervised import Launcher, SupervisedProcess, memory_bytes
from sandbox.snapshots.contents import copy_state, decide_restore, finish_restore
from sandbox.supervisor.seeding import seed_aws
from sandbox.supervisor.services import embedded_aws_spec, push_charts, registry_spec, save_embedded_aws

log = logging.getLogger(__name__)

START_SECONDS = 60.0


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
        self._ports = ports.claim(SHARED_PORTS)
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
        self._start_all(self._start_aws, self._start_registry, self._git.start)
        self._seed_aws()
        self._finish_start()
        log.info("ready after %.1f s", time.monotonic() - self._begun)

    def copy_state(self) -> None:
        """Copy the state as it is at one moment, while everything stands still, to `draft_state` of the state folder.

        Raises SandboxError.
        """
        begun = time.monotonic()
        with self._lock, ExitStack() as stack:
            for cluster in self._clusters.values():
                stack.enter_context(cluster.frozen())
            stack.enter_context(frozen([self._git.process]))
            save_embedded_aws(self.aws_endpoint)
            stack.enter_context(frozen([self._aws]))
            copy_state(self._state.root, self._state.draft_state)
        log.info("the state was copied in %.1f s", time.monotonic() - begun)

    def restore(self) -> None:
        """Go on with the state that lies ready (sandbox/snapshots/contents.py). The registry stays as it is.

        What holds state is killed: nothing that it could still write is wanted. Raises SandboxError.
        """
        begun = time.monotonic()
        decide_restore(self._state)
        self.phase = "restoring"
        self._state.state.unlink(missing_ok=True)
        self._edge.stop()
        with self._lock:
            kills = [self._aws.kill, self._git.process.kill, *(cluster.kill for cluster in self._clusters.values())]
            with ThreadPoolExecutor(max_workers=8) as pool:
                for job in [pool.submit(kill) for kill in kills]:
                    job.result()
            finish_restore(self._state)
            self._pod_seconds = float(read_json(self._state.options).get("pod_seconds", 0))
            self._clusters = {one.record.name: one for one in Cluster.known(self._around, self._pod_seconds)}
            self._edge = Edge(self._ports["edge"], self._state.edge, self._api_of)
        self.warnings.clear()
        self._start_all(self._start_aws, self._git.start)
        self._finish_start()
        log.info("restored after %.1f s", time.monotonic() - begun)

    def _start_all(self, *shared: Callable[[], None]) -> None:
        with ThreadPoolExecutor(max_workers=8) as pool:
            needed = [pool.submit(start) for start in shared]
            clusters = {name: pool.submit(cluster.start) for name, cluster in list(self._clusters.items())}
            for job in needed:
                job.result()
            for name, job in clusters.items():
                self._warn_if_failed(f"cluster {name} does not run", job)
        self._edge.start()

    def _finish_start(self) -> None:
        write_json(self._state.state, self._state_file())
        self.phase = "ready"

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
        if problem := push_charts(self._state, self._around.launcher, self._settings.tools, self.registry):
            self.warnings.append(problem)
            log.warning(problem)

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
