"""Roles and users that the files name and that somebody else makes."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from resources.aws.errors import aws_call
from resources.bootstrap.ownership import own_roles
from resources.cloudformation import build_arn
from resources.config.allowed_identities import parse_identity
from resources.config.environment import Environment
from resources.context import Context
from resources.doctor.checks import Line, account_check
from resources.model.errors import NotFound


@account_check("access_entries")
def check_access_entries(context: Context) -> Iterator[Line]:
    """EKS refuses an access entry for nobody ("The specified principalArn is invalid: invalid principal")."""
    env = context.env
    named = [entry.principal_arn for entry in env.cluster.access_entries]
    wanted = [arn for arn in dict.fromkeys(named) if _is_of_others(arn, env)]
    # An entry that EKS has stays when its principal goes.
    absent = [arn for arn in wanted if not _exists(arn, context)]
    known = _known_entries(context) if absent else set()
    for arn in absent:
        way = f"create it, or take it out of accessConfig of the ClusterConfig: {_command(arn)} finds nothing"
        if arn in known:
            yield Line.warning(f"the access entry {arn} is for nobody any more", way)
        else:
            yield Line.error(f"the access entry {arn} names nobody: EKS refuses it", way)
    if not absent:
        yield Line.ok(f"the {len(wanted)} principals of access entries exist")


@account_check()
def check_passed_roles(context: Context) -> Iterator[Line]:
    """Roles that the ClusterConfig hands to nodes, pods and add-ons."""
    env = context.env
    absent = [arn for arn in env.cluster.existing_roles if _is_of_others(arn, env) and not _exists(arn, context)]
    for arn in absent:
        way = f"create it, or correct the ClusterConfig of {env.name}: {_command(arn)} finds nothing"
        yield Line.error(f"the role {arn}, which the ClusterConfig names, does not exist", way)
    if not absent:
        yield Line.ok(f"the {len(env.cluster.existing_roles)} roles that the ClusterConfig hands over exist")


@account_check()
def check_approving_users(context: Context) -> Iterator[Line]:
    """Users whom approval.allow names; of roles, the approvers' own check says more."""
    env = context.env
    entries = [parse_identity(text) for text in (env.approval.allow if env.approval else ())]
    users = [e for e in entries if e is not None and e.kind == "user" and not {"*", "?"} & set(e.names)]
    own = [user for user in users if user.account == env.account]
    absent = [user.names for user in own if not _exists(user.head + user.names, context)]
    for name in absent:
        fix = f"correct approval.allow in the file of {env.name}, or: aws iam create-user --user-name {name}"
        yield Line.warning(f"approval.allow names the user {name}, whom the account does not have", fix)
    if not absent:
        yield Line.ok(f"the {len(own)} users of approval.allow exist")


def _is_of_others(arn: str, env: Environment) -> bool:
    """Whether it is of this account, and none that the pipeline or EKS makes."""
    made = [*own_roles(env), *(build_arn(env, "iam", f"role/{name}", region="") for name in env.cluster.new_role_names)]
    return arn.split(":")[4] == env.account and not any(fnmatchcase(arn, pattern) for pattern in made)


def _exists(arn: str, context: Context) -> bool:
    kind, _, path = arn.rpartition(":")[2].partition("/")
    name, iam = path.rpartition("/")[2], context.aws.client("iam")
    try:
        with aws_call(f"reading {arn}"):
            found_arn = (
                iam.get_role(RoleName=name)["Role"]["Arn"]
                if kind == "role"
                else iam.get_user(UserName=name)["User"]["Arn"]
            )
    except NotFound:
        return False
    # A path is part of it: a role of the same name under another one is another principal.
    return bool(found_arn == arn)


def _known_entries(context: Context) -> set[str]:
    try:
        with aws_call("listing the access entries of the cluster"):
            pages = context.aws.client("eks").get_paginator("list_access_entries")
            return {
                arn for page in pages.paginate(clusterName=context.env.cluster_name) for arn in page["accessEntries"]
            }
    except NotFound:
        return set()


def _command(arn: str) -> str:
    kind, _, path = arn.rpartition(":")[2].partition("/")
    return f"aws iam get-{kind} --{kind}-name {path.rpartition('/')[2]}"
