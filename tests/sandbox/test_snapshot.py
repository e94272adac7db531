"""Snapshots of the sandbox: the state as it was comes back whole, or nothing changes and a sentence says why."""

from __future__ import annotations

import fcntl
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eks_assets.cli.commands.sandbox import sandbox as app
from sandbox import lifecycle
from sandbox.errors import InvalidRequest, SandboxError, UnknownName
from sandbox.paths import StateDirectory, read_json, write_json
from sandbox.processes.frozen import frozen
from sandbox.processes.supervised import Launcher, ProcessSpec, SupervisedProcess
from sandbox.snapshots.charts import RegistryContent
from sandbox.snapshots.commands import delete_snapshot, list_snapshots, make_snapshot, restore_snapshot
from sandbox.snapshots.contents import FILES, FOLDERS, decide_restore, finish_restore, prepare_restore
from tests.helpers.pushed_charts import push

PARAMETER = "/demo/sandbox/snapshot-test"


@pytest.fixture
def at_rest(tmp_path: Path) -> StateDirectory:
    """The state of a sandbox that is down, with a file in each of its folders."""
    state = StateDirectory(tmp_path / "sandbox")
    write(state, "before")
    write_json(state.ports, {"aws": 20001})
    return state


def write(state: StateDirectory, content: str) -> None:
    for name in FOLDERS:
        (state.root / name).mkdir(parents=True, exist_ok=True)
        (state.root / name / "file").write_text(content)
    write_json(state.people, {"alice": content})


def read(root: Path) -> dict[str, str]:
    """The files of the state by path, those of snapshots, restores and locks aside."""
    held = [root / name for name in (*FOLDERS, *FILES)]
    files = [file for path in held for file in ([path] if path.is_file() else sorted(path.rglob("*")))]
    return {str(file.relative_to(root)): file.read_text() for file in files if file.is_file()}


