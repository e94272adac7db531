"""The people of the sandbox: IAM users with keys, and roles that the approvers may assume, to try an approval by hand.

| Name | May |
|---|---|
| `initiator` | start the pipeline: assume the pipeline, deployer, planner and destroyer roles |
| `alice`, `bob`, `carol` | approve and reject in every environment, and assume the roles below |
| `outsider` | read parameters |
| role `oncall` | approve; alice may assume it, under any session name, so the name proves nothing |
| role `oncall-named` | approve; its trust policy fixes the session name to the user's own |
| role `AWSReservedSSO_Approver_...` | approve; a role as Identity Center makes it, session names like the user's |

They exist from `sandbox up` on; docs/sandbox-people.md shows how to be one of them.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

from resources.bootstrap.policies import APPROVERS_READ, UNDOING
from sandbox.account import ACCOUNT, REGION, ROOT_KEY, ROOT_SECRET
from sandbox.paths import StateDirectory, read_json, write_json

APPROVERS = ("alice", "bob", "carol")
PEOPLE = ("initiator", *APPROVERS, "outsider")
ROLES = {
    "oncall": "/",
    "oncall-named": "/",
    "AWSReservedSSO_Approver_0123456789abcdef": "/aws-reserved/sso.amazonaws.com/",
}
Document = dict[str, Any]


def role_arn(role: str) -> str:
    """The ARN of one of ROLES."""
    return f"arn:aws:iam::{ACCOUNT}:role{ROLES[role]}{role}"


def ensure_people(state: StateDirectory, endpoint: str) -> None:
    """Make the people and roles that are missing, and keep their keys in the file `state.people`.

    Raises botocore's errors.
    """
    import boto3

    iam = boto3.client(
        "iam", region_name=REGION, endpoint_url=endpoint, aws_access_key_id=ROOT_KEY, aws_secret_access_key=ROOT_SECRET
    )
    known = read_json(state.people)
    policies = {"initiator": _starting(), "outsider": _reading(), **dict.fromkeys(APPROVERS, _approving(_assuming()))}
    keys = {person: _ensure_person(iam, person, policies[person], known.get(person)) for person in PEOPLE}
    if keys != known:
        write_json(state.people, keys)
    for role, path in ROLES.items():
        _ensure_role(iam, role, path)


def _ensure_person(iam: Any, name: str, policy: Document, known: dict[str, str] | None) -> dict[str, str]:
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="sandbox", PolicyDocument=json.dumps(policy))
    present = [key["AccessKeyId"] for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]]
    if known and known["access_key_id"] in present:
        return known
    for key in present:  # whose secret nobody knows any more
        iam.delete_access_key(UserName=name, AccessKeyId=key)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}


def _ensure_role(iam: Any, name: str, path: str) -> None:
    trust = json.dumps(_trust(name))
    try:
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trust, MaxSessionDuration=3600)
    except iam.exceptions.EntityAlreadyExistsException:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    iam.put_role_policy(RoleName=name, PolicyName="sandbox", PolicyDocument=json.dumps(_approving()))


def _trust(role: str) -> Document:
    people = ("alice",) if role == "oncall" else APPROVERS
    # Identity Center names a session after its user, whatever the user wants; here the trust policy sees to that.
    named = {"Condition": {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}}
    principals = [f"arn:aws:iam::{ACCOUNT}:user/{person}" for person in people]
    statement = {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "sts:AssumeRole"}
    return _policy(statement if role == "oncall" else {**statement, **named})


def _approving(*more: Document) -> Document:
    """What the managed policy `<prefix>-approver` of a bootstrap allows and denies, for every environment at once, so
    that it holds before the first bootstrap too."""
    grants = "arn:aws:ssm:*:*:parameter/*/*/approvals/*"
    ledgers = [f"arn:aws:s3:::*-ledger-*/{folder}/*" for folder in APPROVERS_READ]
    return _policy(
        _allow("ssm:PutParameter ssm:GetParameter ssm:GetParameters ssm:GetParameterHistory", grants),
        _allow("ssm:GetParameter", "arn:aws:ssm:*:*:parameter/*/*/bootstrap/gate"),
        _allow("ssm:DescribeParameters", "arn:aws:ssm:*:*:*"),
        _allow("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/*"),
        _allow("iam:GetUser", f"arn:aws:iam::{ACCOUNT}:user/*"),
        _allow("s3:GetObject s3:GetObjectVersion", ledgers),
        _allow("s3:ListBucket s3:ListBucketVersions", "arn:aws:s3:::*-ledger-*"),
        _allow("kms:Decrypt", f"arn:aws:kms:*:{ACCOUNT}:key/*"),
        _deny(" ".join(f"ssm:{verb}" for verb in UNDOING.split()), grants),
        {**_deny("ssm:PutParameter", grants), "Condition": {"StringEquals": {"ssm:Policies": "true"}}},
        *more,
    )


def _assuming() -> Document:
    return _allow("sts:AssumeRole", [role_arn(role) for role in ROLES])


def _starting() -> Document:
    roles = [f"arn:aws:iam::{ACCOUNT}:role/*{kind}" for kind in ("-pipeline", "-deployer", "-planner", "-destroyer")]
    return _policy(_allow("sts:AssumeRole sts:TagSession", roles))


def _reading() -> Document:
    return _policy(_allow("ssm:Get* ssm:DescribeParameters", "*"))


def _allow(actions: str, resources: str | list[str]) -> Document:
    return {"Effect": "Allow", "Action": actions.split(), "Resource": resources}


def _deny(actions: str, resources: str | list[str]) -> Document:
    return {**_allow(actions, resources), "Effect": "Deny"}


def _policy(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}
