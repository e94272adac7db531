"""Where ExternalSecrets read from (source: External Secrets, "AWS Secrets Manager")."""

from eks_assets.graph.unit import unit
from eks_assets.units.configuration.external_secrets import external_secrets
from resources.config.environment import Environment
from resources.model.checks import ObjectsReady
from resources.model.specs import Manifests

STORE = "aws-secrets-manager"


@unit(wave="configuration", minutes=0.2, after=[external_secrets], checks=[ObjectsReady()])
def secret_store(env: Environment) -> Manifests:
    """A ClusterSecretStore on AWS Secrets Manager, with the operator's own role, for our namespaces alone."""
    return Manifests(
        objects=(
            {
                "apiVersion": "external-secrets.io/v1",
                "kind": "ClusterSecretStore",
                "metadata": {"name": STORE},
                "spec": {
                    "provider": {"aws": {"service": "SecretsManager", "region": env.region}},
                    "conditions": [{"namespaces": list_reading_namespaces(env)}],
                },
            },
        )
    )


def list_reading_namespaces(env: Environment) -> list[str]:
    """The namespaces of the platform's own ExternalSecrets. The operator's role reads every secret of the environment,
    git's and Keycloak's among them; whoever may make an ExternalSecret elsewhere would read them through the store."""
    namespaces = {"observability"}
    if env.git is not None and env.git.credentials is not None:
        namespaces.add("argocd")
    if "keycloak" in env.namespaces:
        namespaces.add("keycloak")
    return sorted(namespaces)
