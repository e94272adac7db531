"""An account in which an administrator has applied bootstrap, and the stacks of a published environment in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from eks_assets.engine.known_outputs import known_outputs
from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.aws.session import Aws, Source
from resources.bootstrap.boundary import boundary_statements
from resources.bootstrap.stack import build_bootstrap_stack
from resources.config.environment import Environment, Roles
from resources.config.loader import load_environment
from resources.context import Context
from resources.drivers.registry import driver_of
from resources.drivers.stack.driver import StackDriver
from resources.model.outputs import plain_document
from resources.model.specs import Parameter, Stack
from tests.bootstrap.policy_evaluation import Ask
from tests.helpers.embedded_aws_server import Aws as Server
from tests.helpers.embedded_aws_server import wait_for
from tests.helpers.published import configured


@dataclass(frozen=True)
class Account:
    """An account of the environment's own, in which an administrator has applied bootstrap."""

    env: Environment
    server: Server
    asked: Path

    def aws(self, *, as_deployer: bool) -> Aws:
        env = self.env if as_deployer else self.env.model_copy(update={"roles": Roles()})
        source = Source(env.region, f"http://127.0.0.1:{self.server.port}", env.account, "root-secret")
        return Aws(env, source, as_deployer=as_deployer)

    def destroyer(self) -> Context:
        source = Source(self.env.region, f"http://127.0.0.1:{self.server.port}", self.env.account, "root-secret")
        return Context(self.env, Aws(self.env, source, destroying=True))

    def administrator(self) -> Context:
        env = self.env.model_copy(update={"roles": Roles()})
        return Context(env, self.aws(as_deployer=False))

    def asks(self) -> list[Ask]:
        """What IAM has been asked about CloudFormation's handlers, each once."""
        lines = [json.loads(line) for line in sorted(set(self.asked.read_text().splitlines()))]
        return [Ask(line["action"], line["resource"], line["keys"]) for line in lines]


@contextmanager
def bootstrapped(name: str, folder: Path, **fields: Any) -> Iterator[Account]:
    """The account of a published environment; `fields`: others of its ClusterConfig."""
    published = configured(load_environment(name), **fields)
    # The account that the pipeline runs in is another one than the emulation has.
    env = published.model_copy(update={"roles": published.roles.model_copy(update={"pipeline": None})})
    asked = folder / "decisions"
    server = Server(folder, root=(env.account, "root-secret"), variables={"EKS_ASSETS_DECISIONS": str(asked)}).start()
    try:
        account = Account(env, server, asked)
        make_boundary(account)
        StackDriver().apply(build_bootstrap_stack(env), account.administrator())
        let_root_be_deployer(account)
        yield account
    finally:
        server.stop()


def make_boundary(account: Account) -> None:
    """The boundary that the environment names is somebody else's; here it is as bootstrap's own would be."""
    env = account.env
    if env.roles.permissions_boundary:
        document = {"Version": "2012-10-17", "Statement": boundary_statements(env, "*")}
        name = env.roles.permissions_boundary.rpartition("/")[2]
        account.administrator().aws.client("iam").create_policy(PolicyName=name, PolicyDocument=json.dumps(document))


def let_root_be_deployer(account: Account) -> None:
    """In place of whom the environment trusts, who may be in another account."""
    env = account.env
    principal = {"AWS": f"arn:{env.partition}:iam::{env.account}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:*"}
    for role in (env.roles.deployer, env.roles.destroyer):
        if role is not None:
            account.administrator().aws.client("iam").update_assume_role_policy(
                RoleName=role.arn.rpartition("/")[2],
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            )


def make_principals(account: Account, template: str) -> None:
    """The roles of people whom the cluster lets in, which must exist."""
    client = account.administrator().aws.client("iam")
    there = {role["Arn"] for role in client.list_roles()["Roles"]}
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}]}
    named = re.findall(rf"arn:aws:iam::{account.env.account}:role/[\w+=,.@/-]+", template)
    for arn in sorted(set(named) - there):
        client.create_role(RoleName=arn.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(trust))


def make_stacks(account: Account) -> list[str]:
    """Every stack and parameter, in order, by the deployer; the names of the stacks."""
    env, registry, made = account.env, load_registry(), list[str]()
    context = Context(env, account.aws(as_deployer=True))
    for unit in registry.units:
        if not unit.is_enabled(env) or unit.spec_type.needs_cluster:
            continue
        spec = render_spec(registry, env, unit, known_outputs(registry, unit, context))
        if isinstance(spec, Stack | Parameter):
            if isinstance(spec, Stack) and unit.name == "access_entries":
                make_principals(account, json.dumps(plain_document(spec.template)))
            driver_of(spec).apply(spec, context)
        made += [spec.name] if isinstance(spec, Stack) else []
    return made


def delete_stacks(account: Account, names: list[str]) -> None:
    """All of them, the last first, by the deployer once an administrator has lifted all protection."""
    deployer, administrator = account.aws(as_deployer=True), account.administrator().aws
    administrator.client("eks").update_cluster_config(name=account.env.cluster_name, deletionProtection=False)
    for name in reversed(names):
        administrator.client("cloudformation").update_termination_protection(
            StackName=name, EnableTerminationProtection=False
        )
        deployer.client("cloudformation").delete_stack(StackName=name)
        wait_for(partial(is_gone, administrator, name), f"the deletion of {name}", seconds=60)


def is_gone(aws: Aws, name: str) -> bool:
    try:
        stack = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:
        return True
    events = aws.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    failed = [e.get("ResourceStatusReason") for e in events if e["ResourceStatus"] == "DELETE_FAILED"]
    assert stack["StackStatus"] != "DELETE_FAILED", failed
    return False
