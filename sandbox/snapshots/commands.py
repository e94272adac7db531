"""`sandbox snapshot` and `sandbox restore`: named copies of the whole state, below the state folder.

A snapshot holds every cluster's etcd and certificates, the embedded AWS, the git repository, the registry's charts, the
ports and the keys of the people. It does not hold DAGSTER_HOME. Take it while no run goes: a restore brings back what
was under way as interrupted, and the lease of a run that is no more.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sandbox.errors import InvalidRequest, SandboxError, UnknownName
from sandbox.install.python_environments import ensure_embedded_aws, exclusive
from sandbox.install.sources import digest_code
from sandbox.install.toolchain import ensure_tools
from sandbox.lifecycle import Progress, State, call, running_state, silent, start_supervisor, stop_processes
from sandbox.paths import StateDirectory, read_json, write_json
from sandbox.processes.ports import SHARED_PORTS
from sandbox.processes.supervised import end_leftovers
from sandbox.snapshots.charts import RegistryContent
from sandbox.snapshots.contents import copy_state, decide_restore, finish_restore, prepare_restore

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Snapshot:
    """A snapshot: its name, the digest of the code that the sandbox ran (with its Kubernetes), and when it was made."""

    name: str
    code: str
    made: str


def list_snapshots(state: StateDirectory | None = None) -> list[Snapshot]:
    """The snapshots, oldest first."""
    folder = (state or StateDirectory.default()).snapshots
    found = [_read(file.parent) for file in folder.glob("[!.]*/snapshot.json")]
    return sorted(found, key=lambda one: (one.made, one.name))


def make_snapshot(name: str, state: StateDirectory | None = None) -> Snapshot:
    """Keep the state under a name. A sandbox that is up stands still for a moment and goes on.

    Raises InvalidRequest for a name that cannot be or is in use, and where other code runs; SandboxError.
    """
    state = state or StateDirectory.default()
    check_name(name)
    with _locked(state):
        if (state.snapshots / name).exists():
            raise InvalidRequest(
                f"There is a snapshot {name!r} already: `eks-assets sandbox snapshot --delete {name}` removes it."
            )
        running = running_state(state)
        if running and running.get("code") != digest_code():
            raise InvalidRequest("The sandbox runs other code: `eks-assets sandbox up` restarts it; then try again.")
        draft = state.draft_state.parent
        shutil.rmtree(draft, ignore_errors=True)
        try:
            made = Snapshot(name, digest_code(), datetime.now(UTC).isoformat(timespec="seconds"))
            _copy(state, running, draft)
            write_json(draft / "snapshot.json", asdict(made))
            draft.rename(state.snapshots / name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return made


def restore_snapshot(name: str, state: StateDirectory | None = None, progress: Progress = silent) -> State:
    """Replace the state by a snapshot's, and return what runs then; a sandbox that is down is started.

    Raises UnknownName, InvalidRequest for a snapshot of other code, SandboxError.
    """
    state = state or StateDirectory.default()
    folder = _known(name, state)
    if _read(folder).code != digest_code():
        raise InvalidRequest(
            f"The snapshot {name!r} is of other code: deploy again and make a new one. "
            f"`eks-assets sandbox snapshot --delete {name}` removes it."
        )
    tools, aws_python = ensure_tools(progress), ensure_embedded_aws(progress)
    with _locked(state):
        running = running_state(state)
        prepare_restore(state, folder / "state")
        if running and running.get("code") == digest_code() and _has_same_ports(state):
            call(running["supervisor_url"], "POST", "/restore")
            running = read_json(state.state)
        else:
            stop_processes(state, running)
            finish_restore(state)  # of an earlier, interrupted one
            decide_restore(state)
            running = start_supervisor(state, tools, aws_python, progress)
        if (folder / "registry").exists():
            RegistryContent(running["registry"]).put_back(folder / "registry")
        for warning in call(running["supervisor_url"], "GET", "/status")["warnings"]:
            progress(f"warning: {warning}")
    return running


def delete_snapshot(name: str, state: StateDirectory | None = None) -> None:
    """Remove a snapshot. Raises UnknownName."""
    state = state or StateDirectory.default()
    with _locked(state):
        shutil.rmtree(_known(name, state))


def check_name(name: str) -> None:
    """Raises InvalidRequest for a name that is no plain one; it becomes a folder."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"{name!r} is no name of a snapshot: letters, digits, dots, - and _, at most 63.")


def _known(name: str, state: StateDirectory) -> Path:
    check_name(name)
    names = [one.name for one in list_snapshots(state)]
    if name not in names:
        raise UnknownName(f"There is no snapshot {name!r}; there are: {', '.join(names) or 'none'}.")
    return state.snapshots / name


def _read(folder: Path) -> Snapshot:
    """What a snapshot's file says; other code may have written it."""
    content = read_json(folder / "snapshot.json")
    return Snapshot(folder.name, content.get("code", ""), content.get("made", ""))


def _copy(state: StateDirectory, running: State | None, draft: Path) -> None:
    draft.mkdir(mode=0o700, parents=True)
    if running:
        RegistryContent(running["registry"]).save(draft / "registry")
        call(running["supervisor_url"], "POST", "/snapshot")
        return
    end_leftovers(state.processes)
    finish_restore(state)
    copy_state(state.root, state.draft_state)


def _has_same_ports(state: StateDirectory) -> bool:
    """Whether what runs listens where the state that lies ready was used to."""
    present, restored = read_json(state.ports), read_json(state.draft_restore / "ports.json")
    return all(present.get(name) == restored.get(name) for name in SHARED_PORTS)


@contextmanager
def _locked(state: StateDirectory) -> Iterator[None]:
    """Nobody else starts, stops, copies or restores this sandbox. Raises SandboxError where there is none."""
    if not state.ports.exists() and not state.snapshots.exists():
        raise SandboxError(f"There is no sandbox in {state.root}: run `eks-assets sandbox up` first.")
    with exclusive(state.root / "lifecycle.lock"):
        yield
