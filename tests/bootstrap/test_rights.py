"""What bootstrap lets CloudFormation, the deployer and approvers do: all that the stacks need, and no grant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import cfnlint
import pytest

from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from eks_assets.units.cluster._karpenter_policies import POLICY_NAMES, policy_name
from resources.bootstrap import stack as bootstrap_stack
from resources.bootstrap.ownership import KARPENTER_POLICIES, UNITS_WITH_ROLES, UNITS_WITH_STACKS
from resources.bootstrap.stack_rights import stack_rights
from resources.cloudformation import build_arn
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.config.settings.network import HostedZone
from resources.model.outputs import plain_document
from resources.model.specs import Stack
from tests.bootstrap.bootstrap_documents import ENVIRONMENTS, actions, lists, resources_of, statements_of
from tests.helpers.published import configured

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


@cache
def handlers_of_our_stacks() -> dict[str, dict[str, set[str]]]:
    """The permissions that CloudFormation's schemas name, by resource type and handler, for every stack of ours."""
    schemas = Path(cfnlint.__file__).parent / "data" / "schemas"
    index = json.loads((schemas / "providers" / "us-east-1.json").read_text())
    permissions: dict[str, dict[str, set[str]]] = {}
    for kind in {kind for name in ENVIRONMENTS for kind in types_of(load_environment(name))}:
        schema = json.loads((schemas / "resources" / f"{index[kind]}.json").read_text())
        handlers = schema.get("handlers", {}).items()
        permissions[kind] = {handler: set(h["permissions"]) for handler, h in handlers if handler != "list"}
    return permissions


def types_of(env: Environment) -> Iterator[str]:
    for unit in load_registry().units:
        if unit.is_enabled(env):
            spec = render_spec(load_registry(), env, unit, {})
            if isinstance(spec, Stack):
                yield from (r["Type"] for r in plain_document(spec.template)["Resources"].values())


def missing(wanted: Iterable[str], allowed: Iterable[str]) -> set[str]:
    patterns = [*allowed, *UNUSED]
    return {action for action in wanted if not any(fnmatchcase(action, pattern) for pattern in patterns)}


def test_names_of_stacks_are_those_of_the_units(prod_env: Environment) -> None:
    """Rights over stacks and roles name every unit that has some, and no other."""
    # A network that is looked up has no stack.
    stacks = {unit.name for unit in load_registry().units if issubclass(unit.spec_type, Stack)} | {"network"}
    assert set(UNITS_WITH_STACKS) == stacks - {"karpenter_stack"}
    everything = configured(prod_env, **CLUSTER_ROLES)
    with_roles = {unit for env in (prod_env, everything) for unit in units_with_roles(env)}
    assert with_roles <= {*UNITS_WITH_ROLES, "karpenter_stack"}
    assert [policy_name(name, "c") for name in sorted(POLICY_NAMES)] == [
        f"KarpenterController{name}Policy-c" for name in KARPENTER_POLICIES
    ]


def units_with_roles(env: Environment) -> Iterator[str]:
    for unit in load_registry().units:
        spec = render_spec(load_registry(), env, unit, {}) if unit.is_enabled(env) else None
        if isinstance(spec, Stack):
            kinds = {r["Type"] for r in plain_document(spec.template)["Resources"].values()}
            yield from [unit.name] if "AWS::IAM::Role" in kinds else []


def test_stack_rights_go_to_role_that_cloudformation_uses(sandbox_env: Environment, prod_env: Environment) -> None:
    """The rights of stacks go to CloudFormation's role; in the sandbox to deployer and destroyer, too."""

    def holders(env: Environment) -> set[str]:
        policies = resources_of(env, "IAM::ManagedPolicy").items()
        return {role["Ref"] for title, p in policies if title.endswith("StackRights") for role in p["Roles"]}

    assert holders(prod_env) == {"CloudFormationRole"}
    assert holders(sandbox_env) == {"CloudFormationRole", "DeployerRole", "DestroyerRole"}


def test_stack_rights_cover_handlers_of_all_stacks(prod_env: Environment) -> None:
    """Every permission that CloudFormation's schemas name for our resource types is allowed."""
    allowed = actions(s for statements in stack_rights(prod_env).values() for s in statements)
    gaps = {
        kind: lacking
        for kind, handlers in handlers_of_our_stacks().items()
        if (lacking := missing(set().union(*handlers.values()), allowed))
    }
    assert gaps == {}
    assert len(handlers_of_our_stacks()) > 20


def test_deployer_can_read_what_drift_detection_reads(prod_env: Environment) -> None:
    """The deployer may call what the read handlers of our resource types call."""
    allowed = actions(statements_of(prod_env, "DeployerRole"))
    gaps = {
        k: lacking for k, h in handlers_of_our_stacks().items() if (lacking := missing(h.get("read", set()), allowed))
    }
    assert gaps == {}


