"""Identity providers and capabilities of a ClusterConfig: rendered as CloudFormation has them, or refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from eks_assets.units.cluster.capabilities import capabilities
from eks_assets.units.cluster.cluster import cluster
from eks_assets.units.cluster.identity_providers import identity_providers
from resources.config.environment import Environment
from tests.helpers.published import CLUSTER, NO_CLUSTER, VPC, configured, properties_of, resources_of

COGNITO = {
    "name": "people",
    "type": "oidc",
    "issuerURL": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Ur78RxTra",
    "clientID": "10basodnbu3gs9b1bf9r566btu",
    "usernameClaim": "email",
}
KRO = {"name": "kro", "type": "KRO"}
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
ROLE = "arn:aws:iam::000000000000:role/mine"


def test_identity_provider_stands_as_the_file_says(sandbox_env: Environment) -> None:
    """What it does not say is left to EKS."""
    env = configured(sandbox_env, identityProviders=[{**COGNITO, "requiredClaims": {"aud": "a"}}])
    (made,) = properties_of(identity_providers(env, CLUSTER), "EKS::IdentityProviderConfig")
    assert (made["Type"], made["IdentityProviderConfigName"]) == ("oidc", "people")
    assert made["Oidc"] == {
        "IssuerUrl": COGNITO["issuerURL"],
        "ClientId": COGNITO["clientID"],
        "UsernameClaim": "email",
        "RequiredClaims": [{"Key": "aud", "Value": "a"}],
    }
    assert not identity_providers.is_enabled(sandbox_env)
    assert identity_providers.is_enabled(env)


@pytest.mark.parametrize(
    "fields",
    [
        {"issuerURL": "http://people.example.com"},
        {"issuerURL": "https://people.example.com:8443"},
        {"usernamePrefix": "system:"},
        {"groupsPrefix": "system:masters"},
        {"type": "saml"},
        {"clientID": ""},
    ],
)
def test_identity_provider_that_eks_refuses_is_refused(sandbox_env: Environment, fields: dict[str, Any]) -> None:
    """Before a cluster waits for it."""
    with pytest.raises(ValidationError):
        configured(sandbox_env, identityProviders=[{**COGNITO, **fields}])


def test_second_identity_provider_is_refused(sandbox_env: Environment) -> None:
    """EKS takes one of a cluster."""
    with pytest.raises(ValidationError, match="at most 1"):
        configured(sandbox_env, identityProviders=[COGNITO, {**COGNITO, "name": "others"}])


def test_capability_has_a_role_that_eks_may_be(sandbox_env: Environment) -> None:
    """Under the boundary, with the policies that the file names."""
    policy = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
    env = configured(sandbox_env, capabilities=[{"name": "ack", "type": "ACK", "attachPolicyARNs": [policy]}])
    spec = capabilities(env, CLUSTER)
    (role,) = properties_of(spec, "IAM::Role")
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "capabilities.eks.amazonaws.com"}
    assert set(statement["Action"]) == {"sts:AssumeRole", "sts:TagSession"}
    assert role["ManagedPolicyArns"] == [policy]
    assert "PermissionsBoundary" in role
    (made,) = properties_of(spec, "EKS::Capability")
    assert (made["Type"], made["CapabilityName"], made["DeletePropagationPolicy"]) == ("ACK", "ack", "RETAIN")


def test_capability_may_have_a_role_that_exists(sandbox_env: Environment) -> None:
    """Then none is made, and CloudFormation may hand it over."""
    env = configured(sandbox_env, capabilities=[{**KRO, "roleArn": ROLE}])
    spec = capabilities(env, CLUSTER)
    assert properties_of(spec, "IAM::Role") == []
    (made,) = properties_of(spec, "EKS::Capability")
    assert made["RoleArn"] == ROLE
    assert ROLE in env.cluster.existing_roles


def test_access_of_a_capability_is_there_before_it(sandbox_env: Environment) -> None:
    """With EKS's own policy of the type, as the entry has what its template has."""
    scope = {"type": "namespace", "namespaces": ["shop"]}
    env = configured(
        sandbox_env, capabilities=[{**KRO, "accessPolicies": [{"policyARN": ADMIN, "accessScope": scope}]}]
    )
    spec = capabilities(env, CLUSTER)
    ((entry_id, entry),) = resources_of(spec, "EKS::AccessEntry").items()
    policies = [
        (p["PolicyArn"].rpartition("/")[2], p["AccessScope"]["Type"]) for p in entry["Properties"]["AccessPolicies"]
    ]
    assert policies == [("AmazonEKSKROPolicy", "cluster"), ("AmazonEKSClusterAdminPolicy", "namespace")]
    template: Any = spec.template
    (depends,) = [r["DependsOn"] for r in template["Resources"].values() if r["Type"] == "AWS::EKS::Capability"]
    assert depends == entry_id


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([KRO, {**KRO, "name": "other"}], "types of capabilities has KRO twice"),
        ([KRO, {**KRO, "type": "ACK"}], "capabilities has kro twice"),
        ([{**KRO, "roleArn": ROLE, "attachPolicyARNs": [ADMIN]}], "allowed: one of them"),
        ([{"name": "argo", "type": "ARGOCD"}], "ACK"),
    ],
)
def test_capabilities_that_eks_refuses_are_refused(
    sandbox_env: Environment, entries: list[dict[str, Any]], words: str
) -> None:
    """One of a type; Argo CD is the pipeline's own."""
    with pytest.raises(ValidationError, match=words):
        configured(sandbox_env, capabilities=entries)


REMOTE = {"remoteNodeNetworks": [{"cidrs": ["10.80.146.0/24"]}], "iam": {"provider": "SSM"}}


def test_hybrid_nodes_are_let_in_by_a_role_of_their_own(sandbox_env: Environment) -> None:
    """Which Systems Manager hands out; their networks are the cluster's to know."""
    spec = cluster(configured(sandbox_env, remoteNetworkConfig=REMOTE), VPC, NO_CLUSTER)
    (made,) = properties_of(spec, "EKS::Cluster")
    assert made["RemoteNetworkConfig"] == {"RemoteNodeNetworks": [{"Cidrs": ["10.80.146.0/24"]}]}
    (entry,) = properties_of(spec, "EKS::AccessEntry")
    assert (entry["Type"], entry["PrincipalArn"]) == ("HYBRID_LINUX", {"Fn::GetAtt": ["HybridNodesRole", "Arn"]})
    roles = properties_of(spec, "IAM::Role")
    trusts = [role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"] for role in roles]
    assert "ssm.amazonaws.com" in trusts


def test_hybrid_nodes_may_have_a_role_that_exists(sandbox_env: Environment) -> None:
    """As with Roles Anywhere."""
    env = configured(sandbox_env, remoteNetworkConfig={**REMOTE, "iam": {"roleARN": ROLE}})
    (entry,) = properties_of(cluster(env, VPC, NO_CLUSTER), "EKS::AccessEntry")
    assert entry["PrincipalArn"] == ROLE


@pytest.mark.parametrize(
    "cidrs", [["8.8.8.0/24"], ["10.80.0.0/16", "10.80.146.0/24"], []], ids=["public", "overlapping", "none"]
)
def test_networks_that_eks_refuses_are_refused(sandbox_env: Environment, cidrs: list[str]) -> None:
    """Before the cluster is made."""
    with pytest.raises(ValidationError):
        configured(sandbox_env, remoteNetworkConfig={"remoteNodeNetworks": [{"cidrs": cidrs}]})
