"""ExternalSecrets on the platform's store: values travel from Secrets Manager into the cluster past the pipeline."""

from __future__ import annotations

from typing import Any

from eks_assets.units.configuration.secret_store import STORE


def external_secret(name: str, namespace: str, key: str, **target: Any) -> dict[str, Any]:
    """The ExternalSecret `name` that makes a Secret of the same name from the whole JSON of the secret `key`.
    `target`: more of `spec.target`, such as a template."""
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": STORE},
            "target": {"name": name, **target},
            "dataFrom": [{"extract": {"key": key}}],
        },
    }
