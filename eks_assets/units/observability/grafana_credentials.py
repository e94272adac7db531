"""Grafana's admin credentials in the cluster."""

from eks_assets.graph.unit import unit
from eks_assets.units.configuration._external_secret import external_secret
from eks_assets.units.configuration.namespaces import namespaces
from eks_assets.units.configuration.secret_store import secret_store
from eks_assets.units.infrastructure.secrets import secrets
from resources.config.environment import Environment
from resources.model.checks import ObjectsReady
from resources.model.specs import Manifests

NAMESPACE, SECRET = "observability", "grafana-admin"


@unit(
    wave="observability",
    minutes=0.2,
    after=[namespaces, secret_store, secrets],
    checks=[ObjectsReady()],
    needed_namespace=NAMESPACE,
)
def grafana_credentials(env: Environment) -> Manifests:
    """An ExternalSecret with the admin credentials that Secrets Manager generated; the pipeline never reads them."""
    return Manifests(objects=(external_secret(SECRET, NAMESPACE, env.parameter_path("grafana/admin-credentials")),))
