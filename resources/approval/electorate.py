"""Who stands behind an ARN that AWS names as the writer of a decision, and whether that proves a person.

A role's session name is the caller's choice, so it proves nothing, unless Identity Center made the role (its session
name is the user) or the role's trust policy fixes it to the IAM user's own name (`sts:RoleSessionName` must equal
`${aws:username}`). Source: IAM user guide, "AWS global condition context keys", "Naming individual sessions"
and "IAM JSON policy elements: Action".
"""

from __future__ import annotations

import fnmatch
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

from resources.approval.rules import Person
from resources.aws.errors import aws_call
from resources.config.environment import Approval, Environment
from resources.config.names import cloudformation_role, deployer_role, pipeline_role, planner_role
from resources.context import Context
from resources.model.errors import NotFound
from resources.support.memory_cache import CacheKey

SSO_PREFIX, SSO_PATH = "AWSReservedSSO_", ":role/aws-reserved/sso.amazonaws.com/"
UI_WRITER = "dagster-ui"
ASSUMING = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:assumeroot")
_ROLES: CacheKey[Mapping[str, Any]] = CacheKey("IAM role, by name")


class Approvers:
    """The electorate of one environment; reads roles from IAM, each once."""

    def __init__(self, context: Context, approval: Approval) -> None:
        self._context, self._approval = context, approval

    def voter(self, arn: str) -> Person | str:
        """The person behind an ARN, or why it proves nobody who may decide."""
        if arn == UI_WRITER:
            return Person("pipeline", "the Dagster UI") if self._approval.ui else "the environment has no `ui: true`"
        name, session = _parts(arn)
        if name in _own_roles(self._context.env):
            return "it is a role of the pipeline"
        if self._approval.allow and not any(
            fnmatch.fnmatchcase(name_or_arn, pattern)
            for name_or_arn in self._names(arn, name)
            for pattern in self._approval.allow
        ):
            return "it is not in approval.allow"
        key = self.key(arn)
        if key.startswith("role:") and (self._approval.approvers > 1 or self._approval.exclude_initiator):
            return f"the session name {session} of role {name} is the caller's choice and proves no person"
        return Person(key, session or name) if key else "it is no user and no role"

    def key(self, arn: str) -> str:
        """`user:NAME`, `sso:NAME`, or `role:NAME` where the session name proves nothing; empty for anything else."""
        name, session = _parts(arn)
        if ":user/" in arn:
            return f"user:{name}"
        if ":assumed-role/" not in arn:
            return f"role:{name}" if ":role/" in arn else ""
        role = self._role(name)
        if name.startswith(SSO_PREFIX) and SSO_PATH in role.get("Arn", ""):
            return f"sso:{session.lower()}"
        return f"user:{session}" if fixes_session_name(role.get("AssumeRolePolicyDocument", {})) else f"role:{name}"

    def warnings(self) -> list[str]:
        """One line for each entry of approval.allow that proves nobody."""
        warnings = []
        for pattern in self._approval.allow:
            if ":user/" in pattern or SSO_PREFIX in pattern or not _parts(pattern)[0]:
                continue
            if self.key(pattern.replace(":role/", ":assumed-role/", 1) + "/x").startswith("role:"):
                warnings.append(f"{pattern}: its session name is the caller's choice, so it proves no person")
        return warnings

    def _names(self, arn: str, name: str) -> tuple[str, ...]:
        """The ARN as it was written, and for a session the ARN of its role."""
        return (arn, self._role(name).get("Arn", arn)) if ":assumed-role/" in arn else (arn,)

    def _role(self, name: str) -> Mapping[str, Any]:
        def read() -> Mapping[str, Any]:
            try:
                with aws_call(f"reading the role {name}"):
                    return self._context.aws.client("iam").get_role(RoleName=name)["Role"]
            except NotFound:
                return {}

        return self._context.cache.get(_ROLES, read, item=name)


def fixes_session_name(trust: Any) -> bool:
    """Whether every way to assume the role demands the caller's own user name as session name."""
    document = json.loads(urllib.parse.unquote(trust)) if isinstance(trust, str) else trust
    statements = document.get("Statement", [])
    allowed = [s for s in _list(statements) if s.get("Effect") == "Allow"]
    # A statement without Action has NotAction: what that leaves out is not worth reading, it counts as a way in.
    ways = [s for s in allowed if any(_assumes(action) for action in _list(s.get("Action", "*")))]
    return bool(ways) and all(_demands_own_name(s.get("Condition", {})) for s in ways)


def _assumes(action: str) -> bool:
    """Whether an action covers a call that begins a session, read as IAM does: in any case, with `*` and `?`."""
    return any(fnmatch.fnmatchcase(call, action.lower()) for call in ASSUMING)


def _demands_own_name(condition: Mapping[str, Any]) -> bool:
    wanted = {
        key.lower(): _list(value)
        for operator in ("StringEquals", "StringLike")
        for key, value in condition.get(operator, {}).items()
    }
    return wanted.get("sts:rolesessionname") == ["${aws:username}"]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _parts(arn: str) -> tuple[str, str]:
    """Name and session of an IAM or STS ARN; `("", "")` for the account's root and anything else."""
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    if kind == "assumed-role":
        name, _, session = rest.partition("/")
        return name, session
    return (rest.rpartition("/")[2], "") if kind in ("user", "role") else ("", "")


def _own_roles(env: Environment) -> set[str]:
    roles = (pipeline_role(env), deployer_role(env), planner_role(env), cloudformation_role(env))
    return {role.name for role in roles if role is not None}
