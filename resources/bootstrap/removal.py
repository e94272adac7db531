"""Takes away what bootstrap made: its stack and what hangs on it, and where that is asked for the ledger with its key
and the table of leases, which holds the end of the ledger's chain.

Source: API references of IAM (DeletePolicy: detached from everybody first), S3 (HeadObject) and SSM; S3 user guide,
"Locking objects with Object Lock".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from resources.aws.errors import aws_call
from resources.bootstrap.stack import build_bootstrap_stack
from resources.cloudformation import build_arn
from resources.config.names import approver_policy, lease_table, ledger_bucket, ledger_key_alias
from resources.context import Context
from resources.drivers.stack.driver import StackDriver
from resources.leftovers.data import describe_kept, describe_removed, is_there, remove_data
from resources.model.errors import NotFound, Refused
from resources.model.removal import Kept, Removal, Removed, merge_removals
from resources.support.polling import Poll, wait_until

_BUCKET, _KEY, _TABLE = "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table"
_PARAMETER, _ATTACHED = "AWS::SSM::Parameter", "attachment of"
_WIDTH = 16
_TABLE_GONE = 300.0  # seconds


def decisions_path(context: Context) -> str:
    """Below it are the parameters with the decisions of approval requests."""
    return context.env.parameter_path("approvals/")


def plan_bootstrap_removal(context: Context, *, delete_ledger: bool) -> Removal:
    """What would go and what would stay; empty where nothing is there. Changes nothing.

    Raises Refused, with the day, where the ledger is to go and S3 still locks it; AccessDenied, Transient."""
    own = StackDriver().plan_removal(build_bootstrap_stack(context.env), context, delete_data=False)
    ledger = {f"{_BUCKET} {ledger_bucket(context.env)}", f"{_TABLE} {lease_table(context.env)}"}
    kept = tuple(k for k in own.keeps if k.object not in ledger and not k.object.startswith(f"{_KEY} "))
    beside = [Removed(f"{_ATTACHED} {approver_policy(context.env)} to {kind} {name}") for kind, name in _users(context)]
    beside += [Removed(f"{_PARAMETER} {name}", "the decisions of a request") for name in _decisions(context)]
    stack = Removal((*beside, *own.removes), () if delete_ledger else kept)
    parts = list(_ledger_parts(context))
    if not delete_ledger:
        return merge_removals([stack, Removal((), tuple(_kept(*part, context) for part in parts))])
    _refuse_locked(context)
    gone = (Removed(f"{kind} {name}") if kind == _TABLE else describe_removed(kind, name) for kind, name in parts)
    return merge_removals([stack, Removal(tuple(gone))])


def remove_bootstrap(context: Context) -> None:
    """Remove the stack and what hangs on it; the ledger stays. Harmless where nothing is left. Raises OperationFailed,
    WaitTimeout, AccessDenied, Transient."""
    iam: Any = context.aws.client("iam")
    for kind, name in list(_users(context)):
        context.progress(f"detaching {approver_policy(context.env)} from {kind} {name}")
        context.before_change()
        with suppress(NotFound), aws_call(f"detaching the approvers' policy from {name}"):
            detach = getattr(iam, f"detach_{kind}_policy")
            detach(PolicyArn=_policy_arn(context), **{f"{kind.capitalize()}Name": name})
    for name in list(_decisions(context)):
        context.before_change()
        with suppress(NotFound), aws_call(f"deleting the parameter {name}"):
            context.aws.client("ssm").delete_parameter(Name=name)
    StackDriver().destroy(build_bootstrap_stack(context.env), context, delete_data=False)


def remove_ledger(context: Context) -> None:
    """Remove the ledger, its key and the table of leases: nobody holds the environment any more. Harmless where nothing
    is left. Raises Refused where S3 locks it still, OperationFailed, WaitTimeout, AccessDenied, Transient."""
    _refuse_locked(context)
    parts = list(_ledger_parts(context))  # while the alias or the bucket says which key it is
    for kind, name in parts:
        if kind == _BUCKET:
            # It refuses everybody who would erase something.
            with suppress(NotFound), aws_call(f"taking the policy of the ledger {name} away"):
                context.aws.client("s3").delete_bucket_policy(Bucket=name)
        if kind == _TABLE:
            _remove_table(name, context)
        else:
            remove_data(kind, name, context)


def _kept(kind: str, name: str, context: Context) -> Kept:
    if kind == _TABLE:
        return Kept(f"{kind} {name}", "it has the end of the ledger's chain", None)
    return describe_kept(kind, name, context)


def _ledger_parts(context: Context) -> Iterator[tuple[str, str]]:
    """Type and physical id of what there is of them, in the order in which they go. The bucket says which key is its
    own, also where the stack with its alias is gone."""
    bucket, table = ledger_bucket(context.env), lease_table(context.env)
    key = _key_of(context)
    if is_there(_BUCKET, bucket, context):
        yield _BUCKET, bucket
    if key and is_there(_KEY, key, context):
        yield _KEY, key
    with suppress(NotFound), aws_call(f"describing the table {table}"):
        context.aws.client("dynamodb").describe_table(TableName=table)
        yield _TABLE, table


def _key_of(context: Context) -> str:
    client: Any = context.aws.client
    bucket = ledger_bucket(context.env)
    with suppress(NotFound), aws_call(f"reading the encryption of the ledger {bucket}"):
        answer = client("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
        rule = answer["Rules"][0]["ApplyServerSideEncryptionByDefault"]
        return str(rule.get("KMSMasterKeyID", "")).rpartition("/")[2]
    alias = ledger_key_alias(context.env)
    with suppress(NotFound), aws_call(f"describing the key {alias}"):
        return str(client("kms").describe_key(KeyId=alias)["KeyMetadata"]["KeyId"])
    return ""


def _remove_table(name: str, context: Context) -> None:
    client = context.aws.client("dynamodb")
    context.progress(f"deleting the table {name}")
    with suppress(NotFound), aws_call(f"deleting the table {name}"):
        client.delete_table(TableName=name)

    def poll() -> Poll[bool]:
        try:
            with aws_call(f"describing the table {name}"):
                client.describe_table(TableName=name)
        except NotFound:
            return Poll(True, "gone")
        return Poll(None, "it is being deleted")

    wait_until(poll, what=f"table {name}", deadline=_TABLE_GONE, interval=2, progress=context.progress)


def _refuse_locked(context: Context) -> None:
    """Raises Refused as long as S3 locks a version of the ledger. An administrator could bypass it; we do not."""
    bucket = ledger_bucket(context.env)
    client: Any = context.aws.client("s3")
    versions: list[tuple[str, str]] = []
    with suppress(NotFound), aws_call(f"reading the ledger {bucket}"):
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            versions += [(one["Key"], one["VersionId"]) for one in page.get("Versions", ())]
    with ThreadPoolExecutor(_WIDTH) as pool:
        days = [day for day in pool.map(partial(_locked_until, client, bucket), versions) if day is not None]
    until = max(days, default=None)
    if until is not None and until > dt.datetime.now(dt.UTC):
        raise Refused(
            f"S3 locks the ledger {bucket} until {until:%Y-%m-%d %H:%M} UTC, so it cannot be removed before; nothing "
            "was removed",
            next_step=f"without --delete-ledger all else goes now: eks-assets bootstrap {context.env.name} --remove",
        )


def _locked_until(client: Any, bucket: str, version: tuple[str, str]) -> dt.datetime | None:
    with suppress(NotFound), aws_call(f"reading {version[0]} of the ledger {bucket}"):
        head = client.head_object(Bucket=bucket, Key=version[0], VersionId=version[1])
        until: dt.datetime | None = head.get("ObjectLockRetainUntilDate")
        return until
    return None


def _policy_arn(context: Context) -> str:
    return build_arn(context.env, "iam", f"policy/{approver_policy(context.env)}", region="")


def _users(context: Context) -> Iterator[tuple[str, str]]:
    """Kind and name of the identities that an administrator has attached the approvers' policy to."""
    with suppress(NotFound), aws_call("listing who has the approvers' policy"):
        pages = context.aws.client("iam").get_paginator("list_entities_for_policy")
        for page in pages.paginate(PolicyArn=_policy_arn(context)):
            yield from (("role", one["RoleName"]) for one in page["PolicyRoles"])
            yield from (("user", one["UserName"]) for one in page["PolicyUsers"])
            yield from (("group", one["GroupName"]) for one in page["PolicyGroups"])


def _decisions(context: Context) -> Iterator[str]:
    where: Any = [{"Key": "Name", "Option": "BeginsWith", "Values": [decisions_path(context)]}]
    with aws_call("listing the decisions"):
        for page in context.aws.client("ssm").get_paginator("describe_parameters").paginate(ParameterFilters=where):
            yield from (one["Name"] for one in page["Parameters"])
