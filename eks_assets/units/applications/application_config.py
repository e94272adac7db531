"""The environment's branch of the application repository (specification, "GitOps Repository Setup")."""

from eks_assets.graph.unit import unit
from eks_assets.units.infrastructure.certificate import CertificateOutputs
from resources.config.environment import Environment
from resources.model.outputs import Outputs
from resources.model.specs import GitTree


class ApplicationConfigOutputs(Outputs):
    """The commit at the head of the environment's branch, and the repository that holds it."""

    commit: str
    repository: str


@unit(wave="applications", minutes=0.2, when=lambda env: env.git is not None)
def application_config(env: Environment, certificate: CertificateOutputs) -> GitTree[ApplicationConfigOutputs]:
    """Fills the environment's variables in and pushes the branch; a person's commits on it stay."""
    return git_tree(env, certificate)


def git_tree(env: Environment, certificate: CertificateOutputs) -> GitTree[ApplicationConfigOutputs]:
    """The branch as a spec; the units that apply its files read it too."""
    git = env.git
    if git is None:
        raise TypeError("an environment without `git` has no application repository")
    return GitTree[ApplicationConfigOutputs](
        repository=git.repository,
        branch=env.git_branch,
        base=git.base,
        credentials=git.credentials.secret if git.credentials else None,
        read_only_credentials=git.credentials.read_only_secret if git.credentials else None,
        variables={
            "RESOURCE_PREFIX": env.resource_prefix,
            "APP_DOMAIN": env.app_domain,
            "CERTIFICATE_ARN": certificate.certificate_arn,
            **git.variables,
        },
        products=env.products_purchased,
        author=f"{git.author.name} <{git.author.email}>",
        pinned=env.pins_commit,
    )
