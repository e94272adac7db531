"""The account of an environment: every call that changed something in it, and whose it was."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias, TypeVar

from eks_assets.engine.attribution import Declared, account_of_aws, account_of_kubernetes
from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.plan.account import AccountReport, Call, sum_up
from resources.audit.cloudtrail import CloudTrail, global_region
from resources.audit.events import AwsEvent
from resources.audit.kubernetes_audit import how_to_switch_on, is_audit_on, list_audit_events
from resources.aws.errors import aws_call
from resources.context import Context
from resources.model.errors import AccessDenied, NotFound, PipelineError
from resources.model.specs import HelmRelease
from resources.records.chain import ENTRIES
from resources.records.ledger import list_keys, read_key

LEFT_OUT = (
    "CloudTrail's LookupEvents has management events of the last 90 days, some minutes late: no reads, and nothing of "
    "what happens to objects of buckets, items of tables and messages; it answers two calls a second",
    "a run that is still going has no entries in the ledger yet",
)
T = TypeVar("T")
# A call, and whose it is; nobody's where that is empty.
Judged: TypeAlias = tuple[Call, str]


def account_for(registry: Registry, context: Context, since: dt.datetime) -> AccountReport:
    """Every call since then on the environment's resources and on objects of its cluster. Changes nothing.

    Raises WrongAccount, AccessDenied or ConfigError where the account can't be read at all; a source that cannot be
    read is under `missing`, and the others are judged all the same."""
    began, until = time.monotonic(), dt.datetime.now(dt.UTC)
    context.aws.check_account()
    missing: list[str] = []
    runs = _read("the ledger", lambda: _runs(context, since), missing)
    declared = Declared(
        runs=frozenset(runs),
        roles=frozenset(_roles(context)),
        parameters=context.env.parameter_path(""),
        namespaces=frozenset({"kube-system", *_namespaces(registry, context)}),
        **_stack_names(context, missing),
    )
    judged = [
        # Its times are whole seconds.
        *_read("CloudTrail", lambda: _of_aws(context, declared, int(since.timestamp())), missing),
        *_read(
            "the cluster's audit log", lambda: _of_kubernetes(context, declared, since.timestamp(), missing), missing
        ),
    ]
    return AccountReport(
        environment=context.env.name,
        since=since.isoformat(timespec="seconds"),
        until=until.isoformat(timespec="seconds"),
        unapproved=tuple(sorted((call for call, whose in judged if not whose), key=lambda call: call.time)),
        accounted=sum_up((call.source, whose, call.time) for call, whose in judged if whose),
        missing=tuple(missing),
        left_out=LEFT_OUT,
        seconds=round(time.monotonic() - began, 1),
    )


def _read(what: str, read: Callable[[], Iterator[T]], missing: list[str]) -> list[T]:
    """What can be read, up to where it fails."""
    items: list[T] = []
    try:
        for item in read():
            items.append(item)
    except PipelineError as error:
        missing.append(f"{what}: {error.message}")
    return items


def _runs(context: Context, since: dt.datetime) -> Iterator[str]:
    """The runs that changed something, by the ledger's entries since then. Their keys begin with the time."""
    for key in list_keys(context, ENTRIES, after=f"{ENTRIES}{since.astimezone(dt.UTC).isoformat()[:19]}"):
        yield str(json.loads(read_key(context, key)).get("by", ""))


def _roles(context: Context) -> Iterator[str]:
    roles = context.env.roles
    yield from filter(None, (roles.pipeline, roles.planner, roles.deployer.arn if roles.deployer else None))


def _namespaces(registry: Registry, context: Context) -> Iterator[str]:
    """The namespaces of the releases that are declared."""
    for unit in registry.units:
        if issubclass(unit.spec_type, HelmRelease) and unit.is_enabled(context.env):
            spec = render_spec(registry, context.env, unit, {})
            if isinstance(spec, HelmRelease):
                yield spec.namespace


def _stack_names(context: Context, missing: list[str]) -> dict[str, frozenset[str]]:
    """Names and ids of the environment's stacks and of what is in them; the roles among that apart."""
    resources = _read("the stacks", lambda: _resources(context), missing)
    roles = frozenset(physical_id for kind, physical_id in resources if kind == "AWS::IAM::Role")
    cluster = context.env.cluster_name
    return {"names": frozenset({cluster, *(name for _, name in resources)}), "stack_roles": roles}


def _resources(context: Context) -> Iterator[tuple[str, str]]:
    """Type and physical id of each stack of the environment and of each resource in one."""
    env, client = context.env, context.aws.client("cloudformation")
    with aws_call("listing the stacks"):
        pages = client.get_paginator("list_stacks").paginate()
        stacks = [stack for page in pages for stack in page["StackSummaries"]]
    for stack in stacks:
        name = stack["StackName"]
        is_ours = name.startswith(f"{env.resource_prefix}-") or name == f"Karpenter-{env.cluster_name}"
        if not is_ours or stack["StackStatus"] == "DELETE_COMPLETE":
            continue
        try:
            with aws_call(f"listing the resources of stack {name}"):
                parts = client.get_paginator("list_stack_resources").paginate(StackName=name)
                members = [member for part in parts for member in part["StackResourceSummaries"]]
        except (AccessDenied, NotFound):
            continue  # another environment's, whose name begins with ours
        yield "AWS::CloudFormation::Stack", name
        yield "AWS::CloudFormation::Stack", stack.get("StackId", name)
        for member in members:
            kind, physical_id = member["ResourceType"], member.get("PhysicalResourceId", "")
            yield kind, physical_id
            yield kind, physical_id.replace("|", "/").rpartition("/")[2]


def _of_aws(context: Context, declared: Declared, since: float) -> Iterator[Judged]:
    trail, env = CloudTrail(context), context.env
    for region in dict.fromkeys((env.region, global_region(env))):
        for event in trail.list_changes(region, since):
            if not event.error and declared.concerns(event):
                yield _aws_call(event), account_of_aws(event, declared)


def _aws_call(event: AwsEvent) -> Call:
    service = event.source.partition(".")[0]
    names = ", ".join(sorted(event.resources or event.names))[:200]
    return Call(
        source="aws",
        time=event.time,
        actor=event.actor,
        call=f"{service}:{event.name}",
        object=names,
        address=event.address,
    )


def _of_kubernetes(context: Context, declared: Declared, since: float, missing: list[str]) -> Iterator[Judged]:
    try:
        is_on = is_audit_on(context)
    except NotFound:
        return  # no cluster, so nothing in it
    if not is_on:
        missing.append(how_to_switch_on(context))
        return
    for event in list_audit_events(context, since):
        call = Call(source="kubernetes", time=event.time, actor=event.user, call=event.verb, object=event.object)
        yield call, account_of_kubernetes(event, declared)
