"""Anchors an environment's gate where only an administrator writes: the least that its file may ask for, and the roles
that `approval.allow` names as IAM has them now (`resources/config/gate_anchor.py`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import ValidationError

from resources.aws.errors import aws_call
from resources.aws.role_trust import (
    SSO_PATH,
    fixes_session_name,
    is_pipeline_made,
    is_sso_role,
    trust_digest,
)
from resources.aws.trust_changes import TrustChange, list_trust_changes
from resources.config.allowed_identities import IdentityPattern, parse_identity
from resources.config.gate_anchor import AnchoredRole, GateAnchor, anchor_of
from resources.config.names import gate_parameter, is_stack_role
from resources.context import Context
from resources.model.errors import ConfigError, NotFound, PipelineError
from resources.support.memory_cache import CacheKey

LONGEST_ANCHOR = 8192  # characters that Parameter Store keeps in an advanced parameter
_APPROVER = "-approver"
_ANCHOR: CacheKey[GateAnchor | None] = CacheKey("anchored gate")


def read_anchor(context: Context) -> GateAnchor | None:
    """The gate as an administrator anchored it, read once for a context; None where nobody has yet. Raises ConfigError
    where it is none that this version reads, AccessDenied, Transient."""
    return context.cache.get(_ANCHOR, lambda: _read(context))


def _read(context: Context) -> GateAnchor | None:
    name = gate_parameter(context.env)
    try:
        with aws_call(f"reading the anchored gate {name}"):
            value = context.aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    except NotFound:
        return None
    try:
        return GateAnchor.model_validate_json(value)
    except ValidationError as error:
        why = error.errors(include_input=False, include_url=False)[0]["msg"]
        raise ConfigError(
            f"the anchored gate {name} is none that this version can read: {why}",
            next_step=f"an administrator runs: eks-assets bootstrap {context.env.name} --apply",
        ) from None


def anchor_json(anchor: GateAnchor) -> str:
    """What the parameter holds. Raises ConfigError where that is more than it can."""
    text = anchor.model_dump_json(exclude_none=True)
    if len(text) > LONGEST_ANCHOR:
        raise ConfigError(
            f"allow and people of approval take {len(text)} characters with their roles; allowed: {LONGEST_ANCHOR}",
            next_step="name patterns of users, or a permission set, instead of each identity",
        )
    return text


def make_anchor(context: Context) -> GateAnchor:
    """The anchor of the gate that the file asks for, with the roles that `allow` names as IAM has them. Needs an
    administrator's rights. Raises ConfigError for a role that cannot prove a person, AccessDenied."""
    now, before = _now(context), read_anchor(context)
    changes = _trust_changes(context, before)
    roles = tuple(_kept(role, before, changes, now) for role in _roles(context))
    return anchor_of(context.env, roles, _first_anchored(before, now))


def write_anchor(context: Context, anchor: GateAnchor) -> None:
    """Put the anchor back where the parameter holds something else than the stack says."""
    context.cache.invalidate(_ANCHOR)
    if read_anchor(context) != anchor:
        name = gate_parameter(context.env)
        context.progress(f"{name} was changed outside of the stack; it is put back")
        with aws_call(f"writing the anchored gate {name}"):
            context.aws.client("ssm").put_parameter(Name=name, Value=anchor_json(anchor), Overwrite=True)
        context.cache.invalidate(_ANCHOR)


def _now(context: Context) -> dt.datetime:
    with aws_call("asking AWS for the time"):
        answer = context.aws.client("sts").get_caller_identity()
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def _kept(
    role: AnchoredRole, before: GateAnchor | None, changes: tuple[TrustChange, ...], now: dt.datetime
) -> AnchoredRole:
    """The role with the time of its copy, which stays while nobody has changed its trust policy, even back: what was
    decided in between does not count."""
    earlier = before.role(role.name) if before is not None else None
    since = earlier.since if earlier is not None else None
    is_same = earlier == role.model_copy(update={"since": since})
    if since is None or not is_same or any(change.role == role.name and change.time > since for change in changes):
        since = now
    return role.model_copy(update={"since": since})


