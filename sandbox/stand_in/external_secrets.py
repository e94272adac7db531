"""External Secrets: values from Secrets Manager or Parameter Store into Secrets, while its Deployment is Ready."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.stand_in.aws import Aws, error_code
from sandbox.stand_in.controller import annotation, condition, now, owner_reference
from sandbox.stand_in.kube import Kube, KubeError, Object
from sandbox.stand_in.objects import Objects, object_path

DEPLOYMENT = "external-secrets"
FIELD_MANAGER = "external-secrets"
DATA_HASH = "reconcile.external-secrets.io/data-hash"
RETRY_SECONDS = 5.0
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
PLACEHOLDER = re.compile(r"\{\{-?\s*\.([A-Za-z0-9_.-]+)\s*-?\}\}")


class SyncError(Exception):
    """Why an ExternalSecret cannot be synced. The message names keys and never holds a value."""


class Logger(Protocol):
    def __call__(self, who: str, message: str) -> None: ...


def seconds(duration: str) -> float:
    """A Go duration such as `1h0m0s` in seconds; 0 means never again."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([0-9.]+)(ms|s|m|h)", duration))


def rendered(template: str, values: dict[str, str]) -> str:
    """`template` with every `{{ .key }}` replaced. Raises SyncError for a key that no value has."""
    missing = sorted({name for name in PLACEHOLDER.findall(template) if name not in values})
    if missing:
        raise SyncError(f"the template names {', '.join(missing)}, which no data entry provides")
    return PLACEHOLDER.sub(lambda match: values[match.group(1)], template)


def property_of(secret: str, key: str, name: str) -> str:
    """Property `name` (dots go deeper) of the JSON in secret `key`; text as it is, the rest as JSON.

    Raises SyncError when the secret is not JSON or has no such property.
    """
    try:
        value: Any = json.loads(secret)
        if not (isinstance(value, dict) and name in value):
            for part in name.split("."):
                value = value[part]
        else:
            value = value[name]
    except (ValueError, KeyError, TypeError) as error:
        raise SyncError(f"key {name} does not exist in secret {key}") from error
    return value if isinstance(value, str) else json.dumps(value)


def admits_namespace(store: Object, namespace: str) -> bool:
    """Whether a store's conditions let the namespace use it; without any, all may. Of the three forms of a condition
    selectors by label admit nobody here."""
    conditions = store["spec"].get("conditions") or []
    return not conditions or any(
        namespace in (condition.get("namespaces") or [])
        or any(re.search(pattern, namespace) for pattern in condition.get("namespaceRegexes") or [])
        for condition in conditions
    )


