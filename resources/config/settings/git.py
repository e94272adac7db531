"""What an environment says about its application repository."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from resources.config.field_types import Model

# Every environment has these; `git.variables` adds others.
BUILT_IN_VARIABLES = ("RESOURCE_PREFIX", "APP_DOMAIN", "CERTIFICATE_ARN")
# Folders of the specification's layout of the application repository that are no product.
NO_PRODUCTS = frozenset({"istio"})

BranchName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*)*$",
        max_length=200,
        description="a branch, such as main or develop/acme-dev",
    ),
]
# One description for both, as a message about a key shows the one of its value.
_VARIABLE = "NAME: text, the name of A-Z, 0-9 and _, the text in one line"
VariableName = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$", description=_VARIABLE)]
VariableValue = Annotated[str, Field(pattern=r"^[^\n]*$", description=_VARIABLE)]


SecretName = Annotated[str, Field(pattern=r"^[A-Za-z0-9/_+=.@:-]+$", description="the name or ARN of a secret")]


class GitCredentials(Model):
    """`secret`: name or ARN of the Secrets Manager secret that holds the credentials, never the credentials themselves.
    `read_only_secret`: of another one, whose credentials may read only: the planner gets these; without it the planner
    reads anonymously.

    The secret is JSON with `username` and `password` (or `token`), or with `sshPrivateKey` and `knownHosts`: the keys
    that Argo CD's own repository Secrets have, so that one secret serves both. A token or a private key alone, as
    text, will do too."""

    secret: SecretName
    read_only_secret: SecretName | None = Field(default=None, exclude_if=lambda secret: secret is None)

    @model_validator(mode="after")
    def _two_secrets(self) -> Self:
        if self.read_only_secret == self.secret:
            raise ValueError("read_only_secret is the secret that may write; name another one, or none")
        return self


class GitAuthor(Model):
    """Who the pipeline's commits are by."""

    name: str = Field(default="eks-assets", pattern=r"^[^<>\n]+$", description="a name without < and >")
    email: str = Field(default="eks-assets@localhost", pattern=r"^[^<>\s]+@[^<>\s]+$", description="an e-mail address")


class Git(Model):
    """The repository with the applications (by default named `argocd-app-config`) and the branch that this environment
    has in it. `branch`: default `develop/<prefix>`; `base`: the branch with the templates, default the repository's
    own default branch. `variables`: what `applicationset.yaml` files may use beside RESOURCE_PREFIX, APP_DOMAIN and
    CERTIFICATE_ARN; they end up in the repository, so no secrets. `${SANDBOX_GIT}` and `${SANDBOX_REGISTRY}` are the
    running sandbox's addresses. `follow`: what Argo CD is told, the `branch` (every push to it reaches the cluster) or
    the `commit` that was deployed; default `commit` where there is an `approval`, which it demands, else `branch`."""

    repository: str = Field(
        pattern=r"^(https?://|ssh://|\$\{SANDBOX_GIT\}|[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:)\S*$",
        description="https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH",
    )
    branch: BranchName | None = None
    base: BranchName | None = None
    credentials: GitCredentials | None = None
    author: GitAuthor = GitAuthor()
    variables: dict[VariableName, VariableValue] = Field(default={}, description="by variable name")
    # Left out of the digest where the file does not say: such an environment has nothing new to deploy.
    follow: Literal["branch", "commit"] | None = Field(default=None, exclude_if=lambda follow: follow is None)
