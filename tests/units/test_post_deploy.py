"""The units of the wave `post_deploy`, as an environment renders them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from eks_assets.units.network.hosted_zone import HostedZoneOutputs
from eks_assets.units.post_deploy._load_balancer_policy import load_balancer_controller_statements
from eks_assets.units.post_deploy.external_dns_role import external_dns_role
from eks_assets.units.post_deploy.service_account_roles import service_account_roles
from resources.config.environment import Environment
from resources.config.settings.git import Git
from resources.model.outputs import pending_fields, pending_outputs
from resources.model.specs import Stack

Lint = Callable[[dict[str, Any]], list[str]]
ZONE = HostedZoneOutputs(zone_id="ZMADE", name_servers=("ns-1",))


def roles_of(spec: Stack[Any]) -> dict[str, dict[str, Any]]:
    resources = spec.template["Resources"].items()
    return {title: r["Properties"] for title, r in resources if r["Type"] == "AWS::IAM::Role"}


def statements_of(role: dict[str, Any]) -> list[dict[str, Any]]:
    return [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]


def test_roles_trust_pods_of_this_cluster_alone(sandbox_env: Environment) -> None:
    """Roles trust EKS pod identity of this account and this cluster alone."""
    roles = {**roles_of(service_account_roles(sandbox_env)), **roles_of(external_dns_role(sandbox_env, ZONE))}
    assert len(roles) == 6
    for role in roles.values():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
        assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "000000000000"}
        cluster = "arn:aws:eks:us-west-2:000000000000:cluster/demo-sandbox-cluster"
        assert statement["Condition"]["ArnEquals"] == {"aws:SourceArn": cluster}


def test_roles_have_the_permissions_boundary(sandbox_env: Environment, prod_env: Environment) -> None:
    """Every role has the environment's boundary, else bootstrap's."""

    def boundaries(env: Environment) -> set[str | None]:
        roles = [*roles_of(service_account_roles(env)).values(), *roles_of(external_dns_role(env, ZONE)).values()]
        return {role.get("PermissionsBoundary") for role in roles}

    assert boundaries(prod_env) == {"arn:aws:iam::444455556666:policy/eks-assets-boundary"}
    assert boundaries(sandbox_env) == {"arn:aws:iam::000000000000:policy/demo-sandbox-boundary"}


def test_external_dns_role_writes_one_zone(sandbox_env: Environment) -> None:
    """Records are written in the environment's zone alone; everything else is read."""
    spec = external_dns_role(sandbox_env, pending_outputs(HostedZoneOutputs, "hosted_zone"))
    assert pending_fields(spec.parameters) == ("hosted_zone.zone_id",)
    write, read = statements_of(roles_of(spec)["ExternalDnsRole"])
    assert write["Resource"] == {"Fn::Sub": "arn:${AWS::Partition}:route53:::hostedzone/${HostedZoneId}"}
    assert "route53:ChangeResourceRecordSets" in write["Action"]
    assert all(action.startswith("route53:List") for action in read["Action"])


def test_external_dns_role_assumes_role_of_zones_account(prod_env: Environment) -> None:
    """For a zone in another account the role may only assume that account's role."""
    spec = external_dns_role(prod_env, None)
    (statement,) = statements_of(roles_of(spec)["ExternalDnsRole"])
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert statement["Resource"] == "arn:aws:iam::999900001111:role/acme-dns-writer"
    assert spec.parameters == {}


