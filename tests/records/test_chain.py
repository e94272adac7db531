"""Entries of the ledger form one chain, whoever writes them at once and whoever is killed meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.model.change import Change, FieldChange
from resources.model.digests import digest_of
from resources.model.errors import AccessDenied
from resources.records import chain_head
from resources.records import change_entry as change_entries
from resources.records.chain import entry_text
from resources.records.chain_head import MOST_PENDING, read_head, reserve_place, write_link
from resources.records.change_entry import record_change
from tests.helpers.embedded_gate import GateAccount, gate_account
from tests.helpers.ledgers import TestLedger, own_ledger

pytestmark = pytest.mark.sandbox
NUMBERS = itertools.count()
AT_ONCE = 24


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as own_account:
        yield own_account


@pytest.fixture
def ledger(sandbox_env: Environment, account: GateAccount) -> TestLedger:
    """The ledger of a new environment."""
    return own_ledger(sandbox_env, f"c{next(NUMBERS)}")


def test_entry_carries_its_number_and_the_digest_of_the_one_before(ledger: TestLedger) -> None:
    """The first entry has nothing before it; the head knows the last."""
    assert read_head(ledger.context) is None
    ledger.record("network", "cluster", "karpenter")
    first, second, third = (ledger.read(ledger.key_of(unit)) for unit in ("network", "cluster", "karpenter"))
    assert [entry["sequence"] for entry in (first, second, third)] == [1, 2, 3]
    assert [entry["previous"] for entry in (first, second, third)] == [None, digest_of(first), digest_of(second)]
    head = ledger.head()
    assert (head.sequence, head.digest, head.key) == (3, digest_of(third), ledger.key_of("karpenter"))
    assert (head.pending, head.written) == ((), frozenset())


def test_many_at_once_keep_one_chain(ledger: TestLedger) -> None:
    """Steps that end in the same moment have a number each, without a gap, and leave nothing undone."""
    start = Barrier(AT_ONCE)

    def step(number: int) -> None:
        context, entry = ledger.run(f"run-{number}"), ledger.entry(f"unit_{number}")
        start.wait(60)
        record_change(context, entry)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(step, range(AT_ONCE)))
    assert sorted(ledger.chain()) == sorted(f"unit_{number}" for number in range(AT_ONCE))
    entries = sorted((ledger.read(key) for key in ledger.list_keys()), key=lambda entry: entry["sequence"])
    assert [entry["previous"] for entry in entries] == [None, *map(digest_of, entries[:-1])]
    head = ledger.head()
    assert (head.sequence, head.digest, head.pending) == (AT_ONCE, digest_of(entries[-1]), ())


def test_killed_before_its_entry_was_written(ledger: TestLedger) -> None:
    """The next entry writes the one of a process that was killed right after it had its place."""
    ledger.record("network")
    reserve_place(ledger.context, entry_text(ledger.entry("killed")))
    assert [key for key in ledger.list_keys() if "killed" in key] == []
    ledger.record("cluster")
    assert ledger.chain() == ["network", "killed", "cluster"]
    head = ledger.head()
    assert (head.sequence, head.pending, head.written) == (3, (), frozenset())


def test_killed_before_the_head_heard_of_its_entry(ledger: TestLedger) -> None:
    """The next entry lets the head go on where a process was killed after it had written its entry."""
    head = reserve_place(ledger.context, entry_text(ledger.entry("killed")))
    write_link(ledger.context, head.links()[0])
    ledger.record("cluster")
    assert ledger.chain() == ["killed", "cluster"]
    assert (ledger.head().sequence, ledger.head().pending) == (2, ())


def test_one_that_has_successors_leaves_it_to_them(ledger: TestLedger) -> None:
    """Whoever is slow is neither waited for nor lost: one who comes later notes its own entry, the head waits for the
    first, and goes on over both once that is written."""
    slow, quick = (entry_text(ledger.entry(unit)) for unit in ("slow", "quick"))
    first = reserve_place(ledger.context, slow)
    second = reserve_place(ledger.context, quick)
    third = reserve_place(ledger.context, entry_text(ledger.entry("third")))
    chain_head.write_reserved(ledger.context, second, quick)
    head = ledger.head()
    assert (head.sequence, head.written, head.last) == (0, frozenset({2}), 3)
    chain_head.write_reserved(ledger.context, first, slow)
    head = ledger.head()
    assert (head.sequence, head.written, head.last) == (2, frozenset(), 3)
    chain_head.write_pending(ledger.context, third)
    assert ledger.chain() == ["slow", "quick", "third"]


def test_head_that_is_full_is_written_out_first(ledger: TestLedger) -> None:
    """However many were killed, the head stays as small as a row may be, and none of their entries is lost."""
    for number in range(MOST_PENDING):
        reserve_place(ledger.context, entry_text(ledger.entry(f"killed_{number}")))
    ledger.record("network")
    assert ledger.chain() == [*(f"killed_{number}" for number in range(MOST_PENDING)), "network"]


def test_entry_that_is_sent_again_stands_once(ledger: TestLedger) -> None:
    """An update that got no answer is sent again by botocore: the entry has one place all the same."""
    entry = ledger.entry("network")
    reserve_place(ledger.context, entry_text(entry))
    record_change(ledger.context, entry)
    assert ledger.chain() == ["network"]


def test_name_that_is_taken_stops_nobody(ledger: TestLedger) -> None:
    """Whoever puts something under the name of an entry to come cannot stop the chain: the entry gets its number."""
    entry = ledger.entry("network")
    ledger.put(f"changes/{entry['at']}-network.json", {"junk": True})
    record_change(ledger.context, entry)
    ledger.record("cluster")
    assert ledger.read(f"changes/{entry['at']}-network.1.json")["sequence"] == 1
    head = ledger.head()
    assert (head.sequence, head.pending) == (2, ())


def test_entry_of_many_fields_counts_those_left_out(ledger: TestLedger) -> None:
    """An entry is at most as large as its part of the head; how many paths are left out is said."""
    paths = [f"Resources.Role{number}.Properties.AssumeRolePolicyDocument" for number in range(500)]
    change = Change("update", tuple(FieldChange(path, 1, 2) for path in paths), "x" * 9999)
    entry = change_entries.change_entry(ledger.context, "network", change, "y" * 9999, 1.0)
    record_change(ledger.context, entry)
    stored = ledger.read(ledger.key_of("network"))
    assert len(entry_text(stored)) <= chain_head.LARGEST_ENTRY
    assert stored["fields"] == paths[: len(stored["fields"])]
    assert len(stored["fields"]) + stored["fields_left_out"] == len(paths)


def test_without_the_right_to_the_head_the_entry_stands_alone(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deploy does not fail for it, and says which command gives the right."""

    def refuse(*_: Any) -> Any:
        raise AccessDenied("UpdateItem of ledger:x")

    monkeypatch.setattr(change_entries, "reserve_place", refuse)
    ledger.record("network")
    assert "sequence" not in ledger.read(ledger.key_of("network"))
    assert [line for line in ledger.lines if f"eks-assets bootstrap {ledger.env.name} --apply" in line]


def test_head_that_was_taken_away_stops_nobody(ledger: TestLedger) -> None:
    """Where the row goes while an entry is on its way, the entry is written, and the next one begins a chain."""
    entry = entry_text(ledger.entry("network"))
    head = reserve_place(ledger.context, entry)
    ledger.forget_head()
    chain_head.write_reserved(ledger.context, head, entry)
    assert ledger.read(ledger.key_of("network"))["sequence"] == 1
    assert read_head(ledger.context) is None
