"""The planner: a role that a plan on a pull request can be trusted with."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from resources.bootstrap import stack as bootstrap_stack
from resources.bootstrap.ownership import carries_tag
from resources.cloudformation import build_arn
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.config.names import ledger_bucket
from tests.bootstrap.bootstrap_documents import ENVIRONMENTS, actions, lists, resources_of, statements_of

READING = ("BatchCheck", "BatchGet", "Describe", "Detect", "Filter", "Get", "List", "Lookup", "Simulate")
# Its only ways to act: the change sets of a plan, with the service role in them, and having EKS look at the cluster
# again; Kubernetes decides over the rest. It decrypts what it may read of the ledger.
ACTING = {
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "eks:AccessKubernetesApi",
    "eks:StartInsightsRefresh",
    "iam:PassRole",
    "kms:Decrypt",
}


def allows(statements: Iterable[dict[str, Any]], action: str) -> bool:
    return any(fnmatchcase(action, pattern) for pattern in actions(statements))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_planner_only_reads_and_makes_change_sets(name: str) -> None:
    """Besides reading, the planner can only make change sets, pass the service role and reach the cluster's API."""
    allowed = set(actions(statements_of(load_environment(name), "PlannerRole")))
    assert {a for a in allowed if not a.partition(":")[2].startswith(READING)} == ACTING
    assert not [a for a in allowed if a.endswith(":*")]


@pytest.mark.parametrize(
    "refused",
    [
        "cloudformation:ExecuteChangeSet",
        "cloudformation:DeleteStack",
        "cloudformation:SetStackPolicy",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "kms:GenerateDataKey",
        "s3:DeleteObject",
        "s3:PutObject",
        "sns:Publish",
        "ssm:PutParameter",
        "sts:AssumeRole",
    ],
)
def test_planner_cannot_touch_ledger_leases_or_resources(prod_env: Environment, refused: str) -> None:
    """The planner writes no ledger, lease, message or parameter, and executes nothing of a stack."""
    assert not allows(statements_of(prod_env, "PlannerRole"), refused)


def test_planner_lists_of_the_ledger_what_was_done(prod_env: Environment) -> None:
    """Uses of grants, and what its history is made of."""
    (listing,) = [s for s in statements_of(prod_env, "PlannerRole") if lists(s, "s3:ListBucket")]
    folders = ("uses", "changes", "drift", "rejections", "requests", "rollbacks", "ui-votes", "upgrades", "validations")
    assert listing["Resource"] == f"arn:aws:s3:::{ledger_bucket(prod_env)}"
    assert listing["Condition"] == {"StringLike": {"s3:prefix": [f"{folder}/*" for folder in folders]}}


