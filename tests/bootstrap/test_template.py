"""What must exist before the first deploy: names within AWS's limits, rights that end where they should."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from resources.bootstrap import stack as bootstrap_stack
from resources.bootstrap.ownership import generated_names
from resources.config.environment import Environment, Roles
from resources.config.loader import load_environment
from resources.config.names import (
    cloudformation_role,
    deployer_role,
    ledger_key_alias,
    pipeline_role,
    planner_role,
)
from resources.drivers.stack.change_sets import is_inline
from resources.drivers.stack.driver import stack_outputs
from resources.model.outputs import plain_document
from tests.bootstrap.bootstrap_documents import ENVIRONMENTS, actions, lists, resources_of, statements_of

Lint = Callable[[dict[str, Any]], list[str]]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_template_passes_cfn_lint_and_size_limit(name: str, lint: Lint) -> None:
    """The template passes cfn-lint, is small enough to be sent inline, and its outputs can be read."""
    spec = bootstrap_stack.build_bootstrap_stack(load_environment(name))
    assert spec.name == f"{load_environment(name).resource_prefix}-bootstrap"
    assert lint(spec.template) == []
    assert is_inline(spec)  # who bootstraps has no bucket yet for a longer one
    keys = spec.template["Outputs"]
    read = stack_outputs(spec, [{"OutputKey": key, "OutputValue": key} for key in keys])
    assert isinstance(read, bootstrap_stack.BootstrapOutputs)
    assert read.ledger_bucket == "LedgerBucket"


@pytest.mark.parametrize("name", [*ENVIRONMENTS, "longest"])
def test_policies_fit_iam_quotas(name: str, sandbox_env: Environment) -> None:
    """Managed policies and inline policies of a role stay within IAM's quotas, with the longest prefix too."""
    names = {"tenant": "t" * 20, "target_env": "e" * 20, "region": "ap-northeast-1", "roles": Roles()}
    env = sandbox_env.model_copy(update=names) if name == "longest" else load_environment(name)

    def size(document: Any) -> int:
        return len(json.dumps(document, separators=(",", ":")))

    for title, policy in resources_of(env, "IAM::ManagedPolicy").items():
        assert size(policy["PolicyDocument"]) <= 6_144, title
    for title, role in resources_of(env, "IAM::Role").items():
        assert sum(size(p["PolicyDocument"]) for p in role.get("Policies", [])) <= 10_240, title


def test_names_fit_aws_limits_with_longest_prefix(sandbox_env: Environment) -> None:
    """With the longest tenant and environment all names stay within AWS's limits."""
    longest = sandbox_env.model_copy(
        update={"tenant": "t" * 20, "target_env": "e" * 20, "region": "ap-northeast-1", "roles": Roles()}
    )
    other = longest.model_copy(update={"region": "ap-northeast-2"})
    assert len(bootstrap_stack.ledger_bucket(longest)) <= 63
    assert bootstrap_stack.ledger_bucket(longest) != bootstrap_stack.ledger_bucket(other)
    assert len(bootstrap_stack.lease_table(longest)) <= 255
    assert len(ledger_key_alias(longest)) <= 256
    pipeline = pipeline_role(longest)
    assert pipeline is not None
    others = [role(longest) for role in (deployer_role, planner_role, cloudformation_role)]
    assert max(len(role.name) for role in (pipeline, *others)) <= 64
    assert len(bootstrap_stack.build_bootstrap_stack(longest).name) <= 128
    # CloudFormation keeps at least 24 characters of the stack's name in what it generates.
    assert fnmatchcase(longest.stack_name("efs")[:24] + "-Role-ABC", generated_names(longest.stack_name("efs")))


def test_karpenter_rule_names_match_shortened_pattern(sandbox_env: Environment) -> None:
    """The pattern matches the names of Karpenter's rules, which keep 24 characters of the stack's name."""
    env = sandbox_env.model_copy(update={"tenant": "contoso", "target_env": "production"})
    assert fnmatchcase(env.karpenter_stack[:24] + "-RebalanceRule-ABC", generated_names(env.karpenter_stack))


def test_names_derive_from_prefix_account_and_region(sandbox_env: Environment) -> None:
    """Bucket, table and roles have names derived from prefix, account and region."""
    assert bootstrap_stack.ledger_bucket(sandbox_env) == "demo-sandbox-ledger-000000000000-us-west-2"
    assert bootstrap_stack.lease_table(sandbox_env) == "demo-sandbox-lease"
    unnamed = sandbox_env.model_copy(update={"roles": Roles()})
    names = {title: role["RoleName"] for title, role in resources_of(unnamed, "IAM::Role").items()}
    assert names == {
        "PipelineRole": "demo-sandbox-pipeline",
        "DeployerRole": "demo-sandbox-deployer",
        "PlannerRole": "demo-sandbox-planner",
        "CloudFormationRole": "demo-sandbox-cloudformation",
    }


def test_roles_have_names_from_environment_file(sandbox_env: Environment, prod_env: Environment) -> None:
    """Roles get the names and the path of the environment's file."""
    roles = resources_of(prod_env, "IAM::Role")
    # The pipeline role is of another account, so it is made there.
    assert {t: r["RoleName"] for t, r in roles.items()} == {
        "DeployerRole": "eks-assets-deployer",
        "PlannerRole": "eks-assets-planner",
        "DestroyerRole": "eks-assets-destroyer",
        "CloudFormationRole": "eks-assets-cloudformation",
    }
    named = Roles.model_validate({"cloudformation": "arn:aws:iam::000000000000:role/a/b/maker"})
    with_path = sandbox_env.model_copy(update={"roles": named})
    maker = resources_of(with_path, "IAM::Role")["CloudFormationRole"]
    assert (maker["RoleName"], maker["Path"]) == ("maker", "/a/b/")


