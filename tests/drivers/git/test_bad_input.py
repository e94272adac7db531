"""The GitTree driver on bad input, and where the token could show up: real git, over HTTP."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from resources.drivers.git.branch import GitTreeDriver
from resources.model.errors import AccessDenied, ConfigError, NotFound, OperationFailed, Transient
from resources.model.outputs import Pending
from sandbox.paths import StateDirectory
from tests.helpers.git_repository import BRANCH, SHOP, Deployer, Repository, serving

pytestmark = pytest.mark.sandbox


class TestBadInput:
    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("host: ${APP_DOMIAN}", r':25: \$\{APP_DOMIAN\} is not a variable .*did you mean "APP_DOMAIN"'),
            ("host: ${HOME}", r":25: \$\{HOME\} is not a variable of this environment; allowed: APP_DOMAIN, "),
            ("host: ${EMPTY}", r":25: \$\{EMPTY\} has no value in this environment"),
            ("host: [", r":\d+: is not valid YAML"),
            ("host: x\n      targetRevison: main", r"storefront: spec.template.spec.source.* is not a field"),
        ],
    )
    def test_a_template_at_fault(self, deploy: Deployer, repository: Repository, line: str, words: str) -> None:
        if "targetRevison" in line:
            repository.replace("main", SHOP, "targetRevision:", "targetRevison:", "Typo")
            words = (
                r'storefront: spec.template.spec.source.targetRevison is not a field; .*did you mean "targetRevision"'
            )
        else:
            repository.replace("main", SHOP, "host: ${APP_DOMAIN}", line, "Typo")
        with pytest.raises(ConfigError, match=SHOP + r".*" + words):
            deploy(variables={"EMPTY": ""})
        assert not repository.git("branch", "--list", BRANCH)

    def test_a_required_field_and_another_kind(self, deploy: Deployer, repository: Repository) -> None:
        repository.replace("main", SHOP, "      project: products\n", "", "No project")
        repository.replace("main", "projects/products.yaml", "kind: AppProject", "kind: Project", "Typo")
        with pytest.raises(ConfigError) as caught:
            deploy()
        assert f"{SHOP}: storefront: spec.template.spec lacks the required field project" in caught.value.message
        assert "projects/products.yaml: is Project of argoproj.io/v1alpha1" in caught.value.message

    def test_an_unknown_product(self, deploy: Deployer) -> None:
        with pytest.raises(ConfigError, match=r"storefrnt has no .*allowed: payments, storefront \(did you mean"):
            deploy(products=("storefrnt",))

    def test_a_variable_that_is_not_known_yet(self, deploy: Deployer) -> None:
        pending: Any = {"CERTIFICATE_ARN": Pending("certificate", "certificate_arn")}
        change = deploy.plan(variables=pending)
        istio = next(f for f in change.fields if f.path == "istio/istio-app/applicationset.yaml")
        assert "⟦certificate.certificate_arn⟧" in istio.after
        with pytest.raises(NotFound, match=r"certificate\.certificate_arn is not known yet"):
            GitTreeDriver().apply(deploy.spec(variables=pending), deploy.context())

    def test_a_protected_branch(self, deploy: Deployer, repository: Repository) -> None:
        repository.hook("pre-receive", "echo 'GH006: Protected branch update failed' >&2; exit 1")
        with pytest.raises(OperationFailed, match=r"(?s)does not take a push to .*GH006: Protected branch"):
            deploy()
        assert not repository.git("branch", "--list", BRANCH)

    def test_the_sandbox_protects_main(self, deploy: Deployer, repository: Repository) -> None:
        repository.git("branch", "templates", "main")
        with pytest.raises(OperationFailed, match="main is protected"):
            deploy(branch="main", base="templates")

    def test_the_branch_with_the_templates(self, deploy: Deployer) -> None:
        with pytest.raises(ConfigError, match=r"git\.branch is main, which holds the templates"):
            deploy(branch="main")

    def test_a_branch_that_never_holds_still(self, deploy: Deployer, repository: Repository) -> None:
        deploy()
        repository.hook(
            "pre-receive",
            "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
            f"commit=$(git -c user.name=P -c user.email=p@x commit-tree -p {BRANCH} -m Moved {BRANCH}^{{tree}})\n"
            f"git update-ref refs/heads/{BRANCH} $commit\n",
        )
        with pytest.raises(OperationFailed, match="moved at each of 5 pushes; nothing of ours was pushed"):
            deploy(variables={"APP_DOMAIN": "shop.acme.example"})
        assert repository.subjects(BRANCH)[:6] == ["Moved"] * 5 + ["Render the applications of sandbox"]

    def test_an_unreachable_host_is_tried_again(self, deploy: Deployer) -> None:
        with pytest.raises(Transient, match="Failed to connect"):
            deploy(repository="http://127.0.0.1:9/argocd-app-config.git")

    def test_a_repository_that_does_not_exist(self, deploy: Deployer, repository: Repository) -> None:
        with pytest.raises(NotFound, match="not found"):
            deploy(repository=repository.address.replace("argocd", "argo"))

    def test_wrong_credentials(self, deploy: Deployer, tmp_path: Path) -> None:
        other = tmp_path / "other.json"
        other.write_text('{"username": "eks-assets", "password": "another"}')
        with serving(tmp_path / "other", other) as refusing, pytest.raises(AccessDenied, match="Authentication failed"):
            deploy(repository=refusing.address)

    def test_no_credentials(self, deploy: Deployer) -> None:
        with pytest.raises(AccessDenied, match="Authentication failed"):
            deploy(credentials=None)

    def test_a_secret_that_is_not_the_git_one(self, deploy: Deployer) -> None:
        with pytest.raises(AccessDenied, match="reading the git credentials in the secret /demo/sandbox/other"):
            deploy(credentials="/demo/sandbox/other")


class TestSecrecy:
    @pytest.fixture
    def token(self, sandbox: StateDirectory) -> str:
        return str(json.loads((sandbox.git / "credentials.json").read_text())["password"])

    @pytest.fixture
    def calls(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Where every argument of every git is written down."""
        folder, log = tmp_path / "bin", tmp_path / "calls"
        folder.mkdir()
        real = shutil.which("git")
        (folder / "git").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> "{log}"\nexec "{real}" "$@"\n')
        (folder / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return log

    def test_the_token_is_nowhere(
        self, deploy: Deployer, repository: Repository, calls: Path, token: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        deploy()
        repository.hook("pre-receive", f"echo 'your token {token} may not do that' >&2; exit 1")
        with pytest.raises(OperationFailed) as caught:
            deploy(variables={"APP_DOMAIN": "shop.acme.example"})
        assert r"your token *** may not do that" in caught.value.message
        everything = [str(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__), *deploy.said]
        everything += [calls.read_text(), *capfd.readouterr(), repository.git("log", "--all", "--format=%B")]
        assert re.search(r"^fetch ", calls.read_text(), re.MULTILINE)
        assert token not in "\n".join(everything)

    def test_no_file_stays(self, deploy: Deployer) -> None:
        context = deploy.context()
        GitTreeDriver().apply(deploy.spec(), context)
        assert not list(context.aws.folder.glob("git-*"))
