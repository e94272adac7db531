"""Every name that follows from the environment: of the platform, and of what must exist before the first deploy.

The specification (section "CodeBuild Configuration") builds them on the prefix `<tenant>-<target_env>`. The functions
of a prefix need no Environment, so validation uses them on a file that is not valid yet, and the sandbox without one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Its properties call the functions below.
    from resources.config.environment import Environment

SURE_LENGTH = 20  # characters of a stack's name that are sure to stay in the names that CloudFormation generates
BUCKET_LIMIT, ROLE_LIMIT, POLICY_LIMIT, TABLE_LIMIT = 63, 64, 128, 255


def resource_prefix(tenant: str, target_env: str) -> str:
    """What the names of an environment's resources begin with: `acme-dev`."""
    return f"{tenant}-{target_env}"


def platform_name(account: str, region: str, prefix: str) -> str:
    """What an environment is written to: `111122223333/us-west-2/acme-dev`. One file describes it."""
    return f"{account}/{region}/{prefix}"


def cluster_name(prefix: str) -> str:
    """The EKS cluster: `acme-dev-cluster`."""
    return f"{prefix}-cluster"


def vpc_name(prefix: str) -> str:
    """The VPC's Name tag: `acme-dev-vpc`."""
    return f"{prefix}-vpc"


def app_domain(prefix: str, hosted_zone: str) -> str:
    """The domain of the applications, below the hosted zone: `acme-dev.apps.example.com`."""
    return f"{prefix}.{hosted_zone}"


def stack_name(prefix: str, unit: str) -> str:
    """The CloudFormation stack of a unit: `acme-dev-service-account-roles`."""
    return f"{prefix}-{unit.replace('_', '-')}"


def karpenter_stack(prefix: str) -> str:
    """The stack of Karpenter's getting-started guide: `Karpenter-acme-dev-cluster`."""
    return f"Karpenter-{cluster_name(prefix)}"


def is_stack_role(role: str, prefix: str) -> bool:
    """Whether the stacks of the environment with that prefix, and so its deployer, could make a role of that name.
    CloudFormation shortens a stack's name in those that it generates."""
    is_karpenter = role.startswith("Karpenter") and role.endswith(f"-{cluster_name(prefix)}")
    return is_karpenter or role.startswith(f"{prefix}-"[:SURE_LENGTH])


@dataclass(frozen=True)
class RoleName:
    """An IAM role's name and path, as two properties of its resource."""

    name: str
    path: str = "/"


def ledger_bucket(env: Environment) -> str:
    """The S3 bucket of plans, grants and history. Bucket names are unique in the world, hence account and region."""
    return shorten_name(f"{env.resource_prefix}-ledger-{env.account}-{env.region}", BUCKET_LIMIT)


def lease_table(env: Environment) -> str:
    """The DynamoDB table in which a run holds its environment."""
    return shorten_name(f"{env.resource_prefix}-lease", TABLE_LIMIT)


def ledger_key_alias(env: Environment) -> str:
    """The alias of the KMS key that encrypts the ledger."""
    return f"alias/{env.resource_prefix}-ledger"


def pipeline_role(env: Environment) -> RoleName | None:
    """The role that starts; None where the environment names one of another account, which is made there."""
    named = env.roles.pipeline
    if named is not None and named.split(":")[4] != env.account:
        return None
    return _of_arn(named) or RoleName(shorten_name(f"{env.resource_prefix}-pipeline", ROLE_LIMIT))


def deployer_role(env: Environment) -> RoleName:
    """The role that every AWS call of the pipeline runs as."""
    named = env.roles.deployer.arn if env.roles.deployer else None
    return _of_arn(named) or RoleName(shorten_name(f"{env.resource_prefix}-deployer", ROLE_LIMIT))


def planner_role(env: Environment) -> RoleName:
    """The role that a plan reads with."""
    return _of_arn(env.roles.planner) or RoleName(shorten_name(f"{env.resource_prefix}-planner", ROLE_LIMIT))


def destroyer_role(env: Environment) -> RoleName | None:
    """The role that tears down; None where the environment names none: then the deployer does."""
    return _of_arn(env.roles.destroyer.arn if env.roles.destroyer else None)


def cloudformation_role(env: Environment) -> RoleName:
    """The service role with which CloudFormation makes the stacks' resources."""
    return _of_arn(env.roles.cloudformation) or RoleName(
        shorten_name(f"{env.resource_prefix}-cloudformation", ROLE_LIMIT)
    )


def gate_parameter(env: Environment) -> str:
    """The SSM parameter in which bootstrap keeps the least gate of the environment."""
    return env.parameter_path("bootstrap/gate")


def approver_policy(env: Environment) -> str:
    """The managed policy that an administrator attaches to whoever may approve in the environment."""
    return shorten_name(f"{env.resource_prefix}-approver", POLICY_LIMIT)


def permissions_boundary(env: Environment) -> str:
    """The managed policy that bounds every role of the environment which names no boundary of its own."""
    return shorten_name(f"{env.resource_prefix}-boundary", POLICY_LIMIT)


def _of_arn(arn: str | None) -> RoleName | None:
    if arn is None:
        return None
    *path, name = arn.split(":", 5)[5].removeprefix("role/").split("/")
    return RoleName(name, "/" + "".join(f"{part}/" for part in path))


def shorten_name(name: str, limit: int) -> str:
    """The name, or its beginning and a hash of all of it where it is longer than `limit` characters."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('-')}-{digest}"


@dataclass(frozen=True)
class DerivedName:
    """`longest`: AWS's limit in characters. `of_zone`: the hosted zone's name is part of it."""

    what: str
    name: str
    longest: int
    of_zone: bool = False


def derived_names(prefix: str, hosted_zone: str | None, units: Iterable[str] = ()) -> tuple[DerivedName, ...]:
    """Every derived name that can reach a limit of AWS. `units`: the names of those that may have a stack."""
    cluster = cluster_name(prefix)
    longest_unit = max(units, key=len, default="")
    names = (
        DerivedName("cluster name", cluster, 100),
        DerivedName("node role", f"KarpenterNodeRole-{cluster}", 64),
        DerivedName("controller role", f"{cluster}-karpenter", 64),
        DerivedName("policy", f"KarpenterControllerResourceDiscoveryPolicy-{cluster}", 128),
        DerivedName("interruption queue", cluster, 80),
        DerivedName("stack", karpenter_stack(prefix), 128),
        DerivedName("stack", stack_name(prefix, longest_unit), 128),
    )
    # ACM puts the domain into the certificate's common name, which X.509 limits to 64 characters.
    return (*names, DerivedName("domain", app_domain(prefix, hosted_zone), 64, of_zone=True)) if hosted_zone else names


def topic_name(env: Environment) -> str:
    """The name of the environment's SNS topic, which is its display name too."""
    return f"{env.resource_prefix}-eks-cluster-approval"


def queue_name(env: Environment) -> str:
    """The name of the environment's SQS queue of deploy requests; its dead-letter queue has `-dlq` behind it."""
    return f"{env.resource_prefix}-deploy-requests"


SESSION_PREFIX = "eks-assets-"
_LONGEST_SESSION = 64


def session_name(environment: str, run_id: str | None) -> str:
    """The name of a session of the environment's roles; that of a run ends in the run's id, whole."""
    name, run = f"{SESSION_PREFIX}{environment}", f"-{run_id}" if run_id else ""
    return name[: _LONGEST_SESSION - len(run)] + run


def is_session_of_run(session: str, run_id: str) -> bool:
    """Whether a session has the name of one of that run's."""
    return session.startswith(SESSION_PREFIX) and session.endswith(f"-{run_id}")
