"""How pods get AWS roles: pod identity, and roles through the OIDC provider."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from eks_assets.units.cluster.identity import IdentityOutputs, identity
from eks_assets.units.cluster.irsa_roles import irsa_roles, role_arn, role_name
from resources.config.environment import Environment
from resources.model.outputs import pending_fields, pending_outputs
from resources.model.specs import Stack
from tests.helpers.published import (
    CLUSTER,
    EXTERNAL_DNS,
    IDENTITY,
    ISSUER,
    ROLES,
    configured,
    properties_of,
)

POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
EXISTING = "arn:aws:iam::000000000000:role/mine"


def of(env: Environment) -> Stack[IdentityOutputs]:
    return identity(env, CLUSTER, EXTERNAL_DNS, ROLES)


def associations(env: Environment) -> dict[str, Any]:
    """Role by namespace/account."""
    properties = properties_of(of(env), "EKS::PodIdentityAssociation")
    return {f"{a['Namespace']}/{a['ServiceAccount']}": a["RoleArn"] for a in properties}


def with_associations(env: Environment, *associations: dict[str, Any]) -> Environment:
    return configured(env, iam={"withOIDC": True, "podIdentityAssociations": list(associations)})


def with_account(env: Environment, **fields: Any) -> Environment:
    """The environment with one service account that gets a role through the OIDC provider."""
    account = {"metadata": {"name": "reader", "namespace": "reports"}, **fields}
    return configured(env, iam={"withOIDC": True, "serviceAccounts": [account]})


def role_of(env: Environment) -> dict[str, Any]:
    (role,) = properties_of(irsa_roles(env, IDENTITY), "IAM::Role")
    return role


def test_identity_gives_each_of_our_add_ons_its_role(sandbox_env: Environment) -> None:
    """Each of our add-ons has an association with its role."""
    roles = associations(sandbox_env)
    assert roles.keys() == {
        "kube-system/karpenter",
        "external-dns/external-dns",
        "external-secrets/external-secrets",
        "kube-system/aws-load-balancer-controller",
        "observability/loki",
    }
    assert roles["external-dns/external-dns"] == {"Ref": "ExternalDnsRoleArn"}
    assert of(sandbox_env).parameters["ExternalDnsRoleArn"] == EXTERNAL_DNS.role_arn


def test_identity_gives_karpenter_a_role_if_config_has_none(sandbox_env: Environment) -> None:
    """Where the config does not describe Karpenter's role, it is that of Karpenter's guide; none in Auto Mode."""

    def roles(env: Environment) -> list[dict[str, Any]]:
        return properties_of(of(env), "IAM::Role")

    silent = with_associations(sandbox_env)
    (ours,), (of_the_guide,) = roles(silent), roles(sandbox_env)
    assert ours["RoleName"] == of_the_guide["RoleName"] == "demo-sandbox-cluster-karpenter"
    assert set(ours["ManagedPolicyArns"]) == set(of_the_guide["ManagedPolicyArns"])
    assert roles(configured(silent, autoModeConfig={"enabled": True})) == []


def test_identity_prefers_the_configs_role_of_an_account(sandbox_env: Environment) -> None:
    """The config's association wins over ours."""
    mine = {"namespace": "external-dns", "serviceAccountName": "external-dns", "roleARN": EXISTING}
    env = with_associations(sandbox_env, mine)
    assert associations(env)["external-dns/external-dns"] == EXISTING
    assert "ExternalDnsRoleArn" not in of(env).parameters


def test_identity_makes_role_that_association_describes(prod_env: Environment) -> None:
    """An association that lists permissions gets a new role with those, the boundary and the tags."""
    account = {"namespace": "reports", "serviceAccountName": "reader"}
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}]}
    granted = {
        "permissionPolicyARNs": [POLICY],
        "permissionPolicy": policy,
        "wellKnownPolicies": {"ebsCSIController": True, "externalDNS": True},
        "tags": {"team": "reports"},
    }
    spec = of(with_associations(prod_env, account | granted))
    role = next(r for r in properties_of(spec, "IAM::Role") if "RoleName" not in r)
    assert role["ManagedPolicyArns"] == [POLICY, "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"]
    assert [p["PolicyName"] for p in role["Policies"]] == ["permissions", "well-known"]
    assert role["PermissionsBoundary"] == "arn:aws:iam::444455556666:policy/eks-assets-boundary"
    association = next(a for a in properties_of(spec, "EKS::PodIdentityAssociation") if a["ServiceAccount"] == "reader")
    assert association["Tags"] == role["Tags"] == [{"Key": "team", "Value": "reports"}]


