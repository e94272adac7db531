"""What must exist before the first deploy: names within AWS's limits, rights that end where they should."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint
import pytest
from typer.testing import CliRunner

from eks_assets.cli.app import app
from eks_assets.desired import desired
from eks_assets.units import registry
from resources import bootstrap
from resources.bootstrap_names import cloudformation_role, deployer_role, ledger_key_alias, pipeline_role
from resources.bootstrap_stack_rights import name_pattern, stack_rights
from resources.drivers.stack import stack_outputs
from resources.environment import Environment, HostedZone, Roles
from resources.environment_files import load_environment
from resources.errors import ConfigError
from resources.outputs import plain
from resources.specs import Stack

Lint = Callable[[dict[str, Any]], list[str]]
ENVIRONMENTS = ("sandbox", "acme-dev", "acme-prod")
# Permissions of CloudFormation's handlers that our stacks have no use for: features that no template switches on, and
# the two that the pipeline must not have, reading secrets and taking a boundary off a role.
UNUSED = [
    "acm-pca:*",
    "autoscaling:DescribeTags",
    "firehose:*",
    "s3tables:*",
    "vpc-lattice:*",
    "vpce:*",
    "ec2:AcceptAddressTransfer",
    "ec2:*VpnGateway",
    "ec2:CreateVpcEncryptionControl",
    "iam:*GroupPolicy",
    "iam:*UserPolicy",
    "iam:DeleteRolePermissionsBoundary",
    "route53:*QueryLoggingConfig",
    "s3:*MetadataTableConfiguration",
    "s3:*Metadata*TableConfiguration",
    "s3:DeleteBucket?*",
    "s3:DeleteObject",
    "s3:PutObjectAcl",
    "s3:REST.PUT.OBJECT",
    "secretsmanager:GetSecretValue",
]


def resources_of(env: Environment, kind: str) -> dict[str, dict[str, Any]]:
    found = plain(bootstrap.template(env))["Resources"].items()
    return {title: r["Properties"] for title, r in found if r["Type"] == f"AWS::{kind}"}


def statements_of(env: Environment, title: str) -> list[dict[str, Any]]:
    role = resources_of(env, "IAM::Role")[title]
    return [s for p in role.get("Policies", []) for s in p["PolicyDocument"]["Statement"]]


def actions(statements: Iterable[dict[str, Any]], effect: str = "Allow") -> list[str]:
    return [action for s in statements if s["Effect"] == effect for action in s["Action"]]


@cache
def handlers_of_our_stacks() -> dict[str, dict[str, set[str]]]:
    """The permissions that CloudFormation's schemas name, by resource type and handler, for every stack of ours."""
    schemas = Path(cfnlint.__file__).parent / "data" / "schemas"
    index = json.loads((schemas / "providers" / "us-east-1.json").read_text())
    found: dict[str, dict[str, set[str]]] = {}
    for kind in {kind for name in ENVIRONMENTS for kind in types_of(load_environment(name))}:
        schema = json.loads((schemas / "resources" / f"{index[kind]}.json").read_text())
        handlers = schema.get("handlers", {}).items()
        found[kind] = {handler: set(h["permissions"]) for handler, h in handlers if handler != "list"}
    return found


def types_of(env: Environment) -> Iterator[str]:
    for unit in registry().units:
        if unit.is_enabled(env):
            spec = desired(registry(), env, unit, {})
            if isinstance(spec, Stack):
                yield from (r["Type"] for r in plain(spec.template)["Resources"].values())


def missing(wanted: Iterable[str], allowed: Iterable[str]) -> set[str]:
    patterns = [*allowed, *UNUSED]
    return {action for action in wanted if not any(fnmatchcase(action, pattern) for pattern in patterns)}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_template_passes_cfn_lint_and_fits(name: str, lint: Lint) -> None:
    spec = bootstrap.stack(load_environment(name))
    assert spec.name == f"{load_environment(name).resource_prefix}-bootstrap"
    assert lint(spec.template) == []
    assert len(json.dumps(plain(spec.template))) < 51_200  # the largest template that is sent inline
    keys = spec.template["Outputs"]
    read = stack_outputs(spec, [{"OutputKey": key, "OutputValue": key} for key in keys])
    assert isinstance(read, bootstrap.BootstrapOutputs)
    assert read.ledger_bucket == "LedgerBucket"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_policies_fit_into_iams_quotas(name: str) -> None:
    env = load_environment(name)

    def size(document: Any) -> int:
        return len(json.dumps(document, separators=(",", ":")))

    for title, policy in resources_of(env, "IAM::ManagedPolicy").items():
        assert size(policy["PolicyDocument"]) <= 6_144, title
    for title, role in resources_of(env, "IAM::Role").items():
        assert sum(size(p["PolicyDocument"]) for p in role.get("Policies", [])) <= 10_240, title