class ExternalSecrets:
    """Reconciles ExternalSecrets; see the module."""

    name: str = "external-secrets"
    resources: tuple[str, ...] = ("externalsecrets", "secretstores", "clustersecretstores", "deployments")

    def __init__(self, kube: Kube, objects: Objects, aws: Aws, log: Logger) -> None:
        self._kube, self._objects, self._aws, self._log = kube, objects, aws, log
        self._next: dict[str, tuple[str, float]] = {}
        self._said: dict[str, str] = {}

    def reconcile(self) -> None:
        """Sync every ExternalSecret that changed, or whose refresh is due."""
        if not self._objects.ready(DEPLOYMENT):
            return
        present = self._objects.all("externalsecrets")
        for external in present:
            if external["metadata"].get("deletionTimestamp") or annotation(external, "sandbox/mode") == "stuck":
                continue
            uid, state = external["metadata"]["uid"], self._state(external)
            last_state, due = self._next.get(uid, ("", 0.0))
            if last_state != state or time.monotonic() >= due:
                self._next[uid] = (state, time.monotonic() + self._sync(external))
        self._next = {uid: self._next[uid] for uid in self._next if uid in {one["metadata"]["uid"] for one in present}}

    def _state(self, external: Object) -> str:
        """Changes whenever the ExternalSecret or the readiness of its store changes."""
        store = self._store(external)
        forced = annotation(external, "force-sync")
        return f"{external['metadata']['generation']}/{forced}/{store and store['metadata']['generation']}"

    def _sync(self, external: Object) -> float:
        """Sync one; the seconds until the next time."""
        meta, spec = external["metadata"], external["spec"]
        whose = f"{meta['namespace']}/{meta['name']}"
        try:
            self._write(external, self._values(external))
        except (SyncError, KubeError) as error:
            self._report(external, "False", "SecretSyncedError", str(error))
            self._say(whose, str(error))
            return RETRY_SECONDS
        self._report(external, "True", "SecretSynced", "secret synced")
        self._say(whose, "synced")
        once = spec.get("refreshPolicy") == "CreatedOnce"
        interval = 0.0 if once else seconds(spec.get("refreshInterval") or "1h")
        return interval or float("inf")

    def _say(self, whose: str, message: str) -> None:
        if self._said.get(whose) != message:
            self._said[whose] = message
            self._log(self.name, f"{whose}: {message}")

    def _store(self, external: Object) -> Object | None:
        reference = external["spec"].get("secretStoreRef") or {}
        cluster_wide = reference.get("kind") == "ClusterSecretStore"
        for store in self._objects.all("clustersecretstores" if cluster_wide else "secretstores"):
            same_place = cluster_wide or store["metadata"]["namespace"] == external["metadata"]["namespace"]
            if same_place and store["metadata"]["name"] == reference.get("name"):
                return store
        return None

    def _provider(self, external: Object) -> Object:
        store = self._store(external)
        reference = external["spec"].get("secretStoreRef") or {}
        name = f"{reference.get('kind', 'SecretStore')} {reference.get('name')}"
        if store is None:
            raise SyncError(f"{name} does not exist")
        if annotation(store, "sandbox/mode") == "stuck":
            raise SyncError(f"{name} is not ready")
        if not admits_namespace(store, namespace := external["metadata"]["namespace"]):
            whose = f'cluster store "{reference.get("name")}"'
            raise SyncError(f'using {whose} is not allowed from namespace "{namespace}": denied by spec.condition')
        provider: Object | None = store["spec"]["provider"].get("aws")
        if provider is None:
            raise SyncError(f"{name} is not of provider aws, the only one in the sandbox")
        return provider

    def _values(self, external: Object) -> dict[str, str]:
        provider, spec = self._provider(external), external["spec"]
        values: dict[str, str] = {}
        for entry in spec.get("dataFrom") or []:
            if "extract" not in entry:
                raise SyncError("dataFrom supports only extract in the sandbox")
            key = entry["extract"]["key"]
            secret = self._fetch(provider, key)
            try:
                extracted = json.loads(secret)
                values |= {name: one if isinstance(one, str) else json.dumps(one) for name, one in extracted.items()}
            except (ValueError, AttributeError) as error:
                raise SyncError(f"secret {key} is not a JSON object, so extract cannot read it") from error
        for entry in spec.get("data") or []:
            reference = entry["remoteRef"]
            value = self._fetch(provider, reference["key"])
            if wanted := reference.get("property"):
                value = property_of(value, reference["key"], wanted)
            values[entry["secretKey"]] = value
        return values

    def _fetch(self, provider: Object, key: str) -> str:
        region = provider.get("region")
        clients = self._aws.clients_in(region or self._aws.region)
        try:
            if provider.get("service") == "ParameterStore":
                parameter = clients("ssm").get_parameter(Name=key, WithDecryption=True)
                return parameter["Parameter"]["Value"]
            answer = clients("secretsmanager").get_secret_value(SecretId=key)
        except ClientError as error:
            where = provider.get("service", "SecretsManager")
            raise SyncError(f"cannot read {key} from {where} in {region}: {error_code(error)}") from error
        except BotoCoreError as error:
            raise SyncError(f"cannot read {key} in {region}: {type(error).__name__}") from error
        if "SecretString" in answer:
            return answer["SecretString"]
        return bytes(answer["SecretBinary"]).decode(errors="replace")

    def _write(self, external: Object, values: dict[str, str]) -> None:
        meta, target = external["metadata"], external["spec"].get("target") or {}
        template = target.get("template") or {}
        if "data" in template:
            made = {key: rendered(text, values) for key, text in template["data"].items()}
            values = {**values, **made} if template.get("mergePolicy") == "Merge" else made
        name, policy = target.get("name") or meta["name"], target.get("creationPolicy", "Owner")
        if policy == "None":
            return
        labels = {"reconcile.external-secrets.io/managed": "true"}
        owner = owner_reference(external) | {"controller": True}
        digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
        described = template.get("metadata") or {}
        secret: Object = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": template.get("type") or "Opaque",
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "labels": {**labels, **(described.get("labels") or {})},
                "annotations": {DATA_HASH: digest, **(described.get("annotations") or {})},
                **({"ownerReferences": [owner]} if policy == "Owner" else {}),
            },
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
        }
        self._kube.apply(f"/api/v1/namespaces/{meta['namespace']}/secrets/{name}", secret, FIELD_MANAGER)

    def _report(self, external: Object, status: str, reason: str, message: str) -> None:
        before, moment = condition(external, "Ready"), now()
        if before.get("reason") == reason and before.get("message") == message and status == "False":
            return
        since = before.get("lastTransitionTime", moment) if before.get("status") == status else moment
        target = (external["spec"].get("target") or {}).get("name") or external["metadata"]["name"]
        ready = {"type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": since}
        generation = external["metadata"]["generation"]
        synced = {"refreshTime": moment, "binding": {"name": target}, "syncedResourceVersion": f"{generation}-sandbox"}
        body = {"conditions": [ready], **(synced if status == "True" else {})}
        self._kube.patch_status(object_path("externalsecrets", external), body, FIELD_MANAGER)
