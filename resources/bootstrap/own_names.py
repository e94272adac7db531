"""The names of what the environment's stacks hold: the exact ones, and the patterns of those that CloudFormation makes.

CloudFormation names a resource `<stack>-<logical id>-<random>`, and shortens the first two where a service's names are
shorter. Other environments' names may begin the same way, so rights over such names ask for the environment's tag too.
"""

from __future__ import annotations

from resources.cloudformation import build_arn
from resources.config.environment import Environment
from resources.config.names import queue_name

# Of a stack's name only so much is sure to stay in the names that CloudFormation makes.
_SURE_LENGTH = 24
# Units that have a stack, and those whose stack may hold roles; tests/bootstrap compares both with the units.
UNITS_WITH_ROLES = (
    "cluster",
    "daemon_addons",
    "external_dns_role",
    "fargate_profiles",
    "identity",
    "irsa_roles",
    "network",
    "node_groups",
    "pod_addons",
    "service_account_roles",
)
UNITS_WITH_STACKS = (
    *UNITS_WITH_ROLES,
    "access_entries",
    "certificate",
    "deploy_requests",
    "efs",
    "hosted_zone",
    "notifications",
    "secrets",
    "security_groups",
)


def own_stacks(env: Environment) -> list[str]:
    """The names of the environment's stacks, bootstrap's left out."""
    return [*(env.stack_name(unit) for unit in UNITS_WITH_STACKS), env.karpenter_stack]


def generated_names(stack: str) -> str:
    """Matches what CloudFormation names in the stack."""
    return f"{stack}-*" if len(stack) <= _SURE_LENGTH else f"{stack[:_SURE_LENGTH]}*"


def own_roles(env: Environment) -> list[str]:
    """ARNs, some with `*`, of the roles in the environment's stacks, without those that a ClusterConfig names."""
    names = [generated_names(env.stack_name(unit)) for unit in UNITS_WITH_ROLES]
    names.append(f"KarpenterNodeRole-{env.cluster_name}")
    return [build_arn(env, "iam", f"role/{name}", region="") for name in dict.fromkeys(names)]


def own_queues(env: Environment) -> list[str]:
    """ARNs of the queues of deploy requests."""
    return [build_arn(env, "sqs", name) for name in (queue_name(env), f"{queue_name(env)}-dlq")]
