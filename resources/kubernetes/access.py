"""The way into the cluster of an environment: its endpoint, a kubeconfig with our own exec plugin, an API client."""

from __future__ import annotations

import base64
import datetime as dt
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client as k8s
from kubernetes.dynamic import DynamicClient, LazyDiscoverer
from urllib3.exceptions import ConnectTimeoutError

from resources.aws.errors import aws_call
from resources.aws.session import Aws
from resources.kubernetes.errors import kubernetes_call
from resources.kubernetes.exec_credential import token_command
from resources.kubernetes.token import LIFETIME, eks_token, exec_credential
from resources.kubernetes.way_in import is_limited, no_way_in
from resources.model.errors import NotFound, Unreachable


@dataclass(frozen=True)
class ClusterAddress:
    """Where the API server is and which authority signs for it (PEM)."""

    name: str
    endpoint: str
    authority: bytes


# Seconds to connect, and between two parts of an answer: an API server that goes silent must not hold up a wait's
# deadline. It ends a request of its own after a minute.
TIMEOUT = (5.0, 65.0)
# Before we say that no rule lets us in: a rule that was just made holds seconds later.
_CONNECTIONS = 2


class _Bounded(k8s.ApiClient):
    """The client, which by itself waits for ever for an answer."""

    def call_api(self, *args: Any, **more: Any) -> Any:
        more["_request_timeout"] = more.get("_request_timeout") or TIMEOUT
        return super().call_api(*args, **more)


class _InMemory(LazyDiscoverer):
    """Discovers kinds on first use. The client would write all it knows to a file again whenever it learns a kind; our
    process is the only one that asks, and does not live long."""

    def _write_cache(self) -> None:
        pass


class ClusterAccess:
    """Reaches the API server as the deployer role. Safe to share between threads; tokens are renewed by themselves."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.env = aws.env
        self._lock = threading.Lock()
        self._discovery = threading.Lock()
        self._unreachable: Unreachable | None = None
        self._token = ("", dt.datetime.min.replace(tzinfo=dt.UTC))

    @cached_property
    def address(self) -> ClusterAddress:
        """Raises NotFound while the cluster does not exist or has no endpoint yet."""
        name = self.env.cluster_name
        with aws_call(f"describing the EKS cluster {name}"):
            cluster = self.aws.client("eks").describe_cluster(name=name)["cluster"]
        endpoint, authority = cluster.get("endpoint"), cluster.get("certificateAuthority", {}).get("data")
        if cluster["status"] in ("CREATING", "FAILED") or not endpoint or not authority:
            raise NotFound(f"the EKS cluster {name} has no endpoint yet: it is {cluster['status']}")
        return ClusterAddress(name, endpoint, base64.b64decode(authority))

    @cached_property
    def kubeconfig(self) -> Path:
        """A kubeconfig without a secret in it: the exec plugin `eks-assets token` makes tokens when they are needed,
        so a long wait of helm outlives each of them."""
        path = self.aws.folder / "kubeconfig"
        path.write_text(yaml.safe_dump(build_kubeconfig(self.address, self.env.name)))
        path.chmod(0o600)
        return path

    @cached_property
    def api(self) -> DynamicClient:
        """The dynamic client; kinds are discovered on first use. Raises Unreachable where the API server drops our
        connections, and from then on at once."""
        if self._unreachable is not None:
            raise self._unreachable
        authority = self.aws.folder / "ca.crt"
        authority.write_bytes(self.address.authority)
        settings = k8s.Configuration()
        settings.host = self.address.endpoint
        settings.ssl_ca_cert = str(authority)
        settings.connection_pool_maxsize = 32
        settings.api_key_prefix["BearerToken"] = "Bearer"
        setattr(settings, "refresh_api_key_hook", self._refresh)  # noqa: B010 - typed as None by the client
        self._refresh(settings)
        settings.retries = False
        with kubernetes_call(f"reaching the API server of {self.env.cluster_name}"):
            return self._connect(settings)

    def _connect(self, settings: k8s.Configuration) -> DynamicClient:
        nowhere = str(self.aws.folder / "discovery.json")
        for left in reversed(range(_CONNECTIONS)):
            try:
                return DynamicClient(_Bounded(settings), cache_file=nowhere, discoverer=_InMemory)
            except ConnectTimeoutError as error:
                if not is_limited(self.env):
                    raise
                if not left:
                    self._unreachable = no_way_in(self.env, self.address.endpoint)
                    raise self._unreachable from error
        raise AssertionError("a connection is made, or an error is raised")

    def kind(self, api_version: str, kind: str) -> Any:
        """The dynamic client's handle on a kind. Raises ResourceNotFoundError where the cluster has none."""
        # The client throws its whole cache away for a kind that it misses, and another thread would find it empty.
        with self._discovery:
            return self.api.resources.get(api_version=api_version, kind=kind)

    def _refresh(self, settings: Any) -> None:
        settings.api_key["BearerToken"] = self.token()

    def token(self) -> str:
        """A token that is valid for at least a minute."""
        return self._recent()[0]

    def credential(self) -> dict[str, Any]:
        """The same as the answer of an exec plugin."""
        return exec_credential(*self._recent())

    def _recent(self) -> tuple[str, dt.datetime]:
        with self._lock:
            _, made = self._token
            now = dt.datetime.now(dt.UTC)
            if now - made > LIFETIME - dt.timedelta(minutes=1):
                self.aws.credentials()  # says why there are none; signing would only fail
                self._token = (eks_token(self.aws.session, self.env.region, self.env.cluster_name), now)
            return self._token


def build_kubeconfig(address: ClusterAddress, environment: str) -> dict[str, Any]:
    """The kubeconfig document of a cluster, with our exec plugin. Raises RuntimeError without a token command."""
    command, *arguments = token_command(environment)
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": command,
        "args": arguments,
        "interactiveMode": "Never",
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": address.name,
        "clusters": [
            {
                "name": address.name,
                "cluster": {
                    "server": address.endpoint,
                    "certificate-authority-data": base64.b64encode(address.authority).decode(),
                },
            }
        ],
        "users": [{"name": "eks-assets", "user": {"exec": plugin}}],
        "contexts": [{"name": address.name, "context": {"cluster": address.name, "user": "eks-assets"}}],
    }
