"""The account of an environment: every call that changed something in it, and whose it was."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeAlias, TypeVar

from eks_assets.engine.declared import ROLE, all_specs, git_trees, list_entries, list_resources, own_names
from eks_assets.engine.drift.attribution import Bootstrap, Declared, account_of_aws, account_of_kubernetes
from eks_assets.graph.registry import Registry
from eks_assets.plan.account import AccountReport, Call, sum_up
from resources.audit.cloudtrail import CloudTrail, global_region
from resources.audit.events import AwsEvent
from resources.audit.kubernetes_audit import how_to_switch_on, is_audit_on, list_audit_events
from resources.aws.errors import aws_call
from resources.config.environment import Environment
from resources.context import NO_RUN, Context
from resources.drivers.git.drift import commits_by_others
from resources.drivers.git.pushes import is_branch_known
from resources.drivers.git.repository import address_of
from resources.model.errors import AccessDenied, NotFound, PipelineError
from resources.records.bootstrap_entry import UNIT
from resources.records.change_entry import ChangeEntry
from resources.records.lease_table import current_holder
from resources.undeclared.aws import list_surroundings
from resources.undeclared.cluster import declared_accounts

LEFT_OUT = (
    "CloudTrail's LookupEvents has management events of the last 90 days, some minutes late: no reads, and nothing of "
    "what happens to objects of buckets, items of tables and messages; it answers two calls a second",
    "a run that is still going has no entries in the ledger yet: until it has ended its calls are taken for the run's "
    "that holds the environment",
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
    ignored: list[str] = []
    entries = _read("the ledger", lambda: list_entries(context, since, ignored), missing)
    declared = _declared(registry, context, since, entries, missing)
    judged = [
        # Its times are whole seconds.
        *_read("CloudTrail", lambda: _of_aws(context, declared, int(since.timestamp())), missing),
        *_read(
            "the cluster's audit log",
            lambda: _of_kubernetes(registry, context, declared, since.timestamp(), missing),
            missing,
        ),
        *_read("the application repository", lambda: _of_git(registry, context, since), missing),
    ]
    return AccountReport(
        environment=context.env.name,
        since=since.isoformat(timespec="seconds"),
        until=until.isoformat(timespec="seconds"),
        unapproved=tuple(sorted((call for call, whose in judged if not whose), key=lambda call: call.time)),
        accounted=sum_up(
            ((call.source, whose, call.time) for call, whose in judged if whose),
            {entry.by: entry.who for entry in entries},
        ),
        missing=tuple(missing),
        left_out=(*LEFT_OUT, *ignored),
        seconds=round(time.monotonic() - began, 1),
    )


def _read(what: str, read: Callable[[], Iterable[T]], missing: list[str]) -> list[T]:
    """What can be read, up to where it fails."""
    items: list[T] = []
    try:
        for item in read():
            items.append(item)
    except PipelineError as error:
        missing.append(f"{what}: {error.message}")
    return items


def _declared(
    registry: Registry, context: Context, since: dt.datetime, entries: list[ChangeEntry], missing: list[str]
) -> Declared:
    env, specs = context.env, all_specs(registry, context.env)
    resources = _read("the stacks", lambda: list_resources(context, since), missing)
    bootstrap = env.stack_name("bootstrap")
    holders = _read("the lease", lambda: [current_holder(context)], missing)
    surroundings = _read("what is in the VPC", lambda: list_surroundings(specs, context), missing)
    return Declared(
        account=env.account,
        runs={entry.by: entry.at for entry in entries if entry.by not in ("", NO_RUN)},
        holding=next((holder.since for holder in holders if holder), None),
        bootstraps=tuple(
            Bootstrap(entry.who, entry.at - dt.timedelta(seconds=entry.seconds), entry.at)
            for entry in entries
            if entry.unit == UNIT
        ),
        roles=frozenset(_roles(env)),
        service_role=env.roles.cloudformation,
        names=frozenset(filter(None, (*own_names(env), *surroundings, *(one.name for one in resources)))),
        bootstrap_names=frozenset(one.name for one in resources if one.stack == bootstrap and one.name),
        # People take the roles that bootstrap makes: they are none of a program that a stack gave its rights.
        stack_roles=frozenset(one.name for one in resources if one.kind == ROLE and one.stack != bootstrap),
        parameters=env.parameter_path(""),
    )


def _roles(env: Environment) -> Iterator[str]:
    roles = env.roles
    acting = (role.arn for role in (roles.deployer, roles.destroyer) if role)
    yield from filter(None, (roles.pipeline, roles.planner, *acting))


def _of_aws(context: Context, declared: Declared, since: float) -> Iterator[Judged]:
    trail, env = CloudTrail(context), context.env
    for region in dict.fromkeys((env.region, global_region(env))):
        for event in trail.list_changes(region, since):
            if not event.error and (declared.concerns(event) or _is_of_our_stack(event, context, declared)):
                yield _aws_call(event), account_of_aws(event, declared)


def _is_of_our_stack(event: AwsEvent, context: Context, declared: Declared) -> bool:
    """Whether the call executes a change set of one of our stacks, and names the change set alone. One that nobody can
    look at any more may have been."""
    arn = next((name for name in event.names if ":changeSet/" in name), None)
    if event.name != "ExecuteChangeSet" or arn is None:
        return False
    try:
        with aws_call(f"describing the change set {arn}"):
            stack = context.aws.client("cloudformation").describe_change_set(ChangeSetName=arn)["StackName"]
    except AccessDenied:
        return False  # another environment's
    except NotFound:
        return True
    return stack in declared.names


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


def _of_git(registry: Registry, context: Context, since: dt.datetime) -> Iterator[Judged]:
    """What others than the pipeline pushed to the environment's branch."""
    for tree in git_trees(registry, context.env).values():
        try:
            commits = commits_by_others(tree, context, since)
        except NotFound:
            if is_branch_known(context, tree):
                raise
            continue  # nothing was pushed yet
        for commit in commits:
            where = f"{commit.id[:12]} on {tree.branch} of {address_of(tree, context)}"
            yield Call(source="git", time=commit.time, actor=commit.author, call="commit", object=where), ""


def _of_kubernetes(
    registry: Registry, context: Context, declared: Declared, since: float, missing: list[str]
) -> Iterator[Judged]:
    try:
        is_on = is_audit_on(context)
    except NotFound:
        return  # no cluster, so nothing in it
    if not is_on:
        missing.append(how_to_switch_on(context))
        return
    is_read = False
    for event in list_audit_events(context, since):
        if event.is_of_service_account and not is_read:
            is_read = True
            read = partial(declared_accounts, all_specs(registry, context.env), context)
            accounts = _read("the service accounts of the cluster", read, missing)
            declared = replace(declared, service_accounts=frozenset(accounts))
        call = Call(source="kubernetes", time=event.time, actor=event.actor, call=event.verb, object=event.object)
        yield call, account_of_kubernetes(event, declared)
