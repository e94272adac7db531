"""No secret that goes into a deploy comes out again."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from sandbox.git.server import REPOSITORY
from sandbox.paths import StateDirectory
from tests.conftest import Cli
from tests.e2e.conftest import Change
from tests.helpers import secret_scanner
from tests.helpers.secret_scanner import Place, SecretScanner

pytestmark = pytest.mark.sandbox
GIT_SECRET = "/demo/sandbox/git/credentials"
INLINE = "password in values"  # stays in old revisions of Helm's storage


def storage(sandbox: StateDirectory, admin: Aws) -> Iterator[Place]:
    """Everything that the pipeline writes outside of the cluster."""
    yield from secret_scanner.folder(Path(os.environ["DAGSTER_HOME"]))
    yield from secret_scanner.ledger(admin)
    yield from secret_scanner.stacks(admin)
    yield from secret_scanner.parameters(admin)
    yield from secret_scanner.repository(sandbox.git / REPOSITORY)


class Planted:
    """Secrets in every input that takes one. `variables`: what the command line is started with."""

    variables: ClassVar = {
        "AWS_SECRET_ACCESS_KEY": "planted-aws-secret-key-81c0",
        "AWS_SESSION_TOKEN": "planted-aws-token-3e5b",
    }
    wrong_token = "planted-wrong-git-token-9a27"
    grafana = "planted-grafana-password-c4d6"
    inline = "planted-inline-password-60e9"
    refused = "planted refused token, 7f12"  # neither a label nor anything else that the API server takes

    def __init__(self, sandbox: StateDirectory, admin: Aws) -> None:
        client = admin.client("secretsmanager")

        def generated(name: str) -> str:
            return str(json.loads(client.get_secret_value(SecretId=name)["SecretString"])["password"])

        self.values = {
            "git token": json.loads((sandbox.git / "credentials.json").read_text())["password"],
            "wrong git token": self.wrong_token,
            "Keycloak's password": generated("/demo/sandbox/keycloak/admin-credentials"),
            "Grafana's password": generated("/demo/sandbox/grafana/admin-credentials"),
            "Grafana's own password": self.grafana,
            INLINE: self.inline,
            "refused by the cluster": self.refused,
            **self.variables,
        }


@pytest.fixture
def planted(platform: Environment, sandbox: StateDirectory, admin: Aws) -> Planted:
    return Planted(sandbox, admin)


@pytest.fixture
def own_grafana_secret(planted: Planted, context: Context) -> Iterator[str]:
    """A Secret that someone made by hand, for Grafana's chart to refer to."""
    secrets, name = context.cluster.kind("v1", "Secret"), "own-grafana"
    data = {"username": "admin", "password": planted.grafana}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
    secrets.create(body=body, namespace="observability")
    yield name
    secrets.delete(name=name, namespace="observability")


@pytest.fixture
def wrong_git_token(planted: Planted, admin: Aws) -> Iterator[None]:
    """The git host does not know the token in Secrets Manager any more."""
    client = admin.client("secretsmanager")
    right = client.get_secret_value(SecretId=GIT_SECRET)["SecretString"]
    wrong = json.dumps({"username": "eks-assets", "password": planted.wrong_token})
    client.put_secret_value(SecretId=GIT_SECRET, SecretString=wrong)
    yield
    client.put_secret_value(SecretId=GIT_SECRET, SecretString=right)


@pytest.fixture
def run(eks_assets: Cli, planted: Planted) -> Iterator[Cli]:
    """The command line with planted keys in its environment; afterwards nothing that it said holds a secret."""
    done: list[subprocess.CompletedProcess[str]] = []

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        done.append(eks_assets(*arguments, **planted.variables))
        return done[-1]

    yield call
    assert done
    spoken = (place for finished in done for place in secret_scanner.said(finished))
    assert SecretScanner(planted.values).find(spoken) == []