def test_names_stay_within_the_limits_for_the_longest_prefix(sandbox_env: Environment) -> None:
    longest = sandbox_env.model_copy(
        update={"tenant": "t" * 20, "target_env": "e" * 20, "region": "ap-northeast-1", "roles": Roles()}
    )
    other = longest.model_copy(update={"region": "ap-northeast-2"})
    assert len(bootstrap.ledger_bucket(longest)) <= 63
    assert bootstrap.ledger_bucket(longest) != bootstrap.ledger_bucket(other)
    assert len(bootstrap.lease_table(longest)) <= 255
    assert len(ledger_key_alias(longest)) <= 256
    pipeline = pipeline_role(longest)
    assert pipeline is not None
    assert max(len(r.name) for r in (pipeline, deployer_role(longest), cloudformation_role(longest))) <= 64
    assert len(bootstrap.stack(longest).name) <= 128
    # CloudFormation keeps at least 24 characters of the stack's name in what it generates.
    assert fnmatchcase(longest.stack_name("efs")[:24] + "-Role-ABC", name_pattern(longest))


def test_names_are_derived_from_prefix_account_and_region(sandbox_env: Environment) -> None:
    assert bootstrap.ledger_bucket(sandbox_env) == "demo-sandbox-ledger-000000000000-us-west-2"
    assert bootstrap.lease_table(sandbox_env) == "demo-sandbox-lease"
    unnamed = sandbox_env.model_copy(update={"roles": Roles()})
    names = {title: role["RoleName"] for title, role in resources_of(unnamed, "IAM::Role").items()}
    assert names == {
        "PipelineRole": "demo-sandbox-pipeline",
        "DeployerRole": "demo-sandbox-deployer",
        "CloudFormationRole": "demo-sandbox-cloudformation",
    }


def test_roles_get_the_names_that_the_environment_gives(sandbox_env: Environment, prod_env: Environment) -> None:
    roles = resources_of(prod_env, "IAM::Role")
    # The pipeline role is of another account, so it is made there.
    assert {t: r["RoleName"] for t, r in roles.items()} == {
        "DeployerRole": "eks-assets-deployer",
        "CloudFormationRole": "eks-assets-cloudformation",
    }
    assert {r["PermissionsBoundary"] for r in roles.values()} == {prod_env.roles.permissions_boundary}
    named = Roles.model_validate({"cloudformation": "arn:aws:iam::000000000000:role/a/b/maker"})
    with_path = sandbox_env.model_copy(update={"roles": named})
    maker = resources_of(with_path, "IAM::Role")["CloudFormationRole"]
    assert (maker["RoleName"], maker["Path"]) == ("maker", "/a/b/")


def test_deployer_trusts_the_pipeline_with_its_external_id(sandbox_env: Environment, prod_env: Environment) -> None:
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


def test_ledger_is_versioned_encrypted_and_closed(prod_env: Environment) -> None:
    (bucket,) = resources_of(prod_env, "S3::Bucket").values()
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["ObjectLockEnabled"] is True
    (table,) = resources_of(prod_env, "DynamoDB::Table").values()
    assert table["KeySchema"] == [{"AttributeName": "environment", "KeyType": "HASH"}]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    kept = plain(bootstrap.template(prod_env))["Resources"]
    assert {kept[t]["DeletionPolicy"] for t in ("LedgerBucket", "LedgerKey", "LeaseTable")} == {"RetainExceptOnCreate"}


def test_deployer_reads_the_git_secret_only_and_cannot_erase_the_ledger(prod_env: Environment) -> None:
    statements = statements_of(prod_env, "DeployerRole")
    denied = next(s for s in statements if s["Effect"] == "Deny" and "secretsmanager:GetSecretValue" in s["Action"])
    git = "arn:aws:secretsmanager:eu-west-1:444455556666:secret:/acme/prod/git/credentials-??????"
    assert denied["NotResource"] == [git]
    allowing = [s for s in statements if s["Effect"] == "Allow" and "secretsmanager:GetSecretValue" in s["Action"]]
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


def test_deployer_changes_stacks_of_its_environment_but_not_the_bootstrap(prod_env: Environment) -> None:
    statements = statements_of(prod_env, "DeployerRole")
    change = next(s for s in statements if "cloudformation:ExecuteChangeSet" in s["Action"] and s["Effect"] == "Allow")
    head = "arn:aws:cloudformation:eu-west-1:444455556666:stack"
    assert change["Resource"] == [f"{head}/acme-prod-*/*", f"{head}/Karpenter-acme-prod-cluster/*"]
    own = next(s for s in statements if "cloudformation:ExecuteChangeSet" in s["Action"] and s["Effect"] == "Deny")
    assert own["Resource"] == f"{head}/acme-prod-bootstrap/*"
    (passing,) = [s for s in statements if "iam:PassRole" in s["Action"]]
    assert passing["Resource"] == {"Fn::GetAtt": ["CloudFormationRole", "Arn"]}
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}


