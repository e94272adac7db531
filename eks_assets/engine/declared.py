"""What is known of an environment, by which its calls are accounted for: its runs, its stacks and what is in them, and
the service accounts of what is declared in its cluster."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import ValidationError

from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from resources.aws.errors import aws_call
from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import AccessDenied, NotFound
from resources.model.specs import AnyGitTree, GitTree, Spec
from resources.records.chain import ENTRIES
from resources.records.change_entry import ChangeEntry
from resources.records.ledger import list_keys, read_key

ROLE = "AWS::IAM::Role"
_STACK = "AWS::CloudFormation::Stack"


class Resource(NamedTuple):
    """A stack, or something in one, by one of its names."""

    stack: str
    kind: str
    name: str


def list_entries(context: Context, since: dt.datetime, ignored: list[str]) -> Iterator[ChangeEntry]:
    """The ledger's entries since then, whose keys begin with the time, in order. What is none is `ignored`. Raises
    NotFound, AccessDenied, Transient."""
    for key in list_keys(context, ENTRIES, after=f"{ENTRIES}{since.astimezone(dt.UTC).isoformat()[:19]}"):
        try:
            yield ChangeEntry.model_validate_json(read_key(context, key))
        except ValidationError:
            ignored.append(f"{key!a} of the ledger is no entry of a change")


def list_resources(context: Context, since: dt.datetime) -> Iterator[Resource]:
    """Each stack of the environment and each resource in one, by all of its names, also of stacks that were deleted
    since then. The end of an id is a name where the environment's prefix is in it: others have a `coredns`, too. Raises
    AccessDenied, Transient."""
    env, client = context.env, context.aws.client("cloudformation")
    with aws_call("listing the stacks"):
        stacks = [s for page in client.get_paginator("list_stacks").paginate() for s in page["StackSummaries"]]
    for stack in stacks:
        name, identifier = stack["StackName"], stack.get("StackId", stack["StackName"])
        is_gone = stack["StackStatus"] == "DELETE_COMPLETE" and stack["DeletionTime"] < since
        if is_gone or not (name.startswith(f"{env.resource_prefix}-") or name == env.karpenter_stack):
            continue
        try:
            members = _members(context, name, identifier)
        except AccessDenied:
            continue  # another environment's, whose name begins with ours
        yield from (Resource(name, _STACK, name), Resource(name, _STACK, identifier))
        for member in members:
            kind, physical_id = member["ResourceType"], member.get("PhysicalResourceId", "")
            end = physical_id.replace("|", "/").rpartition("/")[2]
            for each in {physical_id, end} if env.resource_prefix in end else {physical_id}:
                yield Resource(name, kind, each)


def _members(context: Context, name: str, identifier: str) -> list[Any]:
    """What is in a stack; nothing where AWS has forgotten it."""
    try:
        with aws_call(f"listing the resources of stack {name}"):
            pages = context.aws.client("cloudformation").get_paginator("list_stack_resources")
            return [one for page in pages.paginate(StackName=identifier) for one in page["StackResourceSummaries"]]
    except NotFound:
        return []


def own_names(env: Environment) -> frozenset[str]:
    """What belongs to the environment and to no stack of it, or is named by ARN in calls about it."""
    roles = env.roles
    acting = (role.arn for role in (roles.deployer, roles.destroyer) if role)
    arns = (roles.pipeline, roles.planner, roles.cloudformation, *acting)
    credentials = env.git.credentials if env.git else None
    secrets = (credentials.secret, credentials.read_only_secret) if credentials else ()
    parameters = (env.certificate_parameter, env.efs_parameter, env.oidc_parameter)
    return frozenset(filter(None, (env.cluster_name, *arns, *secrets, *parameters)))


def all_specs(registry: Registry, env: Environment) -> list[Spec[Any]]:
    """The specs of every unit that is enabled, without what is known after apply."""
    return [render_spec(registry, env, unit, {}) for unit in registry.units if unit.is_enabled(env)]


def git_trees(registry: Registry, env: Environment) -> dict[str, AnyGitTree]:
    """The branches of the application repository, by the units that push to them."""
    trees = ((u.name, u) for u in registry.units if issubclass(u.spec_type, GitTree) and u.is_enabled(env))
    specs = ((name, render_spec(registry, env, unit, {})) for name, unit in trees)
    return {name: spec for name, spec in specs if isinstance(spec, GitTree)}