def test_stack_rights_never_allow_whole_service(prod_env: Environment) -> None:
    """No statement allows all actions, or all actions of a service."""
    allowed = actions(s for statements in stack_rights(prod_env).values() for s in statements)
    assert len(allowed) > 100
    assert [action for action in allowed if action.endswith(":*") or action == "*"] == []


def test_stacks_make_roles_under_boundary_but_never_pipelines(prod_env: Environment) -> None:
    """Stacks make roles under the permissions boundary only, and change neither it nor the pipeline's roles."""
    making = stack_rights(prod_env)["RoleStackRights"]
    boundary = prod_env.roles.permissions_boundary
    for action in ("iam:CreateRole", "iam:PutRolePolicy"):
        empowering = next(s for s in making if lists(s, action))
        assert empowering["Condition"]["StringEquals"]["iam:PermissionsBoundary"] == [boundary]
        head = "arn:aws:iam::444455556666:role"
        assert {f"{head}/acme-prod-network-*", f"{head}/KarpenterNodeRole-acme-prod-cluster"} < set(
            empowering["Resource"]
        )
        assert f"{head}/acme-prod-*" not in empowering["Resource"]
    (denied,) = [s for s in stack_rights(prod_env)["IdentityStackRights"] if s["Effect"] == "Deny"]
    assert {"arn:aws:iam::444455556666:role/eks-assets-deployer", boundary} < set(denied["Resource"])
    assert any(fnmatchcase("iam:PutRolePolicy", pattern) for pattern in denied["Action"])


HEAD = "arn:aws:iam::444455556666:role"
CLUSTER_ROLES = {
    "managedNodeGroups": [{"name": "system", "iam": {"instanceRoleARN": f"{HEAD}/nodes"}}],
    "fargateProfiles": [
        {"name": "jobs", "selectors": [{"namespace": "jobs"}], "podExecutionRoleARN": f"{HEAD}/path/fargate"}
    ],
    "autoModeConfig": {"enabled": False, "nodeRoleARN": f"{HEAD}/auto"},
    "addons": [
        {"name": "vpc-cni", "serviceAccountRoleARN": f"{HEAD}/cni"},
        {
            "name": "aws-ebs-csi-driver",
            "podIdentityAssociations": [{"serviceAccountName": "ebs", "roleARN": f"{HEAD}/ebs"}],
        },
    ],
    "iam": {
        "withOIDC": True,
        "serviceAccounts": [
            {"metadata": {"name": "one"}, "roleName": "shop-irsa", "wellKnownPolicies": {"certManager": True}},
            {"metadata": {"name": "two"}, "roleName": "acme-prod-x", "wellKnownPolicies": {"certManager": True}},
        ],
        "podIdentityAssociations": [
            {"namespace": "shop", "serviceAccountName": "shop", "roleARN": f"{HEAD}/shop-reader"},
            {"namespace": "shop", "serviceAccountName": "every", "roleARN": f"{HEAD}/*"},
            {"namespace": "shop", "serviceAccountName": "own", "roleARN": f"{HEAD}/eks-assets-deployer"},
            {
                "namespace": "shop",
                "serviceAccountName": "uploader",
                "roleName": "shop-uploader",
                "wellKnownPolicies": {"certManager": True},
            },
        ],
    },
}


def reached(env: Environment, action: str) -> set[str]:
    """The roles, without what all ARNs begin with, that statements allow the action on, and none denies it on."""
    statements = [s for policy in stack_rights(env).values() for s in policy]
    matching = [s for s in statements if any(fnmatchcase(action, pattern) for pattern in s.get("Action", []))]
    roles = {e: {r for s in matching if s["Effect"] == e for r in s["Resource"]} for e in ("Allow", "Deny")}
    return {role.removeprefix(f"{HEAD}/") for role in roles["Allow"] - roles["Deny"] if role.startswith(HEAD)}


def test_stacks_reach_only_roles_that_cluster_file_names(prod_env: Environment) -> None:
    """A role that the cluster's file names is made or passed by stacks as needed, and no other."""
    env = configured(prod_env, **CLUSTER_ROLES)
    new = reached(env, "iam:CreateRole") - reached(prod_env, "iam:CreateRole")
    assert new == {"acme-prod-x", "shop-irsa", "shop-uploader"}
    assert new == reached(env, "iam:DeleteRolePolicy") - reached(prod_env, "iam:DeleteRolePolicy")
    passed = reached(env, "iam:PassRole") - reached(prod_env, "iam:PassRole")
    assert passed == {*new, "nodes", "path/fargate", "auto", "cni", "ebs", "shop-reader"}
    makers = [s for policy in stack_rights(env).values() for s in policy if lists(s, "iam:CreateRole")]
    boundaries = [s["Condition"]["StringEquals"]["iam:PermissionsBoundary"] for s in makers]
    assert boundaries == [[prod_env.roles.permissions_boundary]] * len(makers)