def _trust_changes(context: Context, before: GateAnchor | None) -> tuple[TrustChange, ...]:
    """Those since the oldest copy; none where CloudTrail cannot be asked, which is said."""
    times = [role.since for role in (before.roles if before else ()) if role.since is not None]
    try:
        return list_trust_changes(context.aws, min(times)) if times else ()
    except PipelineError as error:
        context.progress(f"whether trust policies were changed and put back is not known: {error.message}")
        return ()


def _first_anchored(before: GateAnchor | None, now: dt.datetime) -> dt.datetime | None:
    """When the environment was anchored first: what was decided since then is never judged by the earlier rule."""
    if before is None:
        return now
    return min(before.anchored_at, now) if before.anchored_at is not None else None


def _roles(context: Context) -> Iterator[AnchoredRole]:
    approval = context.env.approval
    entries = [parse_identity(text) for text in approval.allow] if approval is not None else []
    by_role = {entry.role: (place, entry) for place, entry in enumerate(entries) if entry is not None and entry.role}
    for place, entry in by_role.values():
        role = _session_role(context, entry) if entry.kind == "session" else _sso_role(context, entry)
        path = f"approval.allow[{place}]"
        if role is None:
            raise _refusal(context, path, f"the account has no role {entry.role}")
        if maker := _maker(context, role):
            raise _refusal(context, path, f"{role['RoleName']} is a role that {maker} can make or change")
        fixed = is_sso_role(role) or fixes_session_name(role["AssumeRolePolicyDocument"], context.env.account)
        if not fixed:
            context.progress(f"{path}: sessions of {entry.role} do not count: their names are the caller's choice")
        yield AnchoredRole(
            name=role["RoleName"],
            arn=role["Arn"],
            id=role["RoleId"],
            trust=trust_digest(role["AssumeRolePolicyDocument"]),
            fixes_session_name=fixed,
        )


def _refusal(context: Context, path: str, why: str) -> ConfigError:
    return ConfigError(
        f"{context.env.name}.yaml: {path}: {why}; allowed: a role that an administrator made, under another name",
        next_step=f"correct approval.allow, then: eks-assets bootstrap {context.env.name} --apply",
    )


def _session_role(context: Context, entry: IdentityPattern) -> dict[str, Any] | None:
    try:
        with aws_call(f"reading the role {entry.role}"):
            return dict(context.aws.client("iam").get_role(RoleName=entry.role)["Role"])
    except NotFound:
        return None


def _sso_role(context: Context, entry: IdentityPattern) -> dict[str, Any] | None:
    """The role of a permission set; IAM finds roles by name and path alone."""
    path = SSO_PATH.removeprefix(":role")
    with aws_call("listing the roles of Identity Center"):
        pages = context.aws.client("iam").get_paginator("list_roles").paginate(PathPrefix=path)
        roles = [dict(role) for page in pages for role in page["Roles"]]
    return next((role for role in roles if role["RoleId"] == entry.role and is_sso_role(role)), None)


def _maker(context: Context, role: dict[str, Any]) -> str:
    """Who of the pipelines of the account can make or change the role; empty for nobody."""
    if is_pipeline_made(role):
        return "a stack"
    prefixes = {context.env.resource_prefix, *_other_prefixes(context)}
    return next((f"the environment {p}" for p in sorted(prefixes) if is_stack_role(role["RoleName"], p)), "")


def _other_prefixes(context: Context) -> Iterator[str]:
    """What the names of the account's bootstrapped environments begin with: each has a policy for approvers."""
    with aws_call("listing the policies for approvers"):
        for page in context.aws.client("iam").get_paginator("list_policies").paginate(Scope="Local"):
            for policy in page["Policies"]:
                if policy["PolicyName"].endswith(_APPROVER):
                    yield policy["PolicyName"].removesuffix(_APPROVER)
