"""Namespaces of the products (specification, "Namespace Creation with Security Policies")."""

from eks_assets.graph.unit import unit
from resources.config.environment import Environment
from resources.model.specs import Manifests

LABELS = {"istio-injection": "enabled", "pod-security.kubernetes.io/audit": "baseline"}


@unit(wave="configuration", minutes=0.1)
def namespaces(env: Environment) -> Manifests:
    """The environment's namespaces, with sidecar injection and the baseline pod security audit."""
    return Manifests(
        objects=tuple(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(LABELS)}}
            for name in env.namespaces
        )
    )
