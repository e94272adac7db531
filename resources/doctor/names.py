"""Names that follow from the environment: too long for AWS, or taken by what is not the environment's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from resources.aws.errors import aws_call
from resources.bootstrap.ownership import UNITS_WITH_STACKS
from resources.config.names import DerivedName, derived_names, ledger_bucket
from resources.context import Context
from resources.doctor.checks import Line, account_check
from resources.drivers.stack.status import describe_stack
from resources.model.errors import AccessDenied, NotFound


@account_check()
def check_name_lengths(context: Context) -> Iterator[Line]:
    """What AWS takes; CloudFormation shortens what it names itself."""
    env = context.env
    names = derived_names(env.resource_prefix, env.hosted_zone.name, UNITS_WITH_STACKS)
    long = [name for name in names if len(name.name) > name.longest]
    for name in long:
        yield Line.error(_too_long(name), f"a shorter tenant, target_env or hosted_zone.name in the file of {env.name}")
    if not long:
        yield Line.ok(f"the {len(names)} derived names are short enough")


def _too_long(name: DerivedName) -> str:
    return f"the {name.what} {name.name} has {len(name.name)} characters; AWS takes {name.longest}"


@dataclass(frozen=True)
class _FixedName:
    """A name that a stack asks for, and does not get where something else has it."""

    what: str
    name: str
    stack: str
    read: Callable[[Context, str], object]


@account_check("cluster", "karpenter_stack")
def check_taken_names(context: Context) -> Iterator[Line]:
    """Names of what is to be made: CloudFormation fails where something that is not its own has one already."""
    taken = [name for name in _fixed_names(context) if _is_taken(context, name)]
    env = context.env
    for name in taken:
        fix = f"remove it, or give {env.name} another tenant or target_env"
        yield Line.error(f"the {name.what} {name.name} exists, and no stack of {env.name} made it", fix)
    if not taken:
        yield Line.ok("no name that a stack asks for is taken")


def _fixed_names(context: Context) -> list[_FixedName]:
    env = context.env
    cluster = env.stack_name("cluster")
    names = [_FixedName("EKS cluster", env.cluster_name, cluster, _read_cluster)]
    if env.addon("karpenter").enabled and env.addon("karpenter_stack").enabled:
        names.append(_FixedName("role", f"KarpenterNodeRole-{env.cluster_name}", env.karpenter_stack, _read_role))
        names.append(_FixedName("queue", env.cluster_name, env.karpenter_stack, _read_queue))
    return names


def _is_taken(context: Context, name: _FixedName) -> bool:
    if _has_stack(context, name.stack):
        return False
    try:
        with aws_call(f"reading the {name.what} {name.name}"):
            name.read(context, name.name)
    except (AccessDenied, NotFound):
        # Of a queue that is not there, SQS says one or the other, by the caller's rights.
        return False
    return True


def _has_stack(context: Context, name: str) -> bool:
    """Whether there is one, if only one that failed: it may hold the name, and is deleted before it is made again."""
    return describe_stack(context, name) is not None


def _read_cluster(context: Context, name: str) -> object:
    return context.aws.client("eks").describe_cluster(name=name)


def _read_role(context: Context, name: str) -> object:
    return context.aws.client("iam").get_role(RoleName=name)


def _read_queue(context: Context, name: str) -> object:
    return context.aws.client("sqs").get_queue_url(QueueName=name)


@account_check()
def check_left_logs(context: Context) -> Iterator[Line]:
    """The log group of the control plane outlives its cluster, and a new stack asks for it again."""
    env = context.env
    name = f"/aws/eks/{env.cluster_name}/cluster"
    if not env.cluster.cloud_watch.cluster_logging.types or _has_stack(context, env.stack_name("cluster")):
        yield Line.ok("no log group of an earlier cluster stands in the way")
        return
    with aws_call(f"looking for the log group {name}"):
        groups = context.aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    if any(group.get("logGroupName") == name for group in groups):
        fix = f"save what is needed of it, then: aws logs delete-log-group --log-group-name {name}"
        yield Line.error(
            f"the log group {name} is left of an earlier cluster: CloudFormation refuses a second one", fix
        )
    else:
        yield Line.ok("no log group of an earlier cluster stands in the way")


@account_check()
def check_ledger_name(context: Context) -> Iterator[Line]:
    """Bucket names are unique in the world."""
    name = ledger_bucket(context.env)
    if describe_stack(context, context.env.stack_name("bootstrap")) is not None:
        yield Line.ok(f"the ledger's bucket {name} is bootstrap's")
        return
    try:
        with aws_call(f"asking for the bucket {name}"):
            context.aws.client("s3").head_bucket(Bucket=name)
    except NotFound:
        yield Line.ok(f"the name of the ledger's bucket {name} is free")
    except AccessDenied:
        fix = f"another tenant or target_env in the file of {context.env.name}"
        yield Line.error(f"another account has the bucket {name}, the ledger's name", fix)
    else:
        fix = f"empty and remove it, or another target_env in the file of {context.env.name}"
        yield Line.error(f"the bucket {name}, the ledger's name, exists, and bootstrap did not make it", fix)
