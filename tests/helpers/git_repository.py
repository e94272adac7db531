"""An application repository of one test's own, behind the sandbox's git server, and people who commit to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.git.branch import GitTreeDriver
from resources.model.change import Change
from resources.model.outputs import Outputs
from resources.model.specs import GitTree
from sandbox.git.server import GitServer

BRANCH = "develop/demo-sandbox"
SECRET = "/demo/sandbox/git/credentials"
SHOP = "storefront/storefront-app/applicationset.yaml"
ARN = "arn:aws:acm:us-west-2:000000000000:certificate/1"
PERSON = ("-c", "user.name=Pat", "-c", "user.email=pat@acme.example")


class Repository:
    """The bare repository that a test's server serves. `token`: of the one user who may reach it."""

    def __init__(self, server: GitServer) -> None:
        self.address = server.address
        self._bare = server.folder / "argocd-app-config.git"

    def git(self, *arguments: str) -> str:
        """The output of git in the bare repository; raises CalledProcessError."""
        plain = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        command = ["git", *PERSON, *arguments]
        done = subprocess.run(command, cwd=self._bare, env=plain, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def read(self, branch: str, path: str) -> str:
        """A file on a branch."""
        return self.git("show", f"{branch}:{path}") + "\n"

    def subjects(self, branch: str) -> list[str]:
        """The subjects of the branch's commits, newest first."""
        return self.git("log", "--format=%s", branch).splitlines()

    def head(self, branch: str) -> str:
        return self.git("rev-parse", branch)

    def commit(self, branch: str, files: Mapping[str, str | None], subject: str) -> str:
        """What a person commits to a branch by hand (None removes a file); no hook stands in the way."""
        work = self._bare.parent / "work"
        self.git("worktree", "add", "--quiet", "--force", str(work), branch)
        for path, text in files.items():
            if text is None:
                (work / path).unlink()
            else:
                (work / path).parent.mkdir(parents=True, exist_ok=True)
                (work / path).write_text(text)
        self.git("-C", str(work), "add", "--all")
        self.git("-C", str(work), "commit", "--quiet", "--message", subject)
        self.git("worktree", "remove", "--force", str(work))
        return self.head(branch)

    def replace(self, branch: str, path: str, old: str, new: str, subject: str) -> str:
        """A person replaces the one occurrence of a text."""
        text = self.read(branch, path)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        return self.commit(branch, {path: text.replace(old, new)}, subject)

    def hook(self, name: str, script: str) -> None:
        """Another hook than the sandbox's own."""
        folder = self._bare.parent / "hooks"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{script}")
        (folder / name).chmod(0o755)
        self.git("config", "core.hooksPath", str(folder))


@contextmanager
def serving(folder: Path, credentials: Path) -> Iterator[Repository]:
    """The example repository, served from the folder for the user of that credentials file."""
    folder.mkdir()
    shutil.copy(credentials, folder / "credentials.json")
    server = GitServer(folder, 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Repository(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Head(Outputs):
    commit: str
    branch: str
    repository: str


class Deployer:
    """Runs the driver as the loop does, each time in a context of its own."""

    def __init__(self, env: Environment, repository: Repository) -> None:
        self._env, self._repository = env, repository
        self.said: list[str] = []

    def context(self) -> Context:
        return Context.of(self._env, self.said.append)

    def spec(self, **changes: Any) -> GitTree[Head]:
        variables = {"RESOURCE_PREFIX": "demo-sandbox", "APP_DOMAIN": "demo-sandbox.sandbox.test"}
        variables |= {"CERTIFICATE_ARN": ARN, "GIT_REPOSITORY": self._repository.address}
        fields: dict[str, Any] = {"repository": self._repository.address, "branch": BRANCH, "credentials": SECRET}
        fields |= {"variables": variables | changes.pop("variables", {}), "products": ("storefront", "payments")}
        return GitTree[Head](**{**fields, **changes})

    def plan(self, **changes: Any) -> Change:
        spec, driver = self.spec(**changes), GitTreeDriver()
        return driver.plan(spec, driver.observe(spec, self.context()))

    def __call__(self, **changes: Any) -> Change:
        """What was planned, and is now carried out."""
        change = self.plan(**changes)
        if change.is_needed:
            GitTreeDriver().apply(self.spec(**changes), self.context())
        return change
