"""Where ExternalSecrets read from (source: External Secrets, "AWS Secrets Manager")."""

from eks_assets.graph.unit import unit
from eks_assets.units.configuration.external_secrets import external_secrets
from resources.config.environment import Environment
from resources.model.checks import ObjectsReady
from resources.model.specs import Manifests

STORE = "aws-secrets-manager"


@unit(wave="configuration", minutes=0.2, after=[external_secrets], checks=[ObjectsReady()])
def secret_store(env: Environment) -> Manifests:
    """A ClusterSecretStore on AWS Secrets Manager, with the operator's own role."""
    return Manifests(
        objects=(
            {
                "apiVersion": "external-secrets.io/v1",
                "kind": "ClusterSecretStore",
                "metadata": {"name": STORE},
                "spec": {"provider": {"aws": {"service": "SecretsManager", "region": env.region}}},
            },
        )
    )
