"""The purchased products, through Argo CD (specification, "Deploy product-specific applications")."""

from eks_assets.graph.unit import unit
from eks_assets.units.applications.application_config import ApplicationConfigOutputs, git_tree
from eks_assets.units.applications.argo_projects import argo_projects
from eks_assets.units.applications.argocd_repository import argocd_repository
from eks_assets.units.infrastructure.certificate import CertificateOutputs
from resources.config.environment import Environment
from resources.model.checks import ApplicationsHealthy
from resources.model.specs import GitManifests


@unit(
    wave="applications",
    minutes=3,
    after=[argo_projects, argocd_repository],
    when=lambda env: env.git is not None,
    checks=[ApplicationsHealthy()],
)
def product_applications(
    env: Environment, config: ApplicationConfigOutputs, certificate: CertificateOutputs
) -> GitManifests:
    """One ApplicationSet a purchased product, healthy at the pushed commit. It shows those no longer purchased."""
    return GitManifests(
        tree=git_tree(env, certificate),
        group="products",
        prune=env.prune_products,
        commit=config.commit,
        paths=tuple(f"{product}/{product}-app/applicationset.yaml" for product in env.products_purchased),
    )
