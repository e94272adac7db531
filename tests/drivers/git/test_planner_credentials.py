"""The planner reads the repository with credentials that may only read, or with none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eks_assets.engine.planner import plan_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit, unit
from resources.aws.dagster_clients import secrets_client
from resources.aws.session import Aws, Source
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.git import merge
from resources.drivers.git.branch import GitTreeDriver
from resources.model.errors import AccessDenied, NotShown
from resources.model.specs import GitTree
from sandbox.git.server import GitServer, credentials, read_only_credentials
from tests.helpers import embedded_aws_server
from tests.helpers.git_repository import BRANCH, Head

WRITER, READER = "git/writer", "git/reader"


@pytest.fixture
def address(tmp_path: Path, deployer: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A repository over HTTP, whose users' tokens are in Secrets Manager."""
    monkeypatch.setattr(merge, "_definitions", lambda context: {})
    server = GitServer(tmp_path / "host", 0)
    secrets = secrets_client(deployer.aws)
    for name, login in ((WRITER, credentials(server.folder)), (READER, read_only_credentials(server.folder))):
        secrets.create_secret(Name=name, SecretString=json.dumps(login))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.address
    server.shutdown()
    server.server_close()
    thread.join()
    for name in (WRITER, READER):
        secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def planner(prod_env: Environment, ledger: Source) -> Context:
    return Context(prod_env, Aws(prod_env, ledger, as_deployer=False, planning=True))


@pytest.fixture
def deployer(prod_env: Environment, ledger: Source) -> Context:
    return Context(prod_env, Aws(prod_env, ledger, as_deployer=False))


def spec_of(address: str, **changes: Any) -> GitTree[Head]:
    variables = {"RESOURCE_PREFIX": "demo-sandbox", "APP_DOMAIN": "acme.example", "CERTIFICATE_ARN": "arn:1"}
    fields: dict[str, Any] = {"repository": address, "branch": BRANCH, "products": ("storefront",)}
    fields |= {"credentials": WRITER, "read_only_credentials": READER}
    return GitTree[Head](**{**fields, "variables": variables | {"GIT_REPOSITORY": address}, **changes})


def test_planner_reads_what_the_deployer_pushed_and_pushes_nothing(
    address: str, planner: Context, deployer: Context
) -> None:
    """The planner read the credentials that push: one commit of a chart, and the cluster had another image."""
    driver, spec = GitTreeDriver(), spec_of(address)
    driver.apply(spec, deployer)
    assert driver.plan(spec, driver.observe(spec, planner)).action == "none"
    changed = spec_of(address, variables={**spec.variables, "APP_DOMAIN": "shop.example"})
    with pytest.raises(AccessDenied, match="The requested URL returned error: 403"):
        driver.apply(changed, Context(planner.env, planner.aws))


def plan_of(spec: GitTree[Head], context: Context) -> Any:
    def branch(env: Environment) -> GitTree[Head]:
        """The branch."""
        return spec

    made: AnyUnit = unit(wave="applications")(branch)
    return plan_unit(Registry.of([made]), made, context, {}, with_checks=False)


def test_planner_without_credentials_says_what_it_cannot_show(address: str, planner: Context) -> None:
    """It does not fail, and it does not say that there is nothing to do."""
    planned = plan_of(spec_of(address, read_only_credentials=None), planner)
    assert planned.error is None
    assert (planned.change.action, [field.path for field in planned.change.fields]) == ("update", [""])
    words = "cannot be shown here: the planner reads the repository anonymously, which it refuses"
    assert words in planned.change.reason


def test_planner_who_is_refused_the_secret_says_so_too(
    address: str, planner: Context, embedded_aws: embedded_aws_server.Aws
) -> None:
    """As the role of an environment that was bootstrapped before there was such a secret."""
    iam = embedded_aws.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    keys = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    aws = Aws(planner.env, replace(planner.aws.source, **keys), as_deployer=False, planning=True)
    with pytest.raises(NotShown, match=r"reading the git credentials in the secret git/reader"):
        GitTreeDriver().observe(spec_of(address), Context(planner.env, aws))
    assert "cannot be shown here" in plan_of(spec_of(address), Context(planner.env, aws)).change.reason