def test_external_secrets_role_reads_own_secrets_only(sandbox_env: Environment) -> None:
    """Secrets and parameters under the environment's path can be read, nothing can be written."""
    statements = statements_of(roles_of(service_account_roles(sandbox_env))["ExternalSecretsRole"])
    assert [s["Resource"] for s in statements] == [
        "arn:aws:secretsmanager:us-west-2:000000000000:secret:/demo/sandbox/*",
        "arn:aws:ssm:us-west-2:000000000000:parameter/demo/sandbox/*",
    ]
    verbs = {action.split(":")[1] for s in statements for action in s["Action"]}
    assert all(verb.startswith(("Get", "List", "Describe")) for verb in verbs)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("/demo/sandbox/git/credentials", []),
        ("arn:aws:secretsmanager:us-west-2:000000000000:secret:/demo/sandbox/git-AbCdEf", []),
        ("platform/git", ["arn:aws:secretsmanager:us-west-2:000000000000:secret:platform/git-??????"]),
        (
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:git-AbCdEf",
            ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:git-AbCdEf"],
        ),
    ],
)
def test_external_secrets_role_reads_git_secret_elsewhere(sandbox_env: Environment, name: str, more: list[str]) -> None:
    """A git secret outside the environment's path is added by name."""
    git = Git.model_validate({"repository": "https://git.test/x", "credentials": {"secret": name}})
    spec = service_account_roles(sandbox_env.model_copy(update={"git": git}))
    own = "arn:aws:secretsmanager:us-west-2:000000000000:secret:/demo/sandbox/*"
    secrets = statements_of(roles_of(spec)["ExternalSecretsRole"])[0]["Resource"]
    assert secrets == ([own, *more] if more else own)


def test_csi_driver_roles_have_aws_managed_policies(sandbox_env: Environment) -> None:
    """The CSI drivers' roles use the policies that AWS manages."""
    roles = roles_of(service_account_roles(sandbox_env))
    head = "arn:aws:iam::aws:policy/service-role/"
    assert roles["EfsCsiRole"]["ManagedPolicyArns"] == [f"{head}AmazonEFSCSIDriverPolicy"]
    assert roles["EbsCsiRole"]["ManagedPolicyArns"] == [f"{head}AmazonEBSCSIDriverPolicy"]


def test_loki_role_reaches_its_own_closed_bucket(prod_env: Environment) -> None:
    """The bucket is closed to the public, encrypted, kept, and Loki's alone."""
    spec = service_account_roles(prod_env)
    bucket = spec.template["Resources"]["LokiBucket"]
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["DeletionPolicy"].startswith("Retain")
    (plain_text,) = spec.template["Resources"]["LokiBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (plain_text["Effect"], plain_text["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    resources = [s["Resource"] for s in statements_of(roles_of(spec)["LokiRole"])]
    assert resources == [{"Fn::GetAtt": ["LokiBucket", "Arn"]}, {"Fn::Sub": "${LokiBucket.Arn}/*"}]
    assert spec.template["Outputs"]["LokiBucketName"]["Value"] == {"Ref": "LokiBucket"}


def test_load_balancer_controller_role_changes_tagged_only() -> None:
    """Load balancers can be deleted only with the controller's tag, in any partition."""
    statements = load_balancer_controller_statements("aws-cn")
    actions = {action: s for s in statements for action in s["Action"]}
    deletion = actions["elasticloadbalancing:DeleteLoadBalancer"]
    assert deletion["Condition"] == {"Null": {"aws:ResourceTag/elbv2.k8s.aws/cluster": "false"}}
    linked = actions["iam:CreateServiceLinkedRole"]["Condition"]["StringEquals"]
    assert linked == {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}
    assert {"ec2:DescribeRouteTables", "ec2:GetSecurityGroupsForVpc", "wafv2:AssociateWebACL"} < actions.keys()
    assert not [a for a in actions if "*" in a]
    assert "arn:aws:" not in json.dumps(statements)


def test_inline_policies_fit_iams_quota(prod_env: Environment) -> None:
    """The inline policies of a role stay below IAM's quota."""
    for title, role in roles_of(service_account_roles(prod_env)).items():
        size = sum(len(json.dumps(p["PolicyDocument"], separators=(",", ":"))) for p in role.get("Policies", []))
        assert size <= 10_240, title  # IAM's quota for all inline policies of a role


@pytest.mark.parametrize("which", ["sandbox_env", "prod_env"])
def test_post_deploy_templates_pass_cfn_lint(which: str, request: pytest.FixtureRequest, lint: Lint) -> None:
    """cfn-lint has no findings in the wave's templates."""
    env: Environment = request.getfixturevalue(which)
    zone = ZONE if env.hosted_zone.create else None
    assert lint(service_account_roles(env).template) == []
    assert lint(external_dns_role(env, zone).template) == []