def test_planner_reads_the_head_of_the_chain_alone(prod_env: Environment) -> None:
    """Of the table it reads no lease."""
    (reading,) = [s for s in statements_of(prod_env, "PlannerRole") if lists(s, "dynamodb:GetItem")]
    assert reading["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "ledger:*"}}


def test_planner_reads_of_the_ledger_what_was_pushed_and_done(prod_env: Environment) -> None:
    """By their keys, with no other use of the ledger's key: no key of hashes, no specs; the environment as applied."""
    statements = statements_of(prod_env, "PlannerRole")
    (reading,) = [s for s in statements if lists(s, "s3:GetObject")]
    bucket = f"arn:aws:s3:::{ledger_bucket(prod_env)}"
    folders = (
        "pushes",
        "releases",
        "held",
        "environments",
        "changes",
        "drift",
        "rejections",
        "requests",
        "rollbacks",
        "ui-votes",
        "upgrades",
        "validations",
    )
    assert reading["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert reading["Resource"] == [f"{bucket}/{folder}/*" for folder in folders]
    (decrypting,) = [s for s in statements if lists(s, "kms:Decrypt")]
    assert decrypting["Action"] == ["kms:Decrypt"]
    assert decrypting["Resource"] == {"Fn::GetAtt": ["LedgerKey", "Arn"]}
    assert decrypting["Condition"] == {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": bucket}}


def test_planner_makes_change_sets_of_its_environment_only(prod_env: Environment) -> None:
    """Its change sets are of the environment's stacks, by tag, except bootstrap's, with CloudFormation's role."""
    statements = statements_of(prod_env, "PlannerRole")
    making = next(s for s in statements if lists(s, "cloudformation:CreateChangeSet"))
    head = "arn:aws:cloudformation:eu-west-1:444455556666:stack"
    assert making["Resource"] == [f"{head}/acme-prod-*/*", f"{head}/Karpenter-acme-prod-cluster/*"]
    assert making["Condition"] == {"StringEquals": carries_tag(prod_env)}
    denied = [s for s in statements if s["Effect"] == "Deny" and s["Resource"] == f"{head}/*-bootstrap/*"]
    reading = [f"cloudformation:{verb}*" for verb in ("Describe", "Get", "List")]
    assert [s["NotAction"] for s in denied] == [reading]
    (passing,) = [s for s in statements if lists(s, "iam:PassRole")]
    assert passing["Resource"] == {"Fn::GetAtt": ["CloudFormationRole", "Arn"]}
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}


def test_planner_reads_all_the_deployer_reads_but_ledger(sandbox_env: Environment) -> None:
    """The planner reads all that the deployer reads, except the ledger and the lease."""

    def reads(title: str) -> set[str]:
        allowed = actions(statements_of(sandbox_env, title))
        return {a for a in allowed if a.partition(":")[2].startswith(READING)}

    without = reads("DeployerRole") - reads("PlannerRole")
    assert {action.partition(":")[0] for action in without} == {"dynamodb", "s3"}
    assert reads("PlannerRole") < reads("DeployerRole")


def test_planner_reads_the_git_secret_alone_that_may_not_write(sandbox_env: Environment, prod_env: Environment) -> None:
    """It read the credentials that push to the branch which Argo CD follows. Without others it reads none."""

    def of_secrets(env: Environment, title: str) -> dict[str, Any]:
        statements = [s for s in statements_of(env, title) if lists(s, "secretsmanager:GetSecretValue")]
        return {s["Effect"]: s.get("Resource", s.get("NotResource")) for s in statements}

    def secret(env: Environment, name: str) -> str:
        return build_arn(env, "secretsmanager", f"secret:{env.parameter_path(f'git/{name}')}-??????")

    reader = secret(sandbox_env, "read-only-credentials")
    assert of_secrets(sandbox_env, "PlannerRole") == {"Allow": reader, "Deny": [reader]}
    both = [secret(sandbox_env, "credentials"), reader]
    assert of_secrets(sandbox_env, "DeployerRole") == {"Allow": both, "Deny": both}
    assert of_secrets(prod_env, "PlannerRole") == {"Deny": "*"}


def test_planner_trusts_pipeline_and_its_account(prod_env: Environment) -> None:
    """The pipeline's role and identities of the account may assume the planner, without an external id."""
    assume, tag = resources_of(prod_env, "IAM::Role")["PlannerRole"]["AssumeRolePolicyDocument"]["Statement"]
    trusted = ["arn:aws:iam::999900001111:role/eks-assets-pipeline", "arn:aws:iam::444455556666:root"]
    assert assume["Principal"] == tag["Principal"] == {"AWS": trusted}
    assert (assume["Action"], tag["Action"]) == ("sts:AssumeRole", "sts:TagSession")
    assert "Condition" not in assume


def test_pipeline_may_assume_deployer_planner_and_destroyer(sandbox_env: Environment) -> None:
    """The account's own pipeline role may assume these three."""
    (becoming,) = [s for s in statements_of(sandbox_env, "PipelineRole") if s["Effect"] == "Allow"]
    roles = resources_of(sandbox_env, "IAM::Role")
    names = [roles[title]["RoleName"] for title in ("DeployerRole", "PlannerRole", "DestroyerRole")]
    assert becoming["Resource"] == [build_arn(sandbox_env, "iam", f"role/{name}", region="") for name in names]


def test_bootstrap_outputs_planner_role(prod_env: Environment) -> None:
    """The bootstrap's outputs name the planner's role."""
    assert "planner_role_arn" in bootstrap_stack.BootstrapOutputs.model_fields
    outputs = bootstrap_stack.build_bootstrap_stack(prod_env).template["Outputs"]
    assert outputs["PlannerRoleArn"]["Value"] == {"Fn::GetAtt": ["PlannerRole", "Arn"]}
