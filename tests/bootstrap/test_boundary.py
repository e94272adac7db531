"""The permissions boundary: on every role that the pipeline makes, and what it keeps them from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.bootstrap.boundary import demanded_denials, demanded_rights
from resources.cloudformation import boundary_arn, build_arn
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.model.outputs import plain_document
from resources.model.specs import Stack
from tests.bootstrap.bootstrap_documents import ENVIRONMENTS, resources_of
from tests.bootstrap.policy_evaluation import Ask, allowed, boundary_of, ledger_key, policies_of
from tests.helpers.embedded_aws_server import EVERYTHING


def allowed_under_boundary(env: Environment, asks: list[Ask]) -> list[str]:
    return allowed(env, asks, [EVERYTHING], [boundary_of(env)])


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_role_of_the_units_has_a_boundary(name: str) -> None:
    """Each role in each stack is under the environment's boundary, else under bootstrap's."""
    env = load_environment(name)
    boundaries: dict[str, Any] = {}
    for unit in load_registry().units:
        spec = render_spec(load_registry(), env, unit, {}) if unit.is_enabled(env) else None
        if isinstance(spec, Stack):
            resources = plain_document(spec.template)["Resources"].items()
            roles = {t: r["Properties"] for t, r in resources if r["Type"] == "AWS::IAM::Role"}
            boundaries |= {f"{unit.name}/{t}": r.get("PermissionsBoundary") for t, r in roles.items()}
    assert len(boundaries) >= 8
    assert set(boundaries.values()) == {boundary_arn(env)}
    own = env.roles.permissions_boundary
    assert boundary_arn(env) == own or boundary_arn(env).endswith(f":policy/{env.resource_prefix}-boundary")


def test_administrator_under_boundary_makes_no_identity_and_no_approval(sandbox_env: Environment) -> None:
    """A role with every right, under the boundary, makes no people and no roles, writes no approval and no ledger."""
    asks = [
        Ask(action, resource)
        for actions, resource in demanded_denials(sandbox_env, ledger_key(sandbox_env))
        for action in actions
    ]
    assert len(asks) > 60
    assert allowed_under_boundary(sandbox_env, asks) == []


def test_role_under_boundary_escapes_by_no_other_role(sandbox_env: Environment) -> None:
    """It neither becomes a role of the account, nor hands one to a service that acts with it."""

    def role(name: str) -> str:
        return build_arn(sandbox_env, "iam", f"role/{name}", region="")

    to_ec2 = {"iam:PassedToService": "ec2.amazonaws.com"}
    to_stacks = {"iam:PassedToService": "cloudformation.amazonaws.com"}
    asks = [
        Ask("sts:AssumeRole", role("Administrator")),
        Ask("sts:AssumeRole", role("demo-sandbox-network-FlowLogRole-1")),
        Ask("iam:PassRole", role("Administrator"), to_ec2),
        Ask("iam:PassRole", role("demo-sandbox-cloudformation"), to_stacks),
        Ask("iam:PassRole", role("demo-sandbox-network-FlowLogRole-1"), to_stacks),
        Ask("cloudformation:UpdateStack", build_arn(sandbox_env, "cloudformation", "stack/demo-sandbox-network/1")),
        Ask("sso:CreateAccountAssignment", "*"),
        Ask("identitystore:CreateUser", "*"),
    ]
    assert allowed_under_boundary(sandbox_env, asks) == []


def test_role_under_boundary_leaves_other_environments_alone(prod_env: Environment) -> None:
    """Ledgers, leases, approvals, keys and queues of another environment of the account are out of its reach."""
    other = {"aws:ResourceTag/eks-assets:environment": "acme-prod-dr"}
    asks = [
        Ask("s3:PutObject", "arn:aws:s3:::acme-prod-dr-ledger-444455556666-eu-west-1/requests/1"),
        Ask("dynamodb:PutItem", build_arn(prod_env, "dynamodb", "table/acme-prod-dr-lease")),
        Ask("ssm:PutParameter", build_arn(prod_env, "ssm", "parameter/acme/prod-dr/approvals/1")),
        Ask("kms:Decrypt", build_arn(prod_env, "kms", "key/1"), other),
        Ask("sqs:DeleteQueue", build_arn(prod_env, "sqs", "acme-prod-dr-deploy-requests"), other),
    ]
    assert allowed_under_boundary(prod_env, asks) == []


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_boundary_allows_what_platform_roles_need(name: str) -> None:
    """Bootstrap's boundary allows all that is demanded of an environment's own one."""
    env = load_environment(name)
    own = {"aws:ResourceTag/eks-assets:environment": env.name, "iam:PassedToService": "ec2.amazonaws.com"}
    asks = [Ask(action, resource, own) for actions, resource in demanded_rights(env) for action in actions]
    assert len(allowed_under_boundary(env, asks)) == len(asks) > 25


def test_roles_of_bootstrap_have_no_boundary(prod_env: Environment) -> None:
    """The administrator's own roles write the ledger, which the boundary denies."""
    assert {role.get("PermissionsBoundary") for role in resources_of(prod_env, "IAM::Role").values()} == {None}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_stacks_make_roles_under_the_boundary_alone(name: str) -> None:
    """CloudFormation may create and empower a role of the environment under its boundary, and no other."""
    env = load_environment(name)
    role = build_arn(env, "iam", f"role/{env.resource_prefix}-network-FlowLogRole-1", region="")
    tag = "eks-assets:environment"
    tags = {f"aws:RequestTag/{tag}": env.name, f"aws:ResourceTag/{tag}": env.name}
    under = {**tags, "iam:PermissionsBoundary": boundary_arn(env)}
    elsewhere = {**tags, "iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}
    empowering = ["iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"]
    policies = policies_of(env, "CloudFormationRole")
    assert len(allowed(env, [Ask(action, role, under) for action in empowering], policies)) == 4
    refused = [Ask(action, role, keys) for action in empowering for keys in (tags, elsewhere)]
    refused.append(Ask("iam:DeleteRolePermissionsBoundary", role, under))
    assert allowed(env, refused, policies) == []


def test_boundary_fits_iam_quota_with_longest_prefix(sandbox_env: Environment) -> None:
    """The boundary stays below IAM's 6,144 characters for the longest tenant and environment."""
    longest = sandbox_env.model_copy(update={"tenant": "t" * 20, "target_env": "e" * 20})
    assert len(json.dumps(boundary_of(longest), separators=(",", ":"))) <= 6_144
