"""Admission webhook back ends: one HTTPS server per webhook Service, on its loopback ClusterIP.

A server runs only while its Service has a ready endpoint, so an unready webhook pod blocks as in real life. It serves
the chart's own certificate where that matches the caBundle, and nothing while none does; an empty caBundle gets the
stand-in's own authority, as cert-controllers do it, under the field manager that the real one has.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sandbox.stand_in.admission import AdmissionServer
from sandbox.stand_in.certificates import KeyPair, is_authority, issue, serves
from sandbox.stand_in.controller import label
from sandbox.stand_in.kube import JSON_PATCH, Kube, Object
from sandbox.stand_in.objects import Objects, object_path

# Who fills the caBundle in real life, by a part of the webhook Service's name, and the Deployment that must be Ready.
INJECTORS = (
    ("external-secrets", "external-secrets", "external-secrets-cert-controller"),
    ("istiod", "pilot-discovery", None),
)
OTHER_INJECTOR = "ca-injector"
KEY_NAMES = (("tls.crt", "tls.key"), ("cert", "key"))


@dataclass(frozen=True)
class Webhook:
    """One webhook of a configuration, and the Service it calls."""

    resource: str
    configuration: Object
    index: int
    namespace: str
    service: str
    port: int
    bundle: bytes

    @property
    def host(self) -> str:
        return f"{self.service}.{self.namespace}.svc"


@dataclass(frozen=True)
class Backend:
    """A running server, and the caBundle it was chosen for; none when it serves the stand-in's own certificate."""

    server: AdmissionServer
    chosen_for: bytes | None


class Webhooks:
    """Runs the servers; see the module."""

    name: str = "webhooks"
    resources: tuple[str, ...] = ("services", "endpointslices", "validating", "mutating", "deployments")

    def __init__(self, kube: Kube, objects: Objects, log: Callable[[str, str], None], ca: KeyPair) -> None:
        self._kube, self._objects, self._log, self._ca = kube, objects, log, ca
        self._running: dict[tuple[str, str, int], Backend] = {}

    def reconcile(self) -> None:
        """Start, replace and stop servers, and fill caBundles."""
        addresses = self._addresses()
        wanted: set[tuple[str, str, int]] = set()
        failures: list[OSError] = []
        for webhook in self._webhooks():
            address = addresses.get((webhook.namespace, webhook.service), "")
            if not address.startswith("127."):
                continue
            key = (webhook.host, address, webhook.port)
            wanted.add(key)
            try:
                self._serve(key, webhook)
            except OSError as error:
                failures.append(error)
        for key in set(self._running) - wanted:
            self._stop(key)
        if failures:
            raise OSError(f"cannot listen for a webhook: {failures[0]}")

    def _addresses(self) -> dict[tuple[str, str], str]:
        """ClusterIP of every Service that has a ready endpoint."""
        ready: set[tuple[str, str | None]] = {
            (found["metadata"]["namespace"], label(found, "kubernetes.io/service-name"))
            for found in self._objects.all("endpointslices")
            if any((endpoint.get("conditions") or {}).get("ready") for endpoint in found.get("endpoints") or [])
        }
        addresses: dict[tuple[str, str], str] = {}
        for service in self._objects.all("services"):
            name: tuple[str, str] = (service["metadata"]["namespace"], service["metadata"]["name"])
            if name in ready:
                addresses[name] = str(service["spec"].get("clusterIP", ""))
        return addresses

    def _webhooks(self) -> Iterator[Webhook]:
        for resource in ("mutating", "validating"):
            for configuration in self._objects.all(resource):
                for index, webhook in enumerate(configuration.get("webhooks") or []):
                    client = webhook["clientConfig"]
                    if service := client.get("service"):
                        bundle = base64.b64decode(client.get("caBundle") or "")
                        yield Webhook(
                            resource,
                            configuration,
                            index,
                            service["namespace"],
                            service["name"],
                            service.get("port", 443),
                            bundle,
                        )

    def _serve(self, key: tuple[str, str, int], webhook: Webhook) -> None:
        # A placeholder such as a line feed is no authority, and waits to be filled like an empty one.
        own = webhook.bundle == self._ca.certificate or not is_authority(webhook.bundle)
        running = self._running.get(key)
        if running and running.chosen_for != (None if own else webhook.bundle):
            self._stop(key)
        # In the midst of an upgrade the chart's Secret is new and its caBundle old: then nobody answers.
        charts = None if own or key in self._running else self._chart_pair(webhook)
        if key not in self._running and (own or charts):
            self._start(key, webhook, charts)
        if own and webhook.bundle != self._ca.certificate:
            self._inject(webhook)

    def _start(self, key: tuple[str, str, int], webhook: Webhook, charts: KeyPair | None) -> None:
        server = AdmissionServer(key[1], key[2], charts or issue(webhook.host, self._ca))
        self._running[key] = Backend(server, webhook.bundle if charts else None)
        whose = "the chart's" if charts else "the stand-in's"
        self._log(self.name, f"{webhook.host} answers on {key[1]}:{key[2]} with {whose} certificate")

    def _stop(self, key: tuple[str, str, int]) -> None:
        self._running.pop(key).server.stop()
        self._log(self.name, f"{key[0]} no longer answers on {key[1]}:{key[2]}")

    def _chart_pair(self, webhook: Webhook) -> KeyPair | None:
        """The certificate in a Secret of the webhook's namespace that the caBundle vouches for."""
        secrets = self._kube.request("GET", f"/api/v1/namespaces/{webhook.namespace}/secrets")
        for secret in secrets["items"]:
            data = secret.get("data") or {}
            for certificate, private in KEY_NAMES:
                if certificate in data and private in data:
                    pair = KeyPair(base64.b64decode(data[certificate]), base64.b64decode(data[private]))
                    if serves(pair, webhook.host, webhook.bundle):
                        return pair
        return None

    def _inject(self, webhook: Webhook) -> None:
        manager = OTHER_INJECTOR
        for part, injector, deployment in INJECTORS:
            if part in webhook.service:
                if deployment and not self._objects.ready(deployment):
                    return
                manager = injector
        bundle = base64.b64encode(self._ca.certificate).decode()
        at = f"/webhooks/{webhook.index}"
        name = webhook.configuration["webhooks"][webhook.index]["name"]
        patch = [
            {"op": "test", "path": f"{at}/name", "value": name},
            {"op": "add", "path": f"{at}/clientConfig/caBundle", "value": bundle},
        ]
        self._kube.patch(object_path(webhook.resource, webhook.configuration), patch, JSON_PATCH, manager)
        self._log(self.name, f"{manager} filled the caBundle of {name}")
