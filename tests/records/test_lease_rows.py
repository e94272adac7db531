"""The lease is on the platform; versions that know only the row of the environment's name are kept out as well."""

from __future__ import annotations

from typing import Any

import pytest

from resources.model.errors import LeaseHeld
from resources.records.lease import hold_lease
from resources.records.lease_table import current_holder, note_versions, read_row
from tests.helpers.embedded_aws_server import Aws
from tests.helpers.leases import OLDER_ROW, PLATFORM_ROW, ContextOf, another_launch

# As written by 0.1.0.
OLD_ROW: dict[str, Any] = {
    "environment": {"S": OLDER_ROW},
    "run": {"S": "old-run"},
    "who": {"S": "ann, command line"},
    "since": {"S": "2025-03-01T12:00:00.000+00:00"},
    "until": {"S": "2099-03-01T12:01:00.000+00:00"},
    "token": {"N": "41"},
    "members": {"SS": ["0123"]},
    "unsettled": {"BOOL": True},
}
PAST = {"S": "2025-03-01T12:01:00.000+00:00"}


@pytest.fixture(autouse=True)
def rows(embedded: Aws) -> Any:
    """The client of the table, in which nobody has ever held the platform."""
    client = embedded.client("dynamodb")
    for row in (OLDER_ROW, PLATFORM_ROW, "former"):
        client.delete_item(TableName="demo-sandbox-lease", Key={"environment": {"S": row}})
    return client


def put(rows: Any, **changes: Any) -> None:
    """A run of an older version holds the environment."""
    rows.put_item(TableName="demo-sandbox-lease", Item={**OLD_ROW, **changes})


def test_run_holds_both_rows(contexts: ContextOf) -> None:
    """An older version sees a row that is held, as it writes one itself; leaving gives both back."""
    with hold_lease(contexts("one"), who="ann", keep=False) as lease:
        lease.check()
        for row in (PLATFORM_ROW, OLDER_ROW):
            holder = current_holder(contexts("two"), row)
            assert holder is not None
            assert (holder.run, holder.who, len(holder.members), holder.token) == ("one", "ann", 1, 1)
        with pytest.raises(LeaseHeld, match="held by run one"), hold_lease(contexts("two"), who="ben"):
            pass
    assert current_holder(contexts("two")) is None
    assert current_holder(contexts("two"), OLDER_ROW) is None


def test_two_names_of_one_platform_exclude_each_other(contexts: ContextOf, environments: Any) -> None:
    """A file that is renamed while a run goes on makes no second writer."""
    with hold_lease(contexts("one"), who="ann", keep=False):
        (environments / "sandbox.yaml").rename(environments / "renamed.yaml")
        with pytest.raises(LeaseHeld), hold_lease(contexts("two", "renamed"), who="ben"):
            pass
    with hold_lease(contexts("two", "renamed"), who="ben", keep=False) as lease:
        assert list(lease.tokens) == [PLATFORM_ROW, "renamed", OLDER_ROW]


def test_run_of_older_version_is_waited_for(contexts: ContextOf, rows: Any) -> None:
    """Its row is respected, also by a run that says that it is the same one, and nobody joins it."""
    put(rows)
    for run in ("new", "old-run"):
        with pytest.raises(LeaseHeld, match=r"held by run old-run \(ann, command line\)"):
            hold_lease(contexts(run), who="ben").__enter__()
    holder = read_row(contexts("new"))
    assert holder is not None
    assert holder.members == frozenset()


def test_token_goes_on_from_that_of_older_versions(contexts: ContextOf, rows: Any) -> None:
    put(rows, until=PAST)
    with hold_lease(contexts("one"), who="ann", keep=False) as lease:
        assert lease.tokens == {PLATFORM_ROW: 42, OLDER_ROW: 42}
    put(rows, until=PAST, token={"N": "50"})
    with another_launch(), hold_lease(contexts("two"), who="ben", keep=False) as lease:
        assert lease.tokens == {PLATFORM_ROW: 43, OLDER_ROW: 51}


@pytest.mark.parametrize("row", [PLATFORM_ROW, OLDER_ROW])
def test_run_that_lost_either_row_changes_nothing_more(contexts: ContextOf, rows: Any, row: str) -> None:
    with hold_lease(contexts("one"), who="ann", keep=False) as lease:
        put(rows, environment={"S": row})
        with pytest.raises(LeaseHeld, match="it was taken over by run old-run"):
            lease.check()


def test_platform_is_held_alone_once_no_older_version_runs(contexts: ContextOf, rows: Any) -> None:
    """That is noted only while no older version holds the environment."""
    put(rows)
    with pytest.raises(LeaseHeld, match="a run of an older version holds environment sandbox: run old-run"):
        note_versions(contexts("bootstrap"), None, no_older_version=True)
    put(rows, until=PAST)
    note_versions(contexts("bootstrap"), None, no_older_version=True)
    put(rows)
    with hold_lease(contexts("one"), who="ann", keep=False) as lease:
        assert lease.tokens == {PLATFORM_ROW: 42}
        note_versions(contexts("bootstrap"), None, no_older_version=False)
    with hold_lease(contexts("one"), who="ann", keep=False) as lease:
        assert list(lease.tokens) == [PLATFORM_ROW]


def test_run_under_former_name_is_waited_for(contexts: ContextOf, rows: Any) -> None:
    """An older version that still runs under the file's former name is kept out like one under the name of today."""
    note_versions(contexts("bootstrap"), "former", no_older_version=False)
    put(rows, environment={"S": "former"})
    with pytest.raises(LeaseHeld, match="held by run old-run"), hold_lease(contexts("one"), who="ann"):
        pass


def test_made_up_run_name_holds_nothing(contexts: ContextOf) -> None:
    """A process that only names the run that holds the platform is refused, and two that make up one name hold it one
    after the other."""
    with hold_lease(contexts("one"), who="ann") as lease:
        with hold_lease(contexts("one"), who="step"):
            pass
        with another_launch(), pytest.raises(LeaseHeld), hold_lease(contexts("one"), who="ben"):
            pass
        lease.check()
    with another_launch(), hold_lease(contexts("one"), who="ben", keep=False, wait=10) as other:
        assert other.token == lease.token + 1
        with pytest.raises(LeaseHeld):
            lease.check()
        other.check()
