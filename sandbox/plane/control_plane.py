"""One cluster's genuine control plane: etcd, kube-apiserver, controller-manager, scheduler, and KWOK as kubelets."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import write_atomically
from sandbox.plane.audit import write_audit_files
from sandbox.plane.certificates import encoded, ensure_certificates, write_kubeconfigs
from sandbox.plane.kubernetes_api import KubernetesApi
from sandbox.plane.stages import apply_core_stages
from sandbox.processes.readiness import answers, wait_until_ready
from sandbox.processes.supervised import Launcher, ProcessSpec, SupervisedProcess

log = logging.getLogger(__name__)

PORTS = ("etcd", "etcd-peer", "apiserver", "controller-manager", "scheduler", "kwok")
START_SECONDS = 90.0
TOKEN_CACHE_SECONDS = 10


@dataclass(frozen=True)
class ControlPlaneConfig:
    """What one control plane is made of.

    `version` is the Kubernetes minor that it shows ("1.34"); `service_network` is N of its Service range 127.N.0.0/16,
    which is loopback, so that calls to a webhook's cluster IP stay on this machine; `pod_seconds` is how long a pod
    takes to become ready.
    """

    name: str
    directory: Path
    tools: Path
    ports: Mapping[str, int]
    version: str
    service_network: int
    token_webhook_url: str
    pod_seconds: float


class ControlPlane:
    """Starts, stops and watches the five processes of one cluster. Its data and certificates outlive it."""

    def __init__(self, config: ControlPlaneConfig, launcher: Launcher) -> None:
        self.config = config
        self.certificates = config.directory / "certificates"
        self.endpoint = f"https://127.0.0.1:{config.ports['apiserver']}"
        self.processes: list[SupervisedProcess] = []
        self._launcher = launcher
        service_address = f"127.{config.service_network}.0.1"
        ensure_certificates(self.certificates, service_address)
        self.api = KubernetesApi(self.endpoint, self.certificates)

    @property
    def certificate_authority_data(self) -> str:
        """The cluster's CA in base64, as DescribeCluster shows it."""
        return encoded(self.certificates / "ca.crt")

    @property
    def admin_kubeconfig(self) -> Path:
        """A person's, who may do everything."""
        return self.kubeconfig("admin")

    def kubeconfig(self, user: str) -> Path:
        """That of one of the sandbox's own parts, under the name that its changes have in the audit log."""
        return self.config.directory / f"{user}.kubeconfig"

    def start(self) -> None:
        """Start everything; return when the cluster can take work (about 4 s). Raises SandboxError."""
        begun = time.monotonic()
        try:
            self.start_api_server()
            manager = self._run("kube-controller-manager", self._controller_manager())
            self._run("kube-scheduler", self._scheduler())
            definition = self.config.tools / "crds" / "kwok.x-k8s.io_stages.yaml"
            apply_core_stages(self.api, definition, self.config.pod_seconds)
            self._run("kwok", self._kwok(), before_start=self._release_nodes)
            default = "/api/v1/namespaces/default/serviceaccounts/default"
            wait_until_ready(manager, lambda: self.api.get(default) is not None, START_SECONDS)
        except BaseException:
            self.stop()
            raise
        log.info("cluster %s is ready after %.1f s", self.config.name, time.monotonic() - begun)

    def start_api_server(self) -> None:
        """Start etcd and the API server alone; return when it can be asked (about 3 s). Raises SandboxError."""
        write_kubeconfigs(self.certificates, self.config.directory, self.config.name, self.endpoint)
        self._write_token_webhook()
        etcd = self._run("etcd", self._etcd())
        health = f"http://127.0.0.1:{self.config.ports['etcd']}/health"
        wait_until_ready(etcd, lambda: answers(health), START_SECONDS)
        apiserver = self._run("kube-apiserver", self._apiserver())
        wait_until_ready(apiserver, self.is_ready, START_SECONDS)

    def stop(self) -> None:
        """Stop the clients side by side, then the API server, then etcd."""
        by_name = {process.spec.name.rpartition("/")[2]: process for process in self.processes}
        last = [by_name.pop(name) for name in ("kube-apiserver", "etcd") if name in by_name]
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(SupervisedProcess.stop, by_name.values()))
        for process in last:
            process.stop()
        self.processes = []

    def is_ready(self) -> bool:
        """Whether the API server says that it can serve."""
        try:
            return self.api.get("/readyz") is not None
        except SandboxError:
            return False

    def _release_nodes(self) -> None:
        """Remove the Leases of an earlier KWOK, which the next would respect for 40 s and leave all pods alone."""
        self.api.request("DELETE", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")

    def _run(
        self, name: str, command: Sequence[str | Path], before_start: Callable[[], None] | None = None
    ) -> SupervisedProcess:
        spec = ProcessSpec(
            name=f"{self.config.name}/{name}",
            command=[str(part) for part in command],
            log=self.config.directory / "logs" / f"{name}.log",
            directory=self.config.directory,
            # Memory is cheaper than cores here: a fifth of the API server's work was collecting garbage.
            environment={"GOGC": "300"},
            # The API server waits for open watches; its state is safe in etcd, so it need not be given long.
            stop_seconds=4.0 if name == "kube-apiserver" else 10.0,
        )
        process = SupervisedProcess(spec, self._launcher, before_start=before_start)
        self.processes.append(process)
        process.start()
        return process

    def _write_token_webhook(self) -> None:
        webhook = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "eks",
            "clusters": [{"name": "eks", "cluster": {"server": self.config.token_webhook_url}}],
            "users": [{"name": "apiserver"}],
            "contexts": [{"name": "eks", "context": {"cluster": "eks", "user": "apiserver"}}],
        }
        write_atomically(self.config.directory / "token-webhook.kubeconfig", json.dumps(webhook, indent=1))

    def _etcd(self) -> list[str | Path]:
        client = f"http://127.0.0.1:{self.config.ports['etcd']}"
        peer = f"http://127.0.0.1:{self.config.ports['etcd-peer']}"
        return [
            self.config.tools / "etcd",
            "--name=sandbox",
            f"--data-dir={self.config.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=sandbox={peer}",
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=5m",
            "--quota-backend-bytes=4294967296",
            "--logger=zap",
            "--log-level=warn",
            "--unsafe-no-fsync",  # only a crash of the whole machine could lose what was written
        ]

    def _apiserver(self) -> list[str | Path]:
        certificates, ports = self.certificates, self.config.ports
        return [
            self.config.tools / "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{ports['etcd']}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={ports['apiserver']}",
            f"--service-cluster-ip-range=127.{self.config.service_network}.0.0/16",
            "--allow-privileged=true",
            "--authorization-mode=Node,RBAC",
            "--anonymous-auth=false",
            f"--emulated-version={self.config.version}",
            f"--client-ca-file={certificates / 'ca.crt'}",
            f"--tls-cert-file={certificates / 'apiserver.crt'}",
            f"--tls-private-key-file={certificates / 'apiserver.key'}",
            f"--authentication-token-webhook-config-file={self.config.directory / 'token-webhook.kubeconfig'}",
            "--authentication-token-webhook-version=v1",
            f"--authentication-token-webhook-cache-ttl={TOKEN_CACHE_SECONDS}s",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={certificates / 'service-accounts.pub'}",
            f"--service-account-signing-key-file={certificates / 'service-accounts.key'}",
            f"--requestheader-client-ca-file={certificates / 'front-proxy-ca.crt'}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={certificates / 'front-proxy.crt'}",
            f"--proxy-client-key-file={certificates / 'front-proxy.key'}",
            "--profiling=false",
            *write_audit_files(self.config.directory, self.config.token_webhook_url),
        ]

    def _controller_manager(self) -> list[str | Path]:
        certificates = self.certificates
        return [
            self.config.tools / "kube-controller-manager",
            *self._client_flags("controller-manager"),
            f"--root-ca-file={certificates / 'ca.crt'}",
            f"--service-account-private-key-file={certificates / 'service-accounts.key'}",
            f"--cluster-signing-cert-file={certificates / 'ca.crt'}",
            f"--cluster-signing-key-file={certificates / 'ca.key'}",
            f"--client-ca-file={certificates / 'ca.crt'}",
            f"--requestheader-client-ca-file={certificates / 'front-proxy-ca.crt'}",
            "--use-service-account-credentials=true",
            "--controllers=*",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",  # 8.3 s to the first ServiceAccount otherwise, not 3.5 s
        ]

    def _scheduler(self) -> list[str | Path]:
        return [self.config.tools / "kube-scheduler", *self._client_flags("scheduler")]

    def _client_flags(self, user: str) -> list[str]:
        kubeconfig = self.kubeconfig(user)
        return [
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.config.ports[user]}",
            "--leader-elect=false",
            "--profiling=false",
            f"--emulated-version={self.config.version}",
        ]

    def _kwok(self) -> list[str | Path]:
        return [
            self.config.tools / "kwok",
            f"--kubeconfig={self.kubeconfig('kwok')}",
            "--config=/dev/null",
            "--enable-crds=Stage",
            "--manage-all-nodes",
            "--node-lease-duration-seconds=40",
            "--cidr=10.244.0.0/16",
            "--node-ip=10.0.0.1",
            f"--server-address=127.0.0.1:{self.config.ports['kwok']}",
        ]