def test_policies_with_many_long_roles_fit_iam_quota(prod_env: Environment) -> None:
    """Thirty roles with the longest names fit into IAM's quota for a policy."""
    accounts = [
        {"metadata": {"name": f"a{n}"}, "roleName": f"{n:x<64}", "wellKnownPolicies": {"certManager": True}}
        for n in range(30)
    ]
    env = configured(prod_env, iam={"withOIDC": True, "serviceAccounts": accounts})
    policies = resources_of(env, "IAM::ManagedPolicy")
    sizes = {title: len(json.dumps(p["PolicyDocument"], separators=(",", ":"))) for title, p in policies.items()}
    assert max(sizes.values()) <= 6_144, sizes
    assert len({role for role in reached(env, "iam:CreateRole") if "xxx" in role}) == 30


def test_stacks_change_records_in_own_zone_only(sandbox_env: Environment) -> None:
    """DNS records are changed in the environment's hosted zone alone, as soon as its id is known."""

    def zones(env: Environment) -> str:
        rights = stack_rights(env)["NamesStackRights"]
        zone: str = next(s for s in rights if "route53:Change*" in s.get("Action", []))["Resource"]
        return zone

    assert zones(sandbox_env) == "arn:aws:route53:::hostedzone/*"  # its id is known only once it exists
    named = HostedZone(name="example.com", id="Z0EXISTS")
    assert zones(sandbox_env.model_copy(update={"hosted_zone": named})) == "arn:aws:route53:::hostedzone/Z0EXISTS"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_pipeline_roles_cannot_write_or_delete_grants(name: str) -> None:
    """No role of the pipeline may write, delete, label or tag a grant, be it of another environment."""
    env = load_environment(name)
    grants = build_arn(env, "ssm", "parameter/*/approvals/*")
    refused = ("AddTagsToResource", "DeleteParameter", "DeleteParameters", "LabelParameterVersion", "PutParameter")
    for title in resources_of(env, "IAM::Role"):
        denied = [s for s in statements_of(env, title) if s["Effect"] == "Deny" and s.get("Resource") == grants]
        assert {action for s in denied for action in s.get("Action", [])} >= {f"ssm:{verb}" for verb in refused}, title


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_pipeline_roles_cannot_write_or_delete_anchored_gates(name: str) -> None:
    """No role of the pipeline may write, delete, label or tag what bootstrap anchored, of no environment."""
    env = load_environment(name)
    anchors = build_arn(env, "ssm", "parameter/*/bootstrap/*")
    refused = ("AddTagsToResource", "DeleteParameter", "DeleteParameters", "LabelParameterVersion", "PutParameter")
    for title in resources_of(env, "IAM::Role"):
        denied = [s for s in statements_of(env, title) if s["Effect"] == "Deny" and s.get("Resource") == anchors]
        assert {action for s in denied for action in s["Action"]} >= {f"ssm:{verb}" for verb in refused}, title


def test_approvers_read_what_tells_how_a_request_stands(prod_env: Environment) -> None:
    """The anchored gate, and the roles that others voted through; they write neither."""
    statements = resources_of(prod_env, "IAM::ManagedPolicy")["ApproverPolicy"]["PolicyDocument"]["Statement"]
    by_action = {action: s["Resource"] for s in statements if s["Effect"] == "Allow" for action in s["Action"]}
    assert by_action["iam:GetRole"] == "arn:aws:iam::444455556666:role/*"
    anchor = "arn:aws:ssm:eu-west-1:444455556666:parameter/acme/prod/bootstrap/gate"
    readable = [s["Resource"] for s in statements if "ssm:GetParameter" in s["Action"]]
    assert anchor in readable
    assert "bootstrap" not in str(by_action["ssm:PutParameter"])


def test_approvers_write_grants_but_cannot_delete_them(prod_env: Environment) -> None:
    """The approver policy writes decisions and deletes none, reads the requests, and no stack may change it."""
    policy = resources_of(prod_env, "IAM::ManagedPolicy")["ApproverPolicy"]
    assert policy["ManagedPolicyName"] == "acme-prod-approver"
    statements = policy["PolicyDocument"]["Statement"]
    writing = next(s for s in statements if lists(s, "ssm:PutParameter"))
    assert writing["Resource"] == "arn:aws:ssm:eu-west-1:444455556666:parameter/acme/prod/approvals/*"
    assert "ssm:DeleteParameter" in actions(statements, "Deny")
    (reading,) = [s["Resource"] for s in statements if lists(s, "s3:GetObject")]
    assert [name.rsplit(":", 1)[-1] for name in reading] == [
        f"{bootstrap_stack.ledger_bucket(prod_env)}/{folder}/*"
        for folder in ("rejections", "releases", "requests", "ui-votes", "uses")
    ]
    denied = [s for s in stack_rights(prod_env)["IdentityStackRights"] if s["Effect"] == "Deny"]
    assert "arn:aws:iam::444455556666:policy/acme-prod-approver" in denied[0]["Resource"], "a stack could widen it"
