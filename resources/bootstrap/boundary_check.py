"""Whether the environment's permissions boundaries hold, asked before the first stack starts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from resources.aws.errors import aws_call
from resources.bootstrap.boundary import Demand, demanded_denials, demanded_rights
from resources.cloudformation import ENVIRONMENT_TAG, bootstrap_boundary_arn, boundary_arn, build_arn
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.stack.status import describe_stack
from resources.model.errors import ConfigError, NotFound
from resources.model.specs import output_key
from resources.support.memory_cache import CacheKey

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import ContextEntryTypeDef

_CHECKED: CacheKey[None] = CacheKey("permissions boundary")


def check_boundaries(context: Context) -> None:
    """Raises ConfigError where the boundary of the environment's roles, or one that its ClusterConfig names, does not
    exist, denies what the platform's roles need, or allows what none of them may do."""
    env = context.env
    for arn in dict.fromkeys([boundary_arn(env), *env.cluster.boundaries]):
        context.cache.get(_CHECKED, partial(_check, arn, context), item=arn)


def _check(arn: str, context: Context) -> None:
    env, outputs = context.env, _bootstrap_outputs(context)
    if outputs is not None and output_key("permissions_boundary_arn") not in outputs:
        raise ConfigError(
            f"environment {env.name} was bootstrapped by an older version, which made no permissions boundary",
            next_step=f"an administrator of the account runs {_command(env)}",
        )
    if arn == bootstrap_boundary_arn(env):
        # No role of the pipeline can change it. A stack of that name tells of it where IAM cannot be reached, too.
        if outputs is None:
            _read_policy(arn, context)
        return
    document, ledger_key = _read_policy(arn, context), (outputs or {}).get(output_key("ledger_key_arn"))
    denials = demanded_denials(env, ledger_key)
    allowed = _decide(document, denials, context, wanted=True)
    denied = _decide(document, demanded_rights(env), context, wanted=False)
    faults = [
        *([f"must deny {_list(allowed)}"] if allowed else []),
        *([f"must allow {_list(denied)}"] if denied else []),
    ]
    if faults:
        raise ConfigError(
            f"environment {env.name}: its permissions boundary {arn} {' and '.join(faults)}",
            next_step=f"change the policy (eks-assets bootstrap {env.name} --print shows one that fits, "
            "PermissionsBoundary), or leave roles.permissions_boundary out to use bootstrap's",
        )


def _bootstrap_outputs(context: Context) -> dict[str, str] | None:
    """The outputs of bootstrap's stack; None where there is none."""
    stack = describe_stack(context, context.env.stack_name("bootstrap"))
    return {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])} if stack else None


def _read_policy(arn: str, context: Context) -> str:
    """The policy's document. Raises ConfigError where there is none."""
    client = context.aws.client("iam")
    try:
        with aws_call(f"reading the permissions boundary {arn}"):
            version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            return json.dumps(client.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
    except NotFound as error:
        raise _absent(arn, context.env) from error


def _absent(arn: str, env: Environment) -> ConfigError:
    create = "create the policy, or leave it out of the file, so that bootstrap's is used; then "
    step = "" if arn == bootstrap_boundary_arn(env) else create
    return ConfigError(
        f"environment {env.name}: its roles' permissions boundary {arn} does not exist",
        next_step=f"{step}an administrator of the account runs {_command(env)}",
    )


def _command(env: Environment) -> str:
    return f"eks-assets bootstrap {env.name} --apply"


def _decide(document: str, demands: Iterable[Demand], context: Context, *, wanted: bool) -> list[tuple[str, str]]:
    """The actions, each with its resource, on which IAM's simulator decides so: `wanted`, allowed."""
    by_resource: dict[str, list[str]] = defaultdict(list)
    for actions, resource in demands:
        by_resource[resource] += actions
    client, given = context.aws.client("iam"), _circumstances(context.env)

    def simulate(resource: str) -> list[tuple[str, str]]:
        with aws_call("simulating the permissions boundary"):
            answer = client.simulate_custom_policy(
                PolicyInputList=[document],
                ActionNames=by_resource[resource],
                ResourceArns=[resource],
                ContextEntries=given,
            )
        results = answer["EvaluationResults"]
        return [(r["EvalActionName"], resource) for r in results if (r["EvalDecision"] == "allowed") is wanted]

    with ThreadPoolExecutor(max_workers=4) as pool:
        return [pair for pairs in pool.map(simulate, by_resource) for pair in pairs]


def _circumstances(env: Environment) -> list[ContextEntryTypeDef]:
    """What a request of one of the platform's roles brings along."""
    values = {
        "aws:PrincipalArn": build_arn(env, "iam", f"role/{env.resource_prefix}-new", region=""),
        "aws:RequestedRegion": env.region,
        "aws:SecureTransport": "true",
        f"aws:ResourceTag/{ENVIRONMENT_TAG}": env.name,
        "iam:PassedToService": "ec2.amazonaws.com",
    }
    return [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in values.items()
    ]


def _list(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{action} on {resource}" for action, resource in pairs)