def test_identity_makes_oidc_provider_if_asked(sandbox_env: Environment) -> None:
    """The OIDC provider exists where the config says `withOIDC`."""
    (provider,) = properties_of(of(sandbox_env), "IAM::OIDCProvider")
    assert provider == {"Url": {"Ref": "OidcIssuer"}, "ClientIdList": ["sts.amazonaws.com"]}
    assert properties_of(of(configured(sandbox_env, iam={"withOIDC": False})), "IAM::OIDCProvider") == []


def test_irsa_roles_trust_one_service_account_of_this_cluster(sandbox_env: Environment) -> None:
    """A role trusts one service account, through this cluster's OIDC provider alone."""
    role = role_of(with_account(sandbox_env, attachPolicyARNs=[POLICY]))
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Federated": f"arn:aws:iam::000000000000:oidc-provider/{ISSUER}"}
    assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    assert statement["Condition"] == {
        "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": "system:serviceaccount:reports:reader"}
    }


def test_irsa_roles_carry_policies_boundary_and_tags(sandbox_env: Environment) -> None:
    """Policies, boundary, name and tags of the config are those of the role."""
    boundary = "arn:aws:iam::000000000000:policy/mine"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}]}
    role = role_of(
        with_account(
            sandbox_env,
            attachPolicyARNs=[POLICY],
            attachPolicy=policy,
            wellKnownPolicies={"autoScaler": True},
            permissionsBoundary=boundary,
            roleName="chosen",
            tags={"team": "reports"},
        )
    )
    assert (role["RoleName"], role["PermissionsBoundary"]) == ("chosen", boundary)
    assert role["Policies"][0]["PolicyDocument"] == policy
    assert "autoscaling:SetDesiredCapacity" in json.dumps(role["Policies"][1])
    assert role["Tags"] == [{"Key": "team", "Value": "reports"}]


def test_irsa_roles_have_predictable_names_that_fit(sandbox_env: Environment) -> None:
    """The role's ARN is known before it exists; long names are cut to IAM's limit."""
    (account,) = with_account(sandbox_env, attachPolicyARNs=[POLICY]).cluster.iam.service_accounts
    assert role_arn(sandbox_env, account) == "arn:aws:iam::000000000000:role/demo-sandbox-cluster-reports-reader"
    long = {"name": "a" * 60, "namespace": "reports"}
    (account,) = with_account(sandbox_env, metadata=long, attachPolicyARNs=[POLICY]).cluster.iam.service_accounts
    assert len(role_name(sandbox_env, account)) == 64


def test_irsa_roles_wait_for_the_clusters_issuer(sandbox_env: Environment) -> None:
    """The trust policy is pending until the OIDC provider is known."""
    spec = irsa_roles(
        with_account(sandbox_env, attachPolicyARNs=[POLICY]), pending_outputs(IdentityOutputs, "identity")
    )
    assert pending_fields(spec.template) == ("identity.oidc_provider",)


def test_irsa_roles_are_enabled_if_a_new_role_is_asked_for(sandbox_env: Environment) -> None:
    """The unit is off where no service account needs a new role."""
    assert not irsa_roles.is_enabled(sandbox_env)
    assert irsa_roles.is_enabled(with_account(sandbox_env, attachPolicyARNs=[POLICY]))
    assert not irsa_roles.is_enabled(with_account(sandbox_env, attachRoleARN=EXISTING))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "gives no permissions"),
        ({"attachRoleARN": EXISTING, "attachPolicyARNs": [POLICY]}, "what only a new role has"),
        ({"attachRoleARN": EXISTING, "roleOnly": True}, "what only a new role has"),
        (
            {
                "attachPolicyARNs": [POLICY],
                "roleOnly": True,
                "metadata": {"name": "a", "namespace": "b", "labels": {"c": "d"}},
            },
            "labels and annotations where the pipeline makes",
        ),
    ],
)
def test_service_account_that_would_be_ignored_is_refused(
    sandbox_env: Environment, fields: dict[str, Any], message: str
) -> None:
    """Settings that would be ignored, or give nothing, are refused."""
    with pytest.raises(ValidationError, match=message):
        with_account(sandbox_env, **fields)
