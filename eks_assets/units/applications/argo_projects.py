"""Argo CD's projects (specification, "Deploy prerequisite services")."""

from eks_assets.graph.unit import unit
from eks_assets.units.applications.application_config import ApplicationConfigOutputs, git_tree
from eks_assets.units.applications.argo_cd import argo_cd
from eks_assets.units.infrastructure.certificate import CertificateOutputs
from resources.config.environment import Environment
from resources.model.specs import GitManifests


@unit(wave="applications", minutes=0.1, after=[argo_cd], when=lambda env: env.git is not None)
def argo_projects(env: Environment, config: ApplicationConfigOutputs, certificate: CertificateOutputs) -> GitManifests:
    """The AppProjects of the application repository."""
    tree = git_tree(env, certificate)
    return GitManifests(tree=tree, group="projects", commit=config.commit, paths=("projects/*.yaml",))
