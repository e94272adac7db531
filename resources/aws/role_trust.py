"""What a role's trust policy says about the names of its sessions. Pure.

A session name is the caller's choice, so it proves nothing, unless every way into the role demands the IAM user's own
name (`sts:RoleSessionName` must equal `${aws:username}`). Source: IAM user guide, "AWS global condition context keys",
"Naming individual sessions" and "IAM JSON policy elements: Action".
"""

from __future__ import annotations

import fnmatch
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

from resources.model.digests import digest_of

SSO_PREFIX, SSO_PATH = "AWSReservedSSO_", ":role/aws-reserved/sso.amazonaws.com/"
ASSUMING = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:assumeroot")
ENVIRONMENT_TAG, OWN_PATH = "eks-assets:environment", ":role/eks-assets/"


def is_sso_role(role: Mapping[str, Any]) -> bool:
    """Whether Identity Center made the role (as IAM describes it): nobody else may make one under that path, and its
    session names are those of users."""
    return role.get("RoleName", "").startswith(SSO_PREFIX) and SSO_PATH in role.get("Arn", "")


def is_pipeline_made(role: Mapping[str, Any]) -> bool:
    """Whether the role is one that a stack of some environment made: by the stack's tag, or by its path."""
    has_tag = any(tag["Key"] == ENVIRONMENT_TAG for tag in role.get("Tags", []))
    return has_tag or OWN_PATH in role.get("Arn", "")


def trust_digest(trust: Any) -> str:
    """The digest of a trust policy, however IAM wrote it."""
    return digest_of(_document(trust))


def fixes_session_name(trust: Any, account: str = "") -> bool:
    """Whether every way to assume the role demands the caller's own user name as session name, and is open to users of
    the account alone: another account has users of the same names. Without `account` that is not asked."""
    statements = _document(trust).get("Statement", [])
    allowed = [s for s in _list(statements) if s.get("Effect") == "Allow"]
    # A statement without Action has NotAction: what that leaves out is not worth reading, it counts as a way in.
    ways = [s for s in allowed if any(_assumes(action) for action in _list(s.get("Action", "*")))]
    return bool(ways) and all(
        _demands_own_name(s.get("Condition", {})) and (not account or _is_for_account(s, account)) for s in ways
    )


def _document(trust: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(urllib.parse.unquote(trust)) if isinstance(trust, str) else trust
    return document


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


def _is_for_account(statement: Mapping[str, Any], account: str) -> bool:
    principal = statement.get("Principal", {})
    if not isinstance(principal, dict) or set(principal) != {"AWS"}:
        return False
    return all(one == account or f":iam::{account}:" in one for one in _list(principal["AWS"]))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
