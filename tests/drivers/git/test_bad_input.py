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
    def test_template_fault_is_named_with_file_and_line(
        self, deploy: Deployer, repository: Repository, line: str, words: str
    ) -> None:
        """Unknown and empty variables, bad YAML and unknown fields are named, and nothing is pushed."""
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

    def test_template_without_required_field_or_kind_is_refused(self, deploy: Deployer, repository: Repository) -> None:
        """A missing required field and an unknown kind are named."""
        repository.replace("main", SHOP, "      project: products\n", "", "No project")
        repository.replace("main", "projects/products.yaml", "kind: AppProject", "kind: Project", "Typo")
        with pytest.raises(ConfigError) as caught:
            deploy()
        assert f"{SHOP}: storefront: spec.template.spec lacks the required field project" in caught.value.message
        assert "projects/products.yaml: is Project of argoproj.io/v1alpha1" in caught.value.message

    def test_unknown_product_is_refused_with_suggestion(self, deploy: Deployer) -> None:
        """A product that the branch lacks is answered with those that it has."""
        with pytest.raises(ConfigError, match=r"storefrnt has no .*allowed: payments, storefront \(did you mean"):
            deploy(products=("storefrnt",))

    def test_pending_variable_is_planned_but_not_applied(self, deploy: Deployer) -> None:
        """A plan shows the placeholder; applying it is refused."""
        pending: Any = {"CERTIFICATE_ARN": Pending("certificate", "certificate_arn")}
        change = deploy.plan(variables=pending)
        istio = next(f for f in change.fields if f.path == "istio/istio-app/applicationset.yaml")
        assert "⟦certificate.certificate_arn⟧" in istio.after
        with pytest.raises(NotFound, match=r"certificate\.certificate_arn is not known yet"):
            GitTreeDriver().apply(deploy.spec(variables=pending), deploy.context())

    def test_push_to_protected_branch_fails_with_hosts_message(self, deploy: Deployer, repository: Repository) -> None:
        """What the git host answers is in the error, and nothing is pushed."""
        repository.hook("pre-receive", "echo 'GH006: Protected branch update failed' >&2; exit 1")
        with pytest.raises(OperationFailed, match=r"(?s)does not take a push to .*GH006: Protected branch"):
            deploy()
        assert not repository.git("branch", "--list", BRANCH)

    def test_sandbox_protects_main(self, deploy: Deployer, repository: Repository) -> None:
        """The sandbox's git host refuses a push to main."""
        repository.git("branch", "templates", "main")
        with pytest.raises(OperationFailed, match="main is protected"):
            deploy(branch="main", base="templates")

    def test_branch_with_templates_is_refused_as_target(self, deploy: Deployer) -> None:
        """The branch that holds the templates is never written."""
        with pytest.raises(ConfigError, match=r"git\.branch is main, which holds the templates"):
            deploy(branch="main")

    def test_branch_that_moves_at_each_push_fails_after_five(self, deploy: Deployer, repository: Repository) -> None:
        """After five pushes that were overtaken the driver gives up, with nothing pushed."""
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

    def test_unreachable_host_is_transient(self, deploy: Deployer) -> None:
        """A host that cannot be reached is a transient error, which Dagster retries."""
        with pytest.raises(Transient, match="Failed to connect"):
            deploy(repository="http://127.0.0.1:9/argocd-app-config.git")

    def test_missing_repository_is_not_found(self, deploy: Deployer, repository: Repository) -> None:
        """A missing repository is its own error."""
        with pytest.raises(NotFound, match="not found"):
            deploy(repository=repository.address.replace("argocd", "argo"))

    def test_wrong_credentials_are_access_denied(self, deploy: Deployer, tmp_path: Path) -> None:
        """Refused credentials are access denied."""
        other = tmp_path / "other.json"
        other.write_text('{"username": "eks-assets", "password": "another"}')
        with serving(tmp_path / "other", other) as refusing, pytest.raises(AccessDenied, match="Authentication failed"):
            deploy(repository=refusing.address)

    def test_missing_credentials_are_access_denied(self, deploy: Deployer) -> None:
        """A repository that asks for credentials is access denied without them."""
        with pytest.raises(AccessDenied, match="Authentication failed"):
            deploy(credentials=None)

    def test_unreadable_secret_is_access_denied(self, deploy: Deployer) -> None:
        """A secret that may not be read is named."""
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

    def test_token_is_in_no_output_argument_or_commit(
        self, deploy: Deployer, repository: Repository, calls: Path, token: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The token is masked in errors and is neither in arguments, logs nor commits."""
        deploy()
        repository.hook("pre-receive", f"echo 'your token {token} may not do that' >&2; exit 1")
        with pytest.raises(OperationFailed) as caught:
            deploy(variables={"APP_DOMAIN": "shop.acme.example"})
        assert r"your token *** may not do that" in caught.value.message
        everything = [str(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__), *deploy.said]
        everything += [calls.read_text(), *capfd.readouterr(), repository.git("log", "--all", "--format=%B")]
        assert re.search(r"^fetch ", calls.read_text(), re.MULTILINE)
        assert token not in "\n".join(everything)

    def test_apply_leaves_no_file(self, deploy: Deployer) -> None:
        """The clone is removed."""
        context = deploy.context()
        GitTreeDriver().apply(deploy.spec(), context)
        assert not list(context.aws.folder.glob("git-*"))
