"""Argo CD's way into the application repository (source: Argo CD, "Declarative Setup > Repositories")."""

from eks_assets.graph.unit import unit
from eks_assets.units.applications.application_config import ApplicationConfigOutputs
from eks_assets.units.configuration._external_secret import external_secret
from eks_assets.units.configuration.namespaces import namespaces
from eks_assets.units.configuration.secret_store import secret_store
from resources.config.environment import Environment
from resources.model.checks import ObjectsReady
from resources.model.specs import Manifests


@unit(
    wave="applications",
    minutes=0.2,
    after=[namespaces, secret_store],
    when=lambda env: env.git is not None and env.git.credentials is not None,
    checks=[ObjectsReady()],
    needed_namespace="argocd",
)
def argocd_repository(env: Environment, config: ApplicationConfigOutputs) -> Manifests:
    """Repository credentials as a Secret that External Secrets creates, never the pipeline."""
    if env.git is None or env.git.credentials is None:
        raise TypeError("an environment without `git.credentials` has no repository secret")
    template = {
        "mergePolicy": "Merge",
        "metadata": {"labels": {"argocd.argoproj.io/secret-type": "repository"}},
        "data": {"type": "git", "url": config.repository},
    }
    secret = external_secret("application-repository", "argocd", env.git.credentials.secret, template=template)
    return Manifests(objects=(secret,))
