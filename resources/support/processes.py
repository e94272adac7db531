"""Processes of this machine, told apart from later ones that have the same id."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

STARTED_BY = "EKS_ASSETS_PROCESS"  # the variable that names to a process the one of ours that started it
GRACE = 10.0  # seconds that a process has to end by itself


@dataclass(frozen=True)
class Process:
    """A process as no other ever was. `boot`: of its machine; `namespace`: the ids that it sees and is seen by, which
    differ in a container; `user`: whose it is; `ticks`: when it started.

    Sources: proc(5), random(4) (`boot_id`), pid_namespaces(7)."""

    boot: str
    namespace: str
    user: int
    pid: int
    ticks: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """One of this machine; None where it is gone, or where the kernel tells no such things."""
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            namespace, user = os.readlink("/proc/self/ns/pid"), Path(f"/proc/{pid}").stat().st_uid
            ticks = start_ticks(pid)
        except OSError:
            return None
        return cls(boot, namespace, user, pid, ticks) if ticks else None

    @classmethod
    def parse(cls, text: str) -> Process | None:
        """From its text; None where it is none."""
        boot, *rest = text.split("/")
        if len(rest) != 4 or not (boot and rest[0] and rest[1].isdecimal() and rest[2].isdecimal() and rest[3]):
            return None
        return cls(boot, rest[0], int(rest[1]), int(rest[2]), rest[3])

    def __str__(self) -> str:
        return f"{self.boot}/{self.namespace}/{self.user}/{self.pid}/{self.ticks}"

    @property
    def is_visible(self) -> bool:
        """Whether this process can tell how it is: it is our user's, on this machine, among the ids that we see."""
        own = Process.of(os.getpid())
        return own is not None and (own.boot, own.namespace, own.user) == (self.boot, self.namespace, self.user)

    @property
    def is_alive(self) -> bool:
        """Of a visible one. Another that has its id now is not it."""
        return start_ticks(self.pid) == self.ticks

    def end(self) -> bool:
        """End a visible one, by SIGTERM and after GRACE by SIGKILL; whether it has ended."""
        try:
            handle = os.pidfd_open(self.pid)  # names the process, whoever gets its id later
        except ProcessLookupError:
            return True
        except OSError:
            return False
        try:
            return not self.is_alive or any(_signal(handle, number) for number in (signal.SIGTERM, signal.SIGKILL))
        finally:
            os.close(handle)


def _signal(handle: int, number: signal.Signals) -> bool:
    """Whether the process has ended within GRACE of the signal."""
    ended = select.poll()
    ended.register(handle, select.POLLIN)
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return bool(ended.poll(GRACE * 1000))


def start_ticks(pid: int) -> str | None:
    """When the kernel started this process, in clock ticks since boot; None where it is gone or a zombie.

    Source: proc(5), `/proc/[pid]/stat`, field 22."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def name_to_children() -> None:
    """Name this process to those that it starts from now on."""
    os.environ[STARTED_BY] = str(Process.of(os.getpid()))


def list_started_by(processes: Collection[Process]) -> list[Process]:
    """What those processes started, or what they started did, and still runs: steps, and programs such as helm."""
    wanted = {f"{STARTED_BY}={process}".encode() for process in processes}
    pids = [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if wanted & _variables(folder)]
    return [process for process in map(Process.of, pids) if process is not None and process.pid != os.getpid()]


def _variables(process: Path) -> set[bytes]:
    """What it was started with; nothing of another user's."""
    try:
        return set((process / "environ").read_bytes().split(b"\0"))
    except OSError:
        return set()
