"""A run on the machine where the holder of the lease was killed takes over at once, and never beside a writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resources.model.errors import LeaseHeld
from resources.records.lease import hold_lease
from resources.records.lease_members import end_killed_run, new_member
from resources.records.lease_table import current_holder
from resources.support.processes import Process
from sandbox.paths import PROJECT
from tests.helpers.embedded_aws_server import Aws
from tests.helpers.leases import OLDER_ROW, PLATFORM_ROW, ContextOf, another_launch
from tests.helpers.waiting import eventually

RUN = "tests.records.killed_run"
SILENT: list[str] = []


@pytest.fixture(autouse=True)
def rows(embedded: Aws) -> Any:
    """The client of the table, in which nobody has ever held the platform."""
    client = embedded.client("dynamodb")
    for row in (OLDER_ROW, PLATFORM_ROW):
        client.delete_item(TableName="demo-sandbox-lease", Key={"environment": {"S": row}})
    return client


class Run:
    """A run of two steps, each a process, one of which runs a program; nothing of it ends by itself."""

    def __init__(self, embedded: Aws, folder: Path) -> None:
        self._file = folder / "writes"
        self._file.touch()
        self.process = subprocess.Popen(
            [sys.executable, "-m", RUN, f"http://127.0.0.1:{embedded.port}", str(self._file)],
            cwd=PROJECT,
            start_new_session=True,
        )
        eventually("both steps and the program write", lambda: len(set(self.writers())) == 3, 60)

    def writers(self) -> list[int]:
        return [int(line) for line in self._file.read_text().splitlines()]

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def run(embedded: Aws, tmp_path: Path) -> Iterator[Run]:
    one = Run(embedded, tmp_path)
    yield one
    one.end()


def take(contexts: ContextOf) -> float:
    """The seconds until another run holds the platform."""
    began = time.monotonic()
    with another_launch(), hold_lease(contexts("next"), who="ben", keep=False):
        return time.monotonic() - began


def test_run_whose_every_process_was_killed_is_taken_over_at_once(run: Run, contexts: ContextOf) -> None:
    run.end()
    holder = current_holder(contexts("look"))
    assert holder is not None, "it has not run out"
    assert holder.run == "killed"
    assert take(contexts) < 5


def test_steps_and_programs_of_killed_run_are_ended_before_it_is_taken_over(run: Run, contexts: ContextOf) -> None:
    """Only the parent is killed: its steps write on, and so does the program of one, until another run holds it."""
    os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait(10)
    before = len(run.writers())
    eventually("what is left writes on", lambda: len(run.writers()) > before)
    with another_launch(), hold_lease(contexts("next"), who="ben", keep=False):
        written = len(run.writers())
        time.sleep(1)
        assert len(run.writers()) == written, "two writers"


def test_run_whose_step_was_killed_goes_on(run: Run, contexts: ContextOf) -> None:
    """While the process that launched it lives, it is not taken over, whatever became of its steps."""
    for writer in set(run.writers()):
        os.kill(writer, signal.SIGKILL)
    with pytest.raises(LeaseHeld, match="held by run killed"):
        take(contexts)


def gone(**changes: Any) -> str:
    """The name of a process of ours that is gone: this one has its id."""
    own = Process.of(os.getpid())
    assert own is not None
    return str(replace(own, ticks="1", **changes))


@pytest.mark.parametrize(
    "other", [{"boot": "another"}, {"namespace": "pid:[1]"}, {"user": 4711}], ids=["machine", "container", "user"]
)
def test_members_that_cannot_be_checked_run_out(other: dict[str, Any]) -> None:
    assert end_killed_run([f"m {gone()} {gone()}"], SILENT.append)
    assert not end_killed_run([f"m {gone(**other)} {gone()}"], SILENT.append)
    assert not end_killed_run([f"m {gone()} {gone(**other)}"], SILENT.append)
    assert not end_killed_run([f"m {gone()} {gone()}", f"m {gone(**other)} {gone()}"], SILENT.append)


@pytest.mark.parametrize("members", [[], ["0123"], ["a b c"], [""], ["m - -"]])
def test_members_of_older_versions_run_out(members: list[str]) -> None:
    assert not end_killed_run(members, SILENT.append)


def test_own_run_is_alive() -> None:
    assert not end_killed_run([new_member()], SILENT.append)


def test_row_names_no_process_that_is_ended() -> None:
    """Somebody writes into the row that a process of ours belongs to a killed run: it is not one that a run started."""
    ours = subprocess.Popen(["sleep", "60"])
    try:
        process = Process.of(ours.pid)
        assert process is not None
        assert not end_killed_run([f"m {process} {gone()}"], SILENT.append)
        assert ours.poll() is None
    finally:
        ours.kill()
        ours.wait()


def test_older_version_reads_the_row(contexts: ContextOf, rows: Any) -> None:
    """The attributes of the row and their types are those of older versions: members are names that mean nothing."""
    with hold_lease(contexts("one"), who="ann", keep=False):
        item = rows.get_item(TableName="demo-sandbox-lease", Key={"environment": {"S": OLDER_ROW}})["Item"]
    assert {name: [*value] for name, value in item.items()} == {
        "environment": ["S"],
        "run": ["S"],
        "who": ["S"],
        "since": ["S"],
        "until": ["S"],
        "token": ["N"],
        "members": ["SS"],
        "names": ["SS"],
        "proof": ["S"],
    }
