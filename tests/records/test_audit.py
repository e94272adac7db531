"""The audit of a ledger on an embedded AWS, whose administrator took the bucket's policy away and tampered with it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from resources.config.environment import Environment, Roles
from resources.records.audit import audit_ledger
from resources.records.chain import entry_text
from resources.records.chain_head import reserve_place
from resources.records.ledger import write_once
from tests.helpers.embedded_gate import GateAccount, gate_account
from tests.helpers.ledgers import TestLedger, own_ledger

pytestmark = pytest.mark.sandbox
NUMBERS = itertools.count()
UNITS = ("network", "cluster", "identity", "karpenter", "argo_cd")
OLDER = Path(__file__).parent / "older_ledger.json"


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as own_account:
        yield own_account


@pytest.fixture
def ledger(sandbox_env: Environment, account: GateAccount) -> TestLedger:
    """The ledger of a new environment with an entry of each of the units."""
    own = own_ledger(sandbox_env, f"a{next(NUMBERS)}")
    own.record(*UNITS)
    return own


def faults(ledger: TestLedger) -> list[tuple[str, int | None, str]]:
    """Kind, number and unit of each fault."""
    found = audit_ledger(ledger.context).faults
    return [(fault.kind, fault.sequence, fault.key.rpartition("Z-")[2].rpartition("00-")[2]) for fault in found]


def test_whole_chain_has_no_fault(ledger: TestLedger) -> None:
    """Every entry is proved by the one after it, and the last by the head."""
    audit = audit_ledger(ledger.context)
    assert (audit.entries, audit.before, audit.faults, audit.unwritten) == (5, 0, (), ())
    assert audit.begins == ledger.key_of("network")


def test_empty_ledger_is_whole(sandbox_env: Environment, account: GateAccount) -> None:
    """A ledger without entries has none that are missing."""
    audit = audit_ledger(own_ledger(sandbox_env, f"a{next(NUMBERS)}").context)
    assert (audit.entries, audit.before, audit.begins, audit.faults) == (0, 0, "", ())


@pytest.mark.parametrize("unit", UNITS)
def test_edited_entry_is_named(unit: str, ledger: TestLedger) -> None:
    """One word of one entry, the first and the last too; no other entry is blamed."""
    key = ledger.key_of(unit)
    ledger.replace(key, {**ledger.read(key), "outcome": "never happened"})
    assert faults(ledger) == [("edited", UNITS.index(unit) + 1, f"{unit}.json")]


def test_entry_whose_past_was_edited_is_named_alone(ledger: TestLedger) -> None:
    """An entry that claims another one before it is the edited one, not the one that is before it."""
    key = ledger.key_of("karpenter")
    ledger.replace(key, {**ledger.read(key), "previous": f"sha256:{'0' * 64}"})
    assert faults(ledger) == [("edited", 4, "karpenter.json")]


@pytest.mark.parametrize("unit", UNITS[:-1])
def test_deleted_entry_is_named(unit: str, ledger: TestLedger) -> None:
    """One that is gone with all of its versions: its number, and what is before the gap."""
    ledger.forget(ledger.key_of(unit))
    (fault,) = audit_ledger(ledger.context).faults
    assert (fault.kind, fault.sequence) == ("deleted", UNITS.index(unit) + 1)
    before = ledger.key_of(UNITS[UNITS.index(unit) - 1]) if unit != "network" else "none"
    assert f"after {before}" in fault.detail


def test_deleted_entry_that_has_a_version_is_named(ledger: TestLedger) -> None:
    """A delete marker hides it from all who list the bucket; the audit names it, and the version that still has it."""
    ledger.s3.delete_object(Bucket=ledger.bucket, Key=ledger.key_of("identity"))
    (fault,) = audit_ledger(ledger.context).faults
    assert (fault.kind, fault.sequence) == ("deleted", 3)
    assert "still has it" in fault.detail


def test_overwritten_entry_is_named(ledger: TestLedger) -> None:
    """What was written first counts; that it was written over is a fault."""
    key = ledger.key_of("identity")
    ledger.put(key, {**ledger.read(key), "outcome": "never happened"})
    assert faults(ledger) == [("overwritten", 3, "identity.json")]


def test_cut_tail_is_named(ledger: TestLedger) -> None:
    """The head knows which entries were the last."""
    last = ledger.key_of("argo_cd")
    for unit in ("karpenter", "argo_cd"):
        ledger.forget(ledger.key_of(unit))
    first, second = audit_ledger(ledger.context).faults
    assert [(fault.kind, fault.sequence) for fault in (first, second)] == [("cut", 4), ("cut", 5)]
    assert last in (first.key, second.key)
    assert ledger.key_of("identity") in first.detail


def test_reordered_entries_are_named(ledger: TestLedger) -> None:
    """Two entries that changed numbers, neighbours or not."""
    for one, other in (("network", "karpenter"), ("cluster", "identity")):
        a, b = ledger.read(ledger.key_of(one)), ledger.read(ledger.key_of(other))
        place = ("sequence", "previous")
        ledger.replace(ledger.key_of(one), {**a, **{name: b[name] for name in place}})
        ledger.replace(ledger.key_of(other), {**b, **{name: a[name] for name in place}})
    expected = ["network.json", "cluster.json", "identity.json", "karpenter.json"]
    assert faults(ledger) == [("reordered", n, key) for n, key in enumerate(expected, 1)]


def test_entries_under_each_others_names_are_named(ledger: TestLedger) -> None:
    """Their bytes are whole, and their times and units are not what their names say."""
    one, other = ledger.key_of("cluster"), ledger.key_of("karpenter")
    a, b = (ledger.s3.get_object(Bucket=ledger.bucket, Key=key)["Body"].read() for key in (one, other))
    for key, body in ((one, b), (other, a)):
        ledger.forget(key)
        ledger.s3.put_object(Bucket=ledger.bucket, Key=key, Body=body)
    assert faults(ledger) == [("moved", 2, "karpenter.json"), ("moved", 4, "cluster.json")]


def test_added_entries_are_named(ledger: TestLedger) -> None:
    """One without a place, one beyond the head, and one beside another of its number."""
    write_once(ledger.context, f"changes/{ledger.entry('x')['at']}-alone.json", ledger.entry("alone"))
    for number, unit in ((6, "beyond"), (2, "beside")):
        entry = ledger.entry(unit, sequence=number, previous=None)
        write_once(ledger.context, f"changes/{entry['at']}-{unit}.json", entry)
    assert faults(ledger) == [
        ("added", None, "alone.json"),
        ("added", 2, "beside.json"),
        ("added", 6, "beyond.json"),
    ]


def test_lost_head_is_named(ledger: TestLedger) -> None:
    """Without the head nobody can tell whether the tail was cut, and the chain that then begins hides nothing."""
    ledger.forget_head()
    assert [kind for kind, _, _ in faults(ledger)] == ["no_head"]
    ledger.record("network")
    assert {kind for kind, _, _ in faults(ledger)} == {"added"}
    assert len(faults(ledger)) == 5


def test_entry_of_a_killed_process_is_not_written_yet(ledger: TestLedger) -> None:
    """The head is ahead of the entries: what is missing is named as no fault, and the next change settles it."""
    entry = ledger.entry("killed")
    reserve_place(ledger.context, entry_text(entry))
    audit = audit_ledger(ledger.context)
    assert [(each.sequence, each.key) for each in audit.unwritten] == [(6, f"changes/{entry['at']}-killed.json")]
    assert audit.faults == ()
    ledger.record("cluster")
    assert audit_ledger(ledger.context).unwritten == ()


def test_ledger_of_bootstrap_names_what_an_administrator_did_to_it(
    sandbox_env: Environment, account: GateAccount
) -> None:
    """Under Object Lock nothing is edited, deleted or cut without bypassing it; who does is shown entry by entry."""
    gate = account.gate(sandbox_env, f"a{next(NUMBERS)}")
    own = TestLedger(gate.env.model_copy(update={"roles": Roles(), "approval": None}))
    own.record(*UNITS)
    assert faults(own) == []
    first = own.s3.list_object_versions(Bucket=own.bucket, Prefix=own.key_of("network"))["Versions"][0]
    place = {"Bucket": own.bucket, "Key": first["Key"], "VersionId": first["VersionId"]}
    with pytest.raises(ClientError, match="object protected by object lock"):
        own.s3.delete_object(**place)
    key = own.key_of("network")
    own.replace(key, {**own.read(key), "outcome": "never happened"})
    own.forget(own.key_of("identity"))
    own.forget(own.key_of("argo_cd"))
    named = [(fault.kind, fault.sequence) for fault in audit_ledger(own.context).faults]
    assert [kind for kind, _ in named] == ["edited", "deleted", "cut"]
    assert [number for _, number in named] == [1, 3, 5]


def test_chain_begins_where_it_begins(sandbox_env: Environment, account: GateAccount) -> None:
    """Entries as they were written before there was a chain are counted, and proved by nothing."""
    ledger = own_ledger(sandbox_env, f"a{next(NUMBERS)}")
    older = json.loads(OLDER.read_text())
    for key, entry in older.items():
        write_once(ledger.context, key, entry)
    audit = audit_ledger(ledger.context)
    assert (audit.entries, audit.before, audit.begins, audit.faults) == (0, len(older), "", ())
    ledger.record("identity", "karpenter")
    audit = audit_ledger(ledger.context)
    assert (audit.entries, audit.before, audit.faults) == (2, len(older), ())
    assert audit.begins == ledger.key_of("identity")
