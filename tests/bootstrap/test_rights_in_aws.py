"""What AWS answers the deployer and the planner: two environments, bootstrapped in one account of the embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.aws.session import Aws, Source
from resources.bootstrap.boundary_check import check_boundaries
from resources.bootstrap.stack import BootstrapOutputs, build_bootstrap_stack
from resources.cloudformation import ENVIRONMENT_TAG, boundary_arn, build_arn
from resources.config.environment import DeployerRole, Environment, Roles
from resources.config.loader import load_environment
from resources.context import Context
from resources.drivers.stack.driver import StackDriver
from resources.model.outputs import plain_document
from resources.model.specs import Stack
from tests.helpers.embedded_aws_server import EVERYTHING, refused
from tests.helpers.embedded_aws_server import Aws as Server

TOPIC = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})


@dataclass(frozen=True)
class Account:
    """An account with two environments: `ours`, and `theirs`, whose name begins as ours does."""

    server: Server
    ours: Environment
    theirs: Environment
    outputs: dict[str, BootstrapOutputs]

    def aws(self, env: Environment, **who: Any) -> Aws:
        source = Source(env.region, f"http://127.0.0.1:{self.server.port}", "AKIAROOT", "root-secret")
        return Aws(env, source, **who)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    server = Server(tmp_path_factory.mktemp("embedded-aws")).start()
    ours, theirs = named("sandbox"), named("sandbox-dr")
    both = Account(server, ours, theirs, {})
    for env in (ours, theirs):
        context = Context(env.model_copy(update={"roles": Roles()}), both.aws(env, as_deployer=False))
        spec = build_bootstrap_stack(env)
        StackDriver().apply(spec, context)
        outputs = StackDriver().outputs(spec, context)
        assert isinstance(outputs, BootstrapOutputs)
        both.outputs[env.name] = outputs
    yield both
    server.stop()


def named(name: str) -> Environment:
    env = load_environment("sandbox").model_copy(update={"name": name, "target_env": name, "roles": Roles()})
    arn = build_arn(env, "iam", f"role/demo-{name}", region="")
    roles = Roles(deployer=DeployerRole(arn=f"{arn}-deployer"), planner=f"{arn}-planner")
    return env.model_copy(update={"roles": roles})


def denied(call: Any, **arguments: Any) -> None:
    assert "AccessDenied" in refused(call, **arguments)


def trusting(arn: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


EVERY_RIGHT = json.dumps(EVERYTHING)


def test_role_that_deployer_makes_writes_no_approval(account: Account) -> None:
    """The deployer makes no role without the boundary; the role that it makes, with every right, approves nothing."""
    env = account.ours
    iam = account.aws(env).client("iam")
    name = f"{env.stack_name('network')}-Forger"
    tags = [{"Key": ENVIRONMENT_TAG, "Value": env.name}]
    made: dict[str, Any] = {"RoleName": name, "AssumeRolePolicyDocument": trusting("*"), "Tags": tags}
    denied(iam.create_role, **made)
    denied(iam.create_role, **made, PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess")
    arn = iam.create_role(**made, PermissionsBoundary=boundary_arn(env))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=EVERY_RIGHT)
    denied(iam.delete_role_permissions_boundary, RoleName=name)
    keys = account.server.client("sts").assume_role(RoleArn=arn, RoleSessionName="alice")["Credentials"]
    as_alice = (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    ssm, forged = account.server.client("ssm", *as_alice), {"Value": "approve", "Type": "String", "Overwrite": True}
    ssm.put_parameter(Name="/elsewhere", **forged)  # it has every right
    for env in (account.ours, account.theirs):
        denied(ssm.put_parameter, Name=env.parameter_path("approvals/1"), **forged)
    denied(account.server.client("iam", *as_alice).create_user, UserName="mallory")
    denied(account.server.client("iam", *as_alice).delete_role_permissions_boundary, RoleName=name)
    deployer = account.outputs[account.ours.name].deployer_role_arn
    denied(account.server.client("sts", *as_alice).assume_role, RoleArn=deployer, RoleSessionName="mallory")


def test_deployer_leaves_the_other_environments_roles_and_bootstrap(account: Account) -> None:
    """The other's deployer, its approvers' policy, its stack of bootstrap and its ledger are out of reach."""
    ours, theirs = account.aws(account.ours), account.theirs
    iam, role = ours.client("iam"), f"demo-{theirs.name}-deployer"
    denied(iam.update_assume_role_policy, RoleName=role, PolicyDocument=trusting("*"))
    denied(iam.put_role_policy, RoleName=role, PolicyName="everything", PolicyDocument=EVERY_RIGHT)
    denied(iam.untag_role, RoleName=role, TagKeys=[ENVIRONMENT_TAG])
    approvers = account.outputs[theirs.name].approver_policy_arn
    denied(iam.create_policy_version, PolicyArn=approvers, PolicyDocument=EVERY_RIGHT, SetAsDefault=True)
    denied(ours.client("cloudformation").delete_stack, StackName=theirs.stack_name("bootstrap"))
    denied(ours.client("s3").delete_bucket, Bucket=account.outputs[theirs.name].ledger_bucket)


def test_deployer_changes_nothing_of_its_own_bootstrap(account: Account) -> None:
    """Its own bootstrap's stack, roles, boundary and the ledger's key stay as the administrator made them."""
    ours, env = account.aws(account.ours), account.ours
    stacks, iam, kms = ours.client("cloudformation"), ours.client("iam"), ours.session.client
    stack = env.stack_name("bootstrap")
    assert stacks.describe_stacks(StackName=stack)["Stacks"]
    for call in (stacks.cancel_update_stack, stacks.continue_update_rollback, stacks.delete_stack):
        denied(call, StackName=stack)
    denied(iam.put_role_policy, RoleName="demo-sandbox-deployer", PolicyName="more", PolicyDocument=EVERY_RIGHT)
    boundary = boundary_arn(env)
    denied(iam.create_policy_version, PolicyArn=boundary, PolicyDocument=EVERY_RIGHT, SetAsDefault=True)
    denied(iam.delete_policy, PolicyArn=boundary)
    key = account.outputs[env.name].ledger_key_arn
    client: Any = kms("kms", endpoint_url=ours.source.endpoint)
    denied(client.put_key_policy, KeyId=key, PolicyName="default", Policy=EVERY_RIGHT)
    denied(client.schedule_key_deletion, KeyId=key)


def test_planner_leaves_no_empty_stack_behind(account: Account) -> None:
    """The planner's change sets are of stacks that exist: a new one is refused, and nothing is left."""
    env = account.ours
    root = account.server.client("cloudformation")
    change: dict[str, Any] = {"ChangeSetName": "look", "TemplateBody": TOPIC}
    tags = [{"Key": ENVIRONMENT_TAG, "Value": env.name}]
    planner = account.aws(env, planning=True).client("cloudformation")
    new = env.stack_name("efs")
    denied(planner.create_change_set, StackName=new, ChangeSetType="CREATE", Tags=tags, **change)
    assert new not in [s["StackName"] for s in root.describe_stacks()["Stacks"]]
    existing = env.stack_name("notifications")
    root.create_stack(StackName=existing, TemplateBody=TOPIC, Tags=tags)
    root.get_waiter("stack_create_complete").wait(StackName=existing, WaiterConfig={"Delay": 1})
    planner.create_change_set(StackName=existing, ChangeSetType="UPDATE", **change)