class TestAtRest:
    """What needs no sandbox that runs."""

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "/tmp/a", ".draft", "a b", "a\n", "x" * 64])
    def test_a_name_that_is_no_plain_one_is_refused(self, at_rest: StateDirectory, name: str) -> None:
        for act in (make_snapshot, restore_snapshot, delete_snapshot):
            with pytest.raises(InvalidRequest, match="no name of a snapshot"):
                act(name, at_rest)
        assert list_snapshots(at_rest) == []

    def test_an_unknown_name_is_refused_with_those_that_are_known(self, at_rest: StateDirectory) -> None:
        make_snapshot("deployed", at_rest)
        for act in (restore_snapshot, delete_snapshot):
            with pytest.raises(UnknownName, match="no snapshot 'deploid'; there are: deployed"):
                act("deploid", at_rest)

    def test_a_name_is_given_once(self, at_rest: StateDirectory) -> None:
        make_snapshot("one", at_rest)
        with pytest.raises(InvalidRequest, match="--delete one"):
            make_snapshot("one", at_rest)
        delete_snapshot("one", at_rest)
        make_snapshot("one", at_rest)

    def test_where_there_is_no_sandbox_none_is_made(self, tmp_path: Path) -> None:
        with pytest.raises(SandboxError, match="sandbox up"):
            make_snapshot("one", StateDirectory(tmp_path / "none"))
        assert not (tmp_path / "none").exists()

    def test_two_at_once_wait_for_each_other(self, at_rest: StateDirectory) -> None:
        with (at_rest.root / "lifecycle.lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            second = threading.Thread(target=make_snapshot, args=("one", at_rest))
            second.start()
            time.sleep(0.3)
            assert list_snapshots(at_rest) == []
            fcntl.flock(handle, fcntl.LOCK_UN)
        second.join(10)
        assert [one.name for one in list_snapshots(at_rest)] == ["one"]

    def test_one_of_other_code_is_refused_and_nothing_changes(self, at_rest: StateDirectory) -> None:
        """The digest covers the sandbox's sources and the lock files of its tools, so another Kubernetes as well."""
        make_snapshot("old", at_rest)
        file = at_rest.snapshots / "old" / "snapshot.json"
        write_json(file, {**read_json(file), "code": "0" * 64})
        write(at_rest, "after")
        before = read(at_rest.root)
        with pytest.raises(InvalidRequest, match="'old' is of other code"):
            restore_snapshot("old", at_rest)
        assert read(at_rest.root) == before

    def test_one_that_is_interrupted_leaves_none(
        self, at_rest: StateDirectory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(source: Path, target: Path, **options: object) -> None:
            target.mkdir(parents=True)
            raise OSError("No space left on device")

        monkeypatch.setattr("shutil.copytree", fail)
        with pytest.raises(SandboxError, match=r"cannot be copied .* No space"):
            make_snapshot("one", at_rest)
        monkeypatch.undo()
        assert list(at_rest.snapshots.iterdir()) == []
        at_rest.draft_state.mkdir(parents=True)  # as a kill leaves it
        assert list_snapshots(at_rest) == []
        make_snapshot("one", at_rest)

    @pytest.mark.parametrize("moved", range(len(FOLDERS) + len(FILES) + 1))
    def test_a_restore_that_is_interrupted_is_finished_by_the_next_start(
        self, at_rest: StateDirectory, monkeypatch: pytest.MonkeyPatch, moved: int
    ) -> None:
        make_snapshot("one", at_rest)
        copy = at_rest.snapshots / "one" / "state"
        write(at_rest, "after")
        (at_rest.git / "later").touch()
        after = read(at_rest.root)
        prepare_restore(at_rest, copy)
        assert read(at_rest.root) == after, "until it is decided, the state is the old one"

        decide_restore(at_rest)
        self.interrupt_after(moved, monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            finish_restore(at_rest)
        monkeypatch.undo()
        finish_restore(at_rest)
        assert read(at_rest.root) == read(copy)
        assert not at_rest.restoring.exists()

    def interrupt_after(self, moves: int, monkeypatch: pytest.MonkeyPatch) -> None:
        rename, done = Path.rename, list[Path]()

        def interrupted(path: Path, target: Path) -> Path:
            if len(done) == moves:
                raise KeyboardInterrupt
            done.append(path)
            return rename(path, target)

        def interrupted_at_the_end(path: Path) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Path, "rename", interrupted)
        monkeypatch.setattr(Path, "rmdir", interrupted_at_the_end)

    def test_what_came_later_is_gone_after_a_restore(self, tmp_path: Path) -> None:
        state = StateDirectory(tmp_path / "sandbox")
        write_json(state.ports, {})
        make_snapshot("empty", state)
        write(state, "after")
        prepare_restore(state, state.snapshots / "empty" / "state")
        decide_restore(state)
        finish_restore(state)
        assert read(state.root) == dict.fromkeys(FILES, "{}\n")

    def test_reset_leaves_snapshots_and_nothing_else(self, at_rest: StateDirectory) -> None:
        make_snapshot("one", at_rest)
        for _ in range(2):
            lifecycle.reset_sandbox(at_rest)
            assert list(at_rest.root.iterdir()) == [at_rest.snapshots]
        assert [one.name for one in list_snapshots(at_rest)] == ["one"]

    def test_a_snapshot_is_readable_by_its_owner_only(self, at_rest: StateDirectory) -> None:
        make_snapshot("one", at_rest)
        assert (at_rest.snapshots / "one").stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize(
        "arguments",
        [["snapshot"], ["snapshot", "a", "--list"], ["snapshot", "a/b"], ["restore", "none"], ["snapshot", "--delete"]],
    )
    def test_bad_input_is_exit_2(
        self, at_rest: StateDirectory, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
    ) -> None:
        monkeypatch.setenv("EKS_ASSETS_SANDBOX_DIR", str(at_rest.root))
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 2, done.output
        assert done.output.startswith("error: ")

    def test_the_command_makes_shows_and_removes_them(
        self, at_rest: StateDirectory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EKS_ASSETS_SANDBOX_DIR", str(at_rest.root))
        said = [CliRunner().invoke(app, ["snapshot", *rest]).output for rest in (["a"], ["--list"])]
        assert "sandbox restore a" in said[0]
        assert said[1].startswith("a  made ")
        assert CliRunner().invoke(app, ["snapshot", "--delete", "a"]).exit_code == 0
        assert "There is no snapshot." in CliRunner().invoke(app, ["snapshot", "--list"]).output


def test_frozen_processes_write_nothing_and_go_on(tmp_path: Path) -> None:
    """Also those that they have started, and those that are just starting some."""
    file = tmp_path / "ticks"
    script = f"(while :; do echo x >> {file}; sleep 0.001; done) & wait"
    process = SupervisedProcess(
        ProcessSpec("ticks", ["sh", "-c", script], tmp_path / "log", tmp_path), Launcher(tmp_path / "processes.json")
    )
    process.start()
    try:
        wait_for(lambda: file.exists())
        for _ in range(30):
            with frozen([process]):
                size = file.stat().st_size
        with frozen([process]):
            size = file.stat().st_size
            time.sleep(0.2)
            assert file.stat().st_size == size
        wait_for(lambda: file.stat().st_size > size)
    finally:
        process.kill()


def test_a_registrys_charts_come_back(registry: str, tmp_path: Path) -> None:
    """Those that changed or went are pushed, those that came are removed."""
    content = RegistryContent(registry)
    for tag in ("1", "2"):
        push(registry, "kept", tag, f"kept {tag}".encode())
    content.save(tmp_path / "saved")
    before = content.tags()
    push(registry, "kept", "1", b"changed")
    content.request("DELETE", "charts/kept/manifests/2")
    push(registry, "came", "1", b"new")
    content.put_back(tmp_path / "saved")
    assert {name: tags for name, tags in content.tags().items() if tags} == before
    with pytest.raises(SandboxError, match="does not answer"):
        RegistryContent("127.0.0.1:1").save(tmp_path / "none")


def wait_for(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
