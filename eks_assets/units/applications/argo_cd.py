"""Argo CD."""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.pod_addons import pod_addons
from eks_assets.units.configuration.namespaces import namespaces
from resources.config.environment import Environment
from resources.model.products import APPLICATIONS
from resources.model.specs import HelmRelease


@unit(
    wave="applications",
    minutes=2,
    after=[namespaces, pod_addons],
    when=lambda env: env.git is not None,
    products=APPLICATIONS,
)
def argo_cd(env: Environment) -> HelmRelease:
    """Keeps the applications as the application repository says."""
    return HelmRelease(
        name="argocd",
        namespace="argocd",
        repository="https://argoproj.github.io/argo-helm",
        chart="argo-cd",
        version="10.1.1",
        values={
            "global": {"domain": f"argocd.{env.app_domain}"},
            # Keeps each resource's health in the Application, so that a check can name the one that is not.
            "configs": {"params": {"controller.resource.health.persist": True}},
            # Services with metrics, which Prometheus scrapes.
            "controller": {"metrics": {"enabled": True}},
            "server": {"metrics": {"enabled": True}},
        },
    )