@pytest.mark.parametrize("name", ["deploy_requests", "network", "secrets", "service_account_roles"])
def test_deployer_makes_the_units_stacks_and_planner_previews_them(account: Account, name: str) -> None:
    """The rights are enough: the deployer makes a stack, in which roles are under the boundary, and the planner plans
    a change of it."""
    env, registry = account.ours, load_registry()
    spec = render_spec(registry, env, registry[name], {})
    assert isinstance(spec, Stack)
    driver, deployer = StackDriver(), Context(env, account.aws(env))
    check_boundaries(deployer)
    driver.apply(spec, deployer)
    assert not driver.plan(spec, driver.observe(spec, deployer)).is_needed
    planner = Context(env, account.aws(env, planning=True))
    changed = spec.model_copy(update={"tags": {**spec.tags, "more": "1"}})
    observed = driver.observe(changed, planner)
    assert observed is not None
    change = driver.preview(changed, observed, driver.plan(changed, observed), planner)
    assert change.action == "update"


@pytest.mark.parametrize("name", ["network", "service_account_roles"])
def test_stacks_of_before_get_the_boundary_without_replacement(account: Account, name: str) -> None:
    """Stacks whose roles were deployed without a boundary are updated in place: no plan shows a replacement."""
    env, registry = account.theirs, load_registry()
    spec = render_spec(registry, env, registry[name], {})
    assert isinstance(spec, Stack)
    template = plain_document(spec.template)
    for resource in template["Resources"].values():
        resource["Properties"].pop("PermissionsBoundary", None)
    driver = StackDriver()
    driver.apply(spec.model_copy(update={"template": template}), Context(env, account.aws(env, as_deployer=False)))
    roles = role_ids(account, spec.name)
    planner, deployer = Context(env, account.aws(env, planning=True)), Context(env, account.aws(env))
    observed = driver.observe(spec, planner)
    assert observed is not None
    change = driver.preview(spec, observed, driver.plan(spec, observed), planner)
    assert change.action == "update"
    assert not [field.path for field in change.fields if field.replaces]
    driver.apply(spec, deployer)
    assert role_ids(account, spec.name) == roles


def role_ids(account: Account, stack: str) -> dict[str, str]:
    resources = account.server.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    names = [r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::IAM::Role"]
    return {name: account.server.client("iam").get_role(RoleName=name)["Role"]["RoleId"] for name in names}
