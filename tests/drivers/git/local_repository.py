"""The example repository on this machine, worked by real git: no server, no sandbox, of AWS the ledger alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from resources.aws.session import Aws, Source
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.git.renderings import TEMPLATE_TRAILER, VARIABLES_TRAILER
from resources.model.specs import GitTree
from sandbox.git.server import GitServer, prepare
from tests.helpers.git_repository import BRANCH, Head, Repository

AUTHOR = "eks-assets <eks-assets@localhost>"


class LocalRepository(Repository):
    """A bare repository in a folder, and the spec of an environment's branch of it."""

    def __init__(self, folder: Path, env: Environment, ledger: Source) -> None:
        folder.mkdir()
        prepare(folder)
        bare = folder / "argocd-app-config.git"
        super().__init__(cast(GitServer, SimpleNamespace(address=f"file://{bare}", folder=folder)))
        self._env, self._folder, self._ledger = env, folder, ledger

    def context(self, env: Environment | None = None) -> Context:
        """A fresh one, whose AWS has the ledger of the repository's environment."""
        return Context(env or self._env, Aws(self._env, self._ledger, as_deployer=False))

    def spec(self, **changes: Any) -> GitTree[Head]:
        variables = {"RESOURCE_PREFIX": "demo-sandbox", "APP_DOMAIN": "acme.example", "CERTIFICATE_ARN": "arn:1"}
        variables |= {"GIT_REPOSITORY": self.address}
        fields: dict[str, Any] = {"repository": self.address, "branch": BRANCH, "products": ("storefront",)}
        return GitTree[Head](**{**fields, "variables": variables, **changes})

    def forge(self, template: str, *, variables: str = "{}", author: str = AUTHOR) -> str:
        """A commit that somebody pushes to the branch, with the trailers and the author of one of the pipeline's."""
        name, _, email = author.rstrip(">").partition(" <")
        trailers = f"Eks-Assets-Environment: {self._env.name}\n{TEMPLATE_TRAILER}: {template}\n"
        by = ("-c", f"user.name={name}", "-c", f"user.email={email}")
        parent = self.git("rev-parse", "--verify", f"{BRANCH}^{{commit}}")
        message = self._folder / "message"
        message.write_text(f"Render\n\n{trailers}{VARIABLES_TRAILER}: {variables}\n")
        commit = self.git(*by, "commit-tree", "-p", parent, "-F", str(message), f"{BRANCH}^{{tree}}")
        self.git("update-ref", f"refs/heads/{BRANCH}", commit)
        return commit
