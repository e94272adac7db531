"""An account of the embedded AWS with one stack and one parameter, to be changed behind the pipeline's back."""

from __future__ import annotations

import json
import time
from typing import Any

from eks_assets.engine.drift.detection import detect_drift
from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.graph.unit import unit
from eks_assets.plan.drift import DriftReport
from resources.aws.session import Aws, Source
from resources.bootstrap.stack import build_bootstrap_stack
from resources.config.environment import Environment, Roles
from resources.context import Context
from resources.drivers.stack.driver import StackDriver
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter, Stack
from tests.helpers.embedded_aws_server import NETWORK, policy, resource
from tests.helpers.embedded_aws_server import Aws as Server

TRUST = policy(Principal={"Service": "ec2.amazonaws.com"})
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@unit(wave="network")
def irsa_roles(env: Environment) -> Stack[NoOutputs]:
    """Two roles and a queue, in a stack that the planner may look at and nobody else makes."""
    held = {"AssumeRolePolicyDocument": TRUST, "ManagedPolicyArns": [READ_ONLY]}
    roles = {name: resource("IAM::Role", RoleName=f"{name}-role", **held) for name in ("A", "B")}
    queue = {"Queue": resource("SQS::Queue", QueueName="drifting", VisibilityTimeout=30)}
    return Stack[NoOutputs](template={"Resources": {**roles, **queue}})


@unit(wave="network")
def parameter(env: Environment) -> Parameter[NoOutputs]:
    """A parameter."""
    return Parameter[NoOutputs](name=env.parameter_path("efs/file-system-id"), value="fs-1")


class DriftingAccount:
    """An account of the embedded AWS with both units deployed, and alice, who may do everything."""

    def __init__(self, server: Server, env: Environment) -> None:
        self.server, self.env = server, env
        self.registry = Registry.of([irsa_roles, parameter])
        administrator = self.context(env.model_copy(update={"roles": Roles()}))
        StackDriver().apply(build_bootstrap_stack(env), administrator)
        spec = render_spec(self.registry, env, irsa_roles, {})
        assert isinstance(spec, Stack)
        StackDriver().apply(spec, administrator)
        iam = server.client("iam")
        iam.create_user(UserName="alice")
        everything = json.dumps(policy("*", Resource="*"))
        iam.put_user_policy(UserName="alice", PolicyName="own", PolicyDocument=everything)
        key = iam.create_access_key(UserName="alice")["AccessKey"]
        self.alice = key["AccessKeyId"], key["SecretAccessKey"]

    def context(self, env: Environment | None = None, *, planning: bool = True, run_id: str | None = None) -> Context:
        source = Source(self.env.region, f"http://127.0.0.1:{self.server.port}", "AKIAROOT", "root-secret")
        aws = Aws(env or self.env, source, planning=planning, run_id=run_id)
        return Context(env or self.env, aws, run_id=run_id)

    def drift(self) -> DriftReport:
        """Of both units; nothing looks for what nobody declared."""
        return detect_drift(self.registry, self.context(), [unit.name for unit in self.registry.units])

    def make_cluster(self, types: list[str]) -> None:
        """The environment's cluster, as far as its logging goes."""
        values = self.server.deploy("net", NETWORK)
        trust = json.dumps(policy(Principal={"Service": "eks.amazonaws.com"}))
        role = self.server.client("iam").create_role(RoleName="cluster", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self.server.client("eks").create_cluster(
            name=self.env.cluster_name,
            version="1.34",
            roleArn=role,
            resourcesVpcConfig={"subnetIds": [values["A"], values["B"]]},
            logging={"clusterLogging": [{"types": types, "enabled": True}]},
        )

    def write_audit_log(self, *records: dict[str, Any]) -> None:
        """What the API server would send: patches of ConfigMap b in namespace a, but for what the records say."""
        logs, group = self.server.client("logs"), f"/aws/eks/{self.env.cluster_name}/cluster"
        where = {"logGroupName": group, "logStreamName": "kube-apiserver-audit-1"}
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(**where)
        target = {"resource": "configmaps", "namespace": "a", "name": "b"}
        patch = {"verb": "patch", "user": {"username": "u"}, "objectRef": target, "stageTimestamp": "t"}
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": json.dumps({**patch, **record})} for record in records]
        logs.put_log_events(**where, logEvents=events)