def test_deployer_trusts_pipeline_with_external_id(sandbox_env: Environment, prod_env: Environment) -> None:
    """The deployer trusts the pipeline's role with the environment's external id."""

    def trust(env: Environment) -> list[dict[str, Any]]:
        document: dict[str, Any] = resources_of(env, "IAM::Role")["DeployerRole"]["AssumeRolePolicyDocument"]
        statements: list[dict[str, Any]] = document["Statement"]
        return statements

    assume, tag = trust(prod_env)
    assert assume["Principal"] == {"AWS": ["arn:aws:iam::999900001111:role/eks-assets-pipeline"]}
    assert assume["Condition"] == {"StringEquals": {"sts:ExternalId": "acme-prod"}}
    assert (assume["Action"], tag["Action"]) == ("sts:AssumeRole", "sts:TagSession")
    in_sandbox, _ = trust(sandbox_env)
    assert "arn:aws:iam::000000000000:root" in in_sandbox["Principal"]["AWS"]


def test_ledger_is_versioned_encrypted_and_private(prod_env: Environment) -> None:
    """Bucket and table are versioned or recoverable, encrypted, private, and kept when the stack goes."""
    (bucket,) = resources_of(prod_env, "S3::Bucket").values()
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["ObjectLockEnabled"] is True
    retention = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention == {"Mode": "GOVERNANCE", "Days": prod_env.ledger.retention_days}
    (table,) = resources_of(prod_env, "DynamoDB::Table").values()
    assert table["KeySchema"] == [{"AttributeName": "environment", "KeyType": "HASH"}]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    kept = plain_document(bootstrap_stack.build_bootstrap_template(prod_env))["Resources"]
    assert {kept[t]["DeletionPolicy"] for t in ("LedgerBucket", "LedgerKey", "LeaseTable")} == {"RetainExceptOnCreate"}


def test_deployer_reads_only_git_secret_and_keeps_ledger(prod_env: Environment) -> None:
    """The deployer reads the git credentials alone, deletes nothing of the ledger, and makes no resource itself."""
    statements = statements_of(prod_env, "DeployerRole")
    denied = next(s for s in statements if s["Effect"] == "Deny" and lists(s, "secretsmanager:GetSecretValue"))
    git = "arn:aws:secretsmanager:eu-west-1:444455556666:secret:/acme/prod/git/credentials-??????"
    assert denied["NotResource"] == [git]
    allowing = [s for s in statements if s["Effect"] == "Allow" and lists(s, "secretsmanager:GetSecretValue")]
    assert [s["Resource"] for s in allowing] == [git]
    allowed = actions(statements)
    for refused in (
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:PutBucketPolicy",
        "iam:CreateRole",
        "ec2:CreateVpc",
    ):
        assert not [pattern for pattern in allowed if fnmatchcase(refused, pattern)]


def test_deployer_changes_stacks_of_its_environment_only(prod_env: Environment) -> None:
    """The deployer executes change sets of the environment's stacks, except bootstrap, with CloudFormation's role."""
    statements = statements_of(prod_env, "DeployerRole")
    change = next(s for s in statements if lists(s, "cloudformation:ExecuteChangeSet") and s["Effect"] == "Allow")
    head = "arn:aws:cloudformation:eu-west-1:444455556666:stack"
    assert f"{head}/acme-prod-network/*" in change["Resource"]
    assert not [name for name in change["Resource"] if "bootstrap" in name or name.count("*") > 1]
    (kept,) = [s for s in statements if s.get("Resource") == f"{head}/*-bootstrap/*"]
    assert kept["Effect"] == "Deny"
    assert not [verb for verb in kept["NotAction"] if verb.split(":")[1].strip("*") not in ("Describe", "Get", "List")]
    (passing,) = [s for s in statements if lists(s, "iam:PassRole")]
    assert passing["Resource"] == {"Fn::GetAtt": ["CloudFormationRole", "Arn"]}
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}


def test_deployer_logs_in_to_ecr_only_if_charts_are_there(sandbox_env: Environment, prod_env: Environment) -> None:
    """The deployer may log in to ECR only where the environment's charts are there."""
    assert "ecr:GetAuthorizationToken" in actions(statements_of(prod_env, "DeployerRole"))
    assert "ecr:GetAuthorizationToken" not in actions(statements_of(sandbox_env, "DeployerRole"))


def test_deployer_writes_parameters_outside_own_path(sandbox_env: Environment) -> None:
    """A parameter that the environment names outside of its own path may be written, too."""
    own = sandbox_env.parameters.model_copy(update={"efs_file_system_id": "/shared/efs"})
    changed = sandbox_env.model_copy(update={"parameters": own})
    put = next(s for s in statements_of(changed, "DeployerRole") if lists(s, "ssm:PutParameter"))
    head = "arn:aws:ssm:us-west-2:000000000000:parameter"
    assert put["Resource"] == [f"{head}/demo/sandbox/*", f"{head}/shared/efs"]