def test_charts_are_pulled_from_the_accounts_registry_only_where_they_lie_there(
    sandbox_env: Environment, prod_env: Environment
) -> None:
    assert "ecr:GetAuthorizationToken" in actions(statements_of(prod_env, "DeployerRole"))
    assert "ecr:GetAuthorizationToken" not in actions(statements_of(sandbox_env, "DeployerRole"))


def test_stack_rights_go_to_whoever_cloudformation_acts_as(sandbox_env: Environment, prod_env: Environment) -> None:
    def holders(env: Environment) -> set[str]:
        return {role["Ref"] for p in resources_of(env, "IAM::ManagedPolicy").values() for role in p["Roles"]}

    assert holders(prod_env) == {"CloudFormationRole"}
    assert holders(sandbox_env) == {"CloudFormationRole", "DeployerRole"}


def test_stack_rights_cover_every_handler_of_every_stack(prod_env: Environment) -> None:
    allowed = actions(s for statements in stack_rights(prod_env).values() for s in statements)
    gaps = {
        kind: lacking
        for kind, handlers in handlers_of_our_stacks().items()
        if (lacking := missing(set().union(*handlers.values()), allowed))
    }
    assert gaps == {}
    assert len(handlers_of_our_stacks()) > 20


def test_deployer_can_read_what_drift_detection_compares(prod_env: Environment) -> None:
    allowed = actions(statements_of(prod_env, "DeployerRole"))
    gaps = {
        k: lacking for k, h in handlers_of_our_stacks().items() if (lacking := missing(h.get("read", set()), allowed))
    }
    assert gaps == {}


def test_stack_rights_are_never_everything(prod_env: Environment) -> None:
    for statement in (s for statements in stack_rights(prod_env).values() for s in statements):
        if statement["Effect"] == "Allow":
            assert not [a for a in statement["Action"] if a.endswith(":*") or a == "*"]


def test_stacks_make_roles_only_under_the_boundary_and_leave_the_pipelines_own_alone(prod_env: Environment) -> None:
    statements = stack_rights(prod_env)["IdentityStackRights"]
    empowering = next(s for s in statements if "iam:CreateRole" in s["Action"])
    boundary = prod_env.roles.permissions_boundary
    assert empowering["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    assert empowering["Resource"] == [
        "arn:aws:iam::444455556666:role/acme-prod-*",
        "arn:aws:iam::444455556666:role/KarpenterNodeRole-acme-prod-cluster",
    ]
    (denied,) = [s for s in statements if s["Effect"] == "Deny"]
    assert {"arn:aws:iam::444455556666:role/eks-assets-deployer", boundary} < set(denied["Resource"])
    assert any(fnmatchcase("iam:PutRolePolicy", pattern) for pattern in denied["Action"])


def test_parameters_outside_the_environments_path_are_reachable_too(sandbox_env: Environment) -> None:
    own = sandbox_env.parameters.model_copy(update={"efs_file_system_id": "/shared/efs"})
    changed = sandbox_env.model_copy(update={"parameters": own})
    put = next(s for s in statements_of(changed, "DeployerRole") if "ssm:PutParameter" in s["Action"])
    head = "arn:aws:ssm:us-west-2:000000000000:parameter"
    assert put["Resource"] == [f"{head}/demo/sandbox/*", f"{head}/shared/efs"]


def test_records_are_changed_in_the_environments_zone_alone(sandbox_env: Environment) -> None:
    def zones(env: Environment) -> str:
        rights = stack_rights(env)["PlatformStackRights"]
        found: str = next(s for s in rights if "route53:Change*" in s["Action"])["Resource"]
        return found

    assert zones(sandbox_env) == "arn:aws:route53:::hostedzone/*"  # its id is known only once it exists
    named = HostedZone(name="example.com", id="Z0EXISTS")
    assert zones(sandbox_env.model_copy(update={"hosted_zone": named})) == "arn:aws:route53:::hostedzone/Z0EXISTS"


def test_print_writes_the_template_and_nothing_else() -> None:
    result = CliRunner().invoke(app, ["bootstrap", "acme-prod", "--print"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == plain(bootstrap.template(load_environment("acme-prod")))


@pytest.mark.parametrize("options", [[], ["--print", "--apply"]])
def test_bootstrap_needs_one_of_print_and_apply(options: list[str]) -> None:
    result = CliRunner().invoke(app, ["bootstrap", "acme-prod", *options])
    assert isinstance(result.exception, ConfigError)
    assert "exactly one of --print and --apply" in str(result.exception)
