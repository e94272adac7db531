"""Runs helm and git: found on PATH or among the sandbox's tools, output kept, interrupted with their caller."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from resources.config.environment import Environment
from resources.config.sandbox_state import sandbox_state
from resources.model.errors import CommandFailed, OperationFailed, ToolMissing
from resources.support.archives import UNPACKED
from resources.support.processes import STARTED_BY, Process
from resources.support.yaml_limits import read_limits, setting_of

# What a program needs to run, to find its user's own settings, and to reach the network as the machine does. Nothing
# that holds a secret, and nothing that changes what helm or git do (HELM_*, KUBECONFIG, GIT_*).
_LOCALE = {"LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ"}
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}
_AUTHORITIES = {"SSL_CERT_FILE", "SSL_CERT_DIR"}
INHERITED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR"}
    | _LOCALE
    | _PROXIES
    | {name.lower() for name in _PROXIES}
    | _AUTHORITIES
)


def child_environment(also: Collection[str] = ()) -> dict[str, str]:
    """What a child process gets of our environment: INHERITED, and the variables that it needs beside them."""
    return {name: value for name, value in os.environ.items() if name in INHERITED or name in also}


def find_program(name: str, env: Environment | None) -> str:
    """The path of a program; without an environment, of one on PATH. Raises ToolMissing."""
    folders = os.environ.get("PATH", "")
    if env is not None and env.sandbox:
        folders = f"{sandbox_state().tools}{os.pathsep}{folders}"
    path = shutil.which(name, path=folders)
    if path is None:
        raise ToolMissing(
            f"{name} is not on PATH", next_step=f"install {name}, or use the sandbox's: eks-assets sandbox up"
        )
    return path


def run_program(
    argv: Sequence[str],
    *,
    extra_env: Mapping[str, str],
    inherit: Collection[str] = (),
    cwd: Path,
    timeout: float,
    watch: Callable[[], None] = lambda: None,
    interval: float = 1.0,
    accept: Collection[int] = (0,),
) -> str:
    """Run a program to its end and return its output; bytes that are no UTF-8 come as surrogates.

    Its environment is `extra_env`, INHERITED, the variables of ours that `inherit` names, and our process's name.
    `watch` is called every `interval` seconds while it runs; an exception of it (or a signal) ends the program with
    SIGTERM first. Raises CommandFailed for an exit code that `accept` lacks, and for a run longer than `timeout`
    seconds; OperationFailed for more output than the limits of input allow.
    """
    most = read_limits().scaled(UNPACKED).bytes
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogateescape", newline="", dir=cwd) as out,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace", dir=cwd) as err,
    ):
        env = {**child_environment(inherit), **extra_env, STARTED_BY: str(Process.of(os.getpid()))}

        def watch_output() -> None:
            watch()
            _refuse_output(out.fileno(), most, argv)

        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd, env=env)
        try:
            code = _wait(process, timeout, watch_output, interval)
        finally:
            _stop(process)
        _refuse_output(out.fileno(), most, argv)
        out.seek(0)
        err.seek(0)
        text, errors = out.read(), err.read()
    if code not in accept:
        why = errors.strip() or text.strip() or f"no output within {timeout:.0f} s"
        raise CommandFailed((Path(argv[0]).name, *argv[1:]), code, _last_lines(why))
    return text


def _refuse_output(file: int, most: int, argv: Sequence[str]) -> None:
    if os.fstat(file).st_size > most:
        raise OperationFailed(
            f"{Path(argv[0]).name} {argv[1]} answers with more than {most} bytes",
            next_step=f"find out what is so large; {setting_of('bytes')} times {UNPACKED} is allowed",
        )


def _last_lines(text: str, longest: int = 2000) -> str:
    """The end of the text, cut between lines (words, where one is longer): a part of a secret would not be recognised
    as one."""
    if len(text) <= longest:
        return text
    cut = text[-longest:]
    end = cut.partition("\n" if "\n" in cut else " ")[2]
    return end or "(one long word)"


def _wait(process: subprocess.Popen[bytes], timeout: float, watch: Callable[[], None], interval: float) -> int:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            return process.wait(interval)
        except subprocess.TimeoutExpired:
            watch()
    return -signal.SIGTERM


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
