"""Who called, as CloudTrail writes it (CloudTrail user guide, "CloudTrail userIdentity element")."""

import time
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam, sts

Identity = dict[str, Any]
_CONTROLLERS = "eks.amazonaws.com"


def caller_identity(access_key_id: str, account: str) -> tuple[Identity, str] | None:
    """userIdentity and user name of whom a key belongs to; None where nobody has it: AWS shows such calls to no one."""
    if access_key_id == account:
        # The sandbox's stand-in for controllers, which have no roles of their own here.
        return {"type": "AWSService", "invokedBy": _CONTROLLERS}, ""
    credential = iam_evaluator.resolve_credential(access_key_id, account)
    if not isinstance(credential, iam_evaluator.ResolvedCredential):
        return None
    common = {
        "principalId": credential.principal_id,
        "arn": credential.principal_arn,
        "accountId": credential.account_id,
        "accessKeyId": access_key_id,
    }
    if credential.principal_type == "Root":
        return {"type": "Root", **common}, "root"
    if credential.principal_type == "AssumedRole":
        session = sts._sessions.get(access_key_id) or {}
        return _role_session(common, float(session.get("IssuedAt") or time.time()))
    name = credential.principal_name
    kind = "IAMUser" if credential.principal_type == "User" else credential.principal_type
    return {"type": kind, **common, **({"userName": name} if name else {})}, name


def stack_identity(caller: str, account: str) -> tuple[Identity, str]:
    """userIdentity and user name of CloudFormation where it calls as `caller`: the service role's session, or whoever
    asked for the stack's operation."""
    common = {"principalId": account, "arn": caller, "accountId": account}
    if ":assumed-role/" in caller:
        identity, name = _role_session(common, time.time())
    elif caller.endswith(":root"):
        identity, name = {"type": "Root", **common}, "root"
    else:
        name = caller.rsplit("/", 1)[-1]
        user = iam._users.get_scoped(account, None, name) or {}
        identity = {"type": "IAMUser", **common, "principalId": user.get("UserId", ""), "userName": name}
    return {**identity, "invokedBy": "cloudformation.amazonaws.com"}, name


def _role_session(common: dict[str, str], issued: float) -> tuple[Identity, str]:
    _, role_name, session_name = common["arn"].split("/", 2)
    account = common["accountId"]
    role = iam._roles.get_scoped(account, None, role_name) or {}
    issuer = {
        "type": "Role",
        "principalId": role.get("RoleId", ""),
        "arn": role.get("Arn", f"arn:aws:iam::{account}:role/{role_name}"),
        "accountId": account,
        "userName": role_name,
    }
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(issued))
    identity = {
        "type": "AssumedRole",
        **common,
        "principalId": f"{issuer['principalId']}:{session_name}",
        "sessionContext": {
            "sessionIssuer": issuer,
            "attributes": {"creationDate": created, "mfaAuthenticated": "false"},
        },
    }
    return identity, session_name
