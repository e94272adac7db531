"""The key of hashes that stand for secrets, on the embedded S3."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.names import ledger_bucket, planner_role
from resources.context import Context
from resources.model.errors import AccessDenied, OperationFailed
from resources.records import digest_key
from resources.records.digest_key import KEY, create_digest_key, load_digest_key
from resources.records.ledger import read_key, write_once
from tests.helpers.gate import Gate

pytestmark = pytest.mark.sandbox


def test_bootstrap_makes_a_key_that_stays(context: Context) -> None:
    """The account has a key since its bootstrap, and nothing writes another one."""
    key = load_digest_key(context)
    assert key is not None
    assert len(key) == 32
    create_digest_key(context)
    assert load_digest_key(Context.of(context.env)) == key
    assert key.hex() in read_key(context, KEY).decode()
    assert key.hex() not in repr(context)


def test_key_is_for_the_deployer_alone(context: Context, gate: Gate) -> None:
    """Approvers and others of the account get none."""
    for person in ("alice", "outsider"):
        assert load_digest_key(gate.as_person(person)) is None
        with pytest.raises(AccessDenied):
            read_key(gate.as_person(person), KEY)


def test_planner_gets_no_key(account: Environment) -> None:
    """The planner has no part in the ledger."""
    role = planner_role(account)
    arn = f"arn:aws:iam::{account.account}:role{role.path}{role.name}"
    env = account.model_copy(update={"roles": account.roles.model_copy(update={"planner": arn})})
    assert load_digest_key(Context(env, Aws(env, planning=True))) is None


def test_something_else_in_its_place_is_said(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is none is an error that names the object, never used."""
    name = "keys/test-of-digest-key.json"
    write_once(context, name, {"key": "short"})
    monkeypatch.setattr(digest_key, "KEY", name)
    with pytest.raises(OperationFailed, match=f"{name} in the ledger holds no key"):
        load_digest_key(Context.of(context.env))


def test_key_is_not_overwritten(context: Context, admin: Aws) -> None:
    """Nobody replaces it by one that he knows."""
    with pytest.raises(ClientError, match="AccessDenied"):
        admin.client("s3").put_object(Bucket=ledger_bucket(context.env), Key=KEY, Body=b"{}")
