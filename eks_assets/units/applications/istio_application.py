"""Istio, through Argo CD (specification, "Deploy Istio application set")."""

from eks_assets.graph.unit import unit
from eks_assets.units.applications.application_config import ApplicationConfigOutputs, git_tree
from eks_assets.units.applications.argo_projects import argo_projects
from eks_assets.units.applications.argocd_repository import argocd_repository
from eks_assets.units.configuration.aws_load_balancer_controller import aws_load_balancer_controller
from eks_assets.units.infrastructure.certificate import CertificateOutputs
from resources.config.environment import Environment
from resources.model.checks import ApplicationsHealthy, PodsReady
from resources.model.specs import GitManifests

GATEWAY_READY = PodsReady(
    name="gateway_ready", says="Istio's gateway is ready.", namespace="istio-system", label="app=istio-gateway"
)


@unit(
    wave="applications",
    minutes=3,
    after=[argo_projects, argocd_repository, aws_load_balancer_controller],
    when=lambda env: env.git is not None,
    checks=[
        ApplicationsHealthy(),
        GATEWAY_READY,
    ],
)
def istio_application(
    env: Environment, config: ApplicationConfigOutputs, certificate: CertificateOutputs
) -> GitManifests:
    """Istio's ApplicationSet, healthy at the pushed commit."""
    return GitManifests(
        tree=git_tree(env, certificate),
        group="istio",
        commit=config.commit,
        paths=("istio/istio-app/applicationset.yaml",),
    )