def nowhere(planted: Planted, sandbox: StateDirectory, admin: Aws, context: Context) -> None:
    """No planted value stands anywhere, and no token of the cluster."""
    scanner = SecretScanner(planted.values)
    assert scanner.find(storage(sandbox, admin)) == []
    kept = [finding for finding in scanner.find(secret_scanner.helm_storage(context)) if finding.secret != INLINE]
    assert kept == []
    tokens = [place for place, content in storage(sandbox, admin) if b"k8s-aws-v1." in content]
    assert tokens == []


def test_deploy_with_secret_references_leaks_nothing(
    run: Cli,
    planted: Planted,
    own_grafana_secret: str,
    change: Change,
    sandbox: StateDirectory,
    admin: Aws,
    context: Context,
) -> None:
    """A deploy whose values refer to secrets leaves none in output, logs, ledger, stacks, git or Helm."""
    change(addons={"prometheus": {"values": {"grafana": {"admin": {"existingSecret": own_grafana_secret}}}}})
    assert run("validate", "sandbox").returncode == 0
    assert own_grafana_secret in run("plan", "sandbox").stdout
    assert run("plan", "sandbox", "--json").returncode == 0
    deployed = run("deploy", "sandbox", "--only", "prometheus", "--log-format", "json")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert run("status", "sandbox").returncode == 0
    assert run("status", "sandbox", "--json").returncode == 0
    change()
    assert run("deploy", "sandbox", "--only", "prometheus").returncode == 0
    nowhere(planted, sandbox, admin, context)


def test_failure_caused_by_secret_leaks_nothing(
    run: Cli, planted: Planted, wrong_git_token: None, sandbox: StateDirectory, admin: Aws, context: Context
) -> None:
    """A deploy that fails on a wrong token does not show the token."""
    refused = run("deploy", "sandbox", "--only", "application_config", "--log-format", "json")
    assert refused.returncode == 1
    assert "Authentication failed" in refused.stdout
    assert run("plan", "sandbox").returncode == 0, "the planner has credentials of its own, which only read"
    assert run("status", "sandbox", "--json").returncode == 1
    nowhere(planted, sandbox, admin, context)


def test_inline_secret_is_masked_and_only_in_helm_storage(
    run: Cli, planted: Planted, change: Change, sandbox: StateDirectory, admin: Aws, context: Context
) -> None:
    """A secret in values, which should be a reference, is masked everywhere; Helm's own Secret alone has it."""
    change(addons={"prometheus": {"values": {"grafana": {"adminPassword": planted.inline}}}})
    assert "grafana.adminPassword" in run("plan", "sandbox").stdout
    assert run("plan", "sandbox", "--json").returncode == 0
    deployed = run("deploy", "sandbox", "--only", "prometheus", "--log-format", "json")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    change()
    assert run("deploy", "sandbox", "--only", "prometheus").returncode == 0
    scanner = SecretScanner(planted.values)
    assert scanner.find(storage(sandbox, admin)) == []
    findings = scanner.find(secret_scanner.helm_storage(context))
    assert {finding.secret for finding in findings} == {INLINE}
    assert all(finding.place.startswith("helm values of observability/prometheus ") for finding in findings)


def test_secret_that_the_cluster_refuses_leaks_nothing(
    run: Cli, planted: Planted, change: Change, sandbox: StateDirectory, admin: Aws, context: Context
) -> None:
    """The API server refuses a value and quotes it; what the pipeline says and keeps of that has a mask."""
    change(addons={"external_dns": {"values": {"podLabels": {"session-token": planted.refused}}}})
    assert run("plan", "sandbox").returncode in (0, 1)
    refused = run("deploy", "sandbox", "--only", "external_dns", "--log-format", "json")
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "(sensitive)" in refused.stdout
    change()
    assert run("deploy", "sandbox", "--only", "external_dns").returncode == 0
    nowhere(planted, sandbox, admin, context)
