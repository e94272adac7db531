"""The key of hashes that stand for secrets, on the embedded S3."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from resources.config.environment import Environment
from resources.config.names import ledger_bucket
from resources.context import Context
from resources.model.errors import AccessDenied, OperationFailed
from resources.records.digest_key import KEY, create_digest_key, load_digest_key
from resources.records.ledger import read_key, write_once
from tests.helpers.embedded_gate import GateAccount, gate_account
from tests.helpers.gate import Gate

pytestmark = pytest.mark.sandbox
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as own_account:
        yield own_account


@pytest.fixture
def gate(sandbox_env: Environment, account: GateAccount) -> Gate:
    """A bootstrapped environment without a key."""
    return account.gate(sandbox_env, f"k{next(NUMBERS)}")


def test_first_request_makes_a_key_that_stays(gate: Gate) -> None:
    """An environment that was bootstrapped before there were keys gets one when approval is asked for, and one only."""
    assert load_digest_key(gate.context()) is None
    for name in ("rights", "dependent"):
        gate.run(name)
    gate.ask()
    key = load_digest_key(gate.context())
    assert key is not None
    assert len(key) == 32
    create_digest_key(gate.context())
    assert load_digest_key(gate.context()) == key
    assert key.hex() in read_key(gate.context(), KEY).decode()


def test_key_is_not_for_approvers_and_others(gate: Gate) -> None:
    """People get none: whoever has it can try what a secret is."""
    create_digest_key(gate.context())
    for person in ("alice", "outsider"):
        assert load_digest_key(gate.as_person(person)) is None
        with pytest.raises(AccessDenied):
            read_key(gate.as_person(person), KEY)


def test_key_that_was_first_counts(gate: Gate) -> None:
    """Nobody replaces it by one that he knows: the bucket refuses that, and what an administrator puts over it all the
    same is not believed."""
    create_digest_key(gate.context())
    key = load_digest_key(gate.context())
    known = b'{"key": "%s"}' % (b"0" * 64)
    gate.context().aws.client("s3").put_object(Bucket=ledger_bucket(gate.env), Key=KEY, Body=known)
    assert load_digest_key(gate.context()) == key


@pytest.mark.parametrize("planted", [{"key": "short"}, {"key": 7}, {"other": "00" * 32}, {"key": "zz" * 32}])
def test_something_else_in_its_place_is_said(planted: dict[str, object], gate: Gate) -> None:
    """A key that is none is an error that names the object, never used."""
    write_once(gate.context(), KEY, planted)
    with pytest.raises(OperationFailed, match=f"{KEY} in the ledger holds no key"):
        load_digest_key(Context.of(gate.env))
