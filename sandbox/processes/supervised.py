"""Child processes that are started again when they die, and that die with the supervisor."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from resources.support.processes import start_ticks
from sandbox.errors import SandboxError
from sandbox.paths import read_json, write_json

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS, HEALTHY_AFTER_SECONDS = 0.5, 30.0, 60.0


@dataclass(frozen=True)
class ProcessSpec:
    """How to run one child.

    `stop_seconds` is how long it may take to end after SIGTERM before it is killed; `death_signal` is what the kernel
    sends it should the supervisor be killed.
    """

    name: str
    command: Sequence[str]
    log: Path
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float = 8.0
    death_signal: signal.Signals = signal.SIGKILL


class Launcher:
    """Forks every child from one thread, and remembers their ids on disk.

    The kernel sends a child its death signal when the *thread* that forked it ends, so children must not be started
    from the short-lived threads that answer requests.
    """

    def __init__(self, registry: Path) -> None:
        self._registry = registry
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher")
        self._libc = ctypes.CDLL(None, use_errno=True)

    def run(self, spec: ProcessSpec) -> subprocess.Popen[bytes]:
        """Start the child. Raises SandboxError when its program cannot be run."""
        return self._thread.submit(self._fork, spec).result()

    def _fork(self, spec: ProcessSpec) -> subprocess.Popen[bytes]:
        parent = os.getpid()

        def die_with_parent() -> None:
            self._libc.prctl(_PR_SET_PDEATHSIG, int(spec.death_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died between the fork and the line above
                os._exit(1)

        spec.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with spec.log.open("ab") as output:
                process = subprocess.Popen(
                    list(spec.command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=spec.directory,
                    env={**os.environ, **spec.environment},
                    start_new_session=True,
                    preexec_fn=die_with_parent,  # one system call, which takes no lock
                )
        except OSError as error:
            raise SandboxError(f"Cannot start {spec.name}: `{spec.command[0]}`: {error.strerror}.") from error
        self.remember(spec.name, process.pid)
        return process

    def remember(self, name: str, pid: int) -> None:
        """Note a process, so that it can be ended should the supervisor be killed."""
        write_json(self._registry, {**read_json(self._registry), name: {"pid": pid, "started": start_ticks(pid)}})


class SupervisedProcess:
    """One child: started, watched, started again with a growing pause when it dies, and stopped.

    `before_start` runs before each start; `on_restart` after each unplanned one, to give back to the child what it kept
    in memory only. Both may raise SandboxError, which counts as a failed start.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        launcher: Launcher,
        *,
        before_start: Callable[[], None] | None = None,
        on_restart: Callable[[], None] | None = None,
    ) -> None:
        self.spec = spec
        self.restarts = 0
        self._launcher = launcher
        self._before_start = before_start
        self._on_restart = on_restart
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start the child and the thread that watches it."""
        # Each start has its own event: the thread that watched the process before still looks at the old one.
        self._stopping = threading.Event()
        self._launch()
        name = f"watch {self.spec.name}"
        threading.Thread(target=self._watch, args=(self._stopping,), name=name, daemon=True).start()

    def stop(self) -> None:
        """SIGTERM, a wait, then SIGKILL, for the child and what it has started. Does nothing when it does not run."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        _signal_group(process, signal.SIGTERM)
        try:
            process.wait(self.spec.stop_seconds)
        except subprocess.TimeoutExpired:
            log.warning("%s did not end within %g s of SIGTERM; killing it", self.spec.name, self.spec.stop_seconds)
            _signal_group(process, signal.SIGKILL)
            process.wait()

    def kill(self) -> None:
        """SIGKILL, for the child and what it has started, where nothing that it would save is needed."""
        self._stopping.set()
        if self._process is not None:
            _signal_group(self._process, signal.SIGKILL)
            self._process.wait()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def uptime_seconds(self) -> float:
        return time.monotonic() - self._started_at if self.pid else 0.0

    def describe(self, address: str, answering: bool) -> dict[str, object]:
        """The process as GET /status shows it; `answering` is whether what it serves at `address` answers."""
        pid = self.pid
        return {
            "name": self.spec.name,
            "pid": pid,
            "memory_bytes": memory_bytes(pid) if pid else 0,
            "uptime_seconds": round(self.uptime_seconds, 1),
            "restarts": self.restarts,
            "healthy": pid is not None and answering,
            "address": address,
        }

    def raise_if_dead(self) -> None:
        """Raises SandboxError with the end of its log when the child is not running."""
        if self.pid is None:
            raise SandboxError(f"{self.spec.name} ended while starting: {self.log_tail()} (log: {self.spec.log})")

    def log_tail(self, lines: int = 6) -> str:
        """The last lines of the child's log."""
        return "\n".join(self.spec.log.read_text(errors="replace").splitlines()[-lines:])

    def _launch(self) -> None:
        if self._before_start:
            self._before_start()
        self._process = self._launcher.run(self.spec)
        self._started_at = time.monotonic()

    def _watch(self, stopping: threading.Event) -> None:
        pause = FIRST_BACKOFF_SECONDS
        while self._process:
            code = self._process.wait()
            if stopping.is_set():
                return
            if time.monotonic() - self._started_at > HEALTHY_AFTER_SECONDS:
                pause = FIRST_BACKOFF_SECONDS
            log.warning(
                "%s ended with %d; starting it again in %g s (log: %s)", self.spec.name, code, pause, self.spec.log
            )
            if stopping.wait(pause):
                return
            pause = min(2 * pause, LONGEST_BACKOFF_SECONDS)
            try:
                self._restart()
            except SandboxError as error:
                log.warning("%s could not be started again: %s", self.spec.name, error)

    def _restart(self) -> None:
        self.restarts += 1
        self._launch()
        if self._stopping.is_set():  # stop() saw the old process only
            self.stop()
        elif self._on_restart:
            self._on_restart()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)


def memory_bytes(pid: int) -> int:
    """The resident memory of a process; 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def leftovers(registry: Path) -> dict[str, int]:
    """Names and ids of the remembered processes that still run."""
    remembered = read_json(registry)
    return {name: entry["pid"] for name, entry in remembered.items() if start_ticks(entry["pid"]) == entry["started"]}


def end_leftovers(registry: Path, patience_seconds: float = 10.0) -> None:
    """End what an earlier supervisor left running: SIGTERM, a wait, SIGKILL. Raises SandboxError if one stays."""
    deadline = time.monotonic() + patience_seconds
    for number, until in ((signal.SIGTERM, deadline), (signal.SIGKILL, deadline + patience_seconds)):
        for pid in leftovers(registry).values():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        while leftovers(registry) and time.monotonic() < until:
            time.sleep(0.05)
    if remaining := leftovers(registry):
        raise SandboxError(f"These processes of an earlier sandbox do not end: {remaining}. End them, then try again.")
    registry.unlink(missing_ok=True)
