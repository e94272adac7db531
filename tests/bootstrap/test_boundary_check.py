"""The check of permissions boundaries before the first stack, against the embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from resources.aws.session import Aws, Source
from resources.bootstrap.boundary_check import check_boundaries
from resources.config.environment import Environment, Roles
from resources.context import Context
from resources.model.errors import ConfigError
from tests.bootstrap.policy_evaluation import boundary_of
from tests.helpers.embedded_aws_server import Aws as Server
from tests.helpers.embedded_aws_server import policy, resource
from tests.helpers.published import configured

POLICY = "arn:aws:iam::000000000000:policy"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    one = Server(tmp_path_factory.mktemp("embedded-aws")).start()
    yield one
    one.stop()


def context_of(env: Environment, server: Server) -> Context:
    source = Source(env.region, f"http://127.0.0.1:{server.port}", "AKIAROOT", "root-secret")
    return Context(env, Aws(env, source, as_deployer=False))


def bounded(env: Environment, server: Server, name: str, *statements: dict[str, Any]) -> Context:
    """The environment with a boundary of its own, which consists of these statements."""
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    server.client("iam").create_policy(PolicyName=name, PolicyDocument=document)
    return context_of(env.model_copy(update={"roles": Roles(permissions_boundary=f"{POLICY}/{name}")}), server)


def test_account_without_bootstrap_is_told_to_administrator(sandbox_env: Environment, server: Server) -> None:
    """Where bootstrap has made no boundary, nothing starts, and the error names the command."""
    with pytest.raises(ConfigError) as caught:
        check_boundaries(context_of(sandbox_env, server))
    assert f"{POLICY}/demo-sandbox-boundary does not exist" in caught.value.message
    assert "administrator" in caught.value.next_step
    assert "eks-assets bootstrap sandbox --apply" in caught.value.next_step


@pytest.mark.parametrize("own", [None, f"{POLICY}/own"])
def test_older_bootstrap_is_told_to_administrator(sandbox_env: Environment, server: Server, own: str | None) -> None:
    """A stack of bootstrap that knows no boundary is an older version's, whose deployer could not simulate either."""
    target = "own" if own else "older"
    env = sandbox_env.model_copy(update={"target_env": target, "roles": Roles(permissions_boundary=own)})
    server.deploy(env.stack_name("bootstrap"), {"Topic": resource("SNS::Topic")})
    with pytest.raises(ConfigError, match="bootstrapped by an older version") as caught:
        check_boundaries(context_of(env, server))
    assert "administrator of the account runs eks-assets bootstrap sandbox --apply" in caught.value.next_step


def test_boundary_that_denies_nothing_is_refused(sandbox_env: Environment, server: Server) -> None:
    """A boundary such as AdministratorAccess is refused with the actions that it must deny."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    with pytest.raises(ConfigError) as caught:
        check_boundaries(bounded(sandbox_env, server, "everything", everything))
    for action in ("iam:CreateUser", "ssm:PutParameter", "iam:CreatePolicyVersion", "sts:AssumeRole", "s3:PutObject"):
        assert action in caught.value.message
    assert "must allow" not in caught.value.message


def test_boundary_that_denies_too_much_is_refused(sandbox_env: Environment, server: Server) -> None:
    """A boundary that keeps nodes from their images is refused with the actions that it must allow."""
    statements = boundary_of(sandbox_env)["Statement"]
    without_images = {"Effect": "Deny", "Action": "ecr:*", "Resource": "*"}
    with pytest.raises(ConfigError) as caught:
        check_boundaries(bounded(sandbox_env, server, "narrow", *statements, without_images))
    assert "must allow ecr:GetAuthorizationToken on *, ecr:BatchGetImage" in caught.value.message
    assert "must deny" not in caught.value.message


def test_boundary_like_that_of_bootstrap_is_accepted(sandbox_env: Environment, server: Server) -> None:
    """A copy of bootstrap's boundary passes, in the account's region alone too; it must keep itself as well."""
    in_region = {"StringNotEqualsIfExists": {"aws:RequestedRegion": [sandbox_env.region]}}
    elsewhere = {"Effect": "Deny", "Action": "ec2:*", "Resource": "*", "Condition": in_region}
    check_boundaries(bounded(sandbox_env, server, "copy", *boundary_of(sandbox_env)["Statement"], elsewhere))


def test_boundary_of_a_pod_role_is_checked_too(sandbox_env: Environment, server: Server) -> None:
    """A boundary that the ClusterConfig names for one of its roles must hold as well."""
    account = {
        "metadata": {"name": "shop"},
        "wellKnownPolicies": {"certManager": True},
        "permissionsBoundary": f"{POLICY}/absent",
    }
    env = configured(sandbox_env, iam={"withOIDC": True, "serviceAccounts": [account]})
    own = bounded(env, server, "fitting", *boundary_of(sandbox_env)["Statement"])
    with pytest.raises(ConfigError, match="policy/absent does not exist"):
        check_boundaries(own)


def test_role_of_before_gets_its_boundary_in_place(sandbox_env: Environment, server: Server) -> None:
    """A role that was deployed without a boundary keeps its name and id: the change is no replacement."""
    server.client("iam").create_policy(PolicyName="late", PolicyDocument=json.dumps(boundary_of(sandbox_env)))
    before = resource("IAM::Role", AssumeRolePolicyDocument=policy(Principal={"Service": "ec2.amazonaws.com"}))
    name = server.deploy("of-before", {"Role": before})["Role"]
    role = server.client("iam").get_role(RoleName=name)["Role"]
    now = {**before, "Properties": {**before["Properties"], "PermissionsBoundary": f"{POLICY}/late"}}
    planned = server.change("of-before", {"Role": now}, "UPDATE")
    (change,) = [c["ResourceChange"] for c in planned["Changes"]]
    assert (change["Action"], change["Replacement"]) == ("Modify", "False")
    server.execute(planned)
    after = server.client("iam").get_role(RoleName=name)["Role"]
    assert after["RoleId"] == role["RoleId"]
    assert after["PermissionsBoundary"]["PermissionsBoundaryArn"] == f"{POLICY}/late"
