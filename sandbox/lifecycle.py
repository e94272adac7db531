"""The sandbox from outside: up, down, status, reset, and the variables that point tools at it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from resources.config.names import cluster_name, resource_prefix
from resources.support.private_folders import make_private_folder
from resources.support.processes import STARTED_BY, start_ticks
from sandbox.errors import SandboxError, UnknownName
from sandbox.install.python_environments import ensure_embedded_aws, exclusive
from sandbox.install.sources import digest_code
from sandbox.install.toolchain import ensure_tools
from sandbox.paths import PROJECT, StateDirectory, read_json, write_json
from sandbox.processes.supervised import end_leftovers, leftovers
from sandbox.snapshots.contents import finish_restore

Progress = Callable[[str], None]
State = dict[str, Any]

UP_SECONDS, DOWN_SECONDS = 180.0, 90.0
OTHER_CODE = "the sandbox that runs was started by other code: restarting it, its state stays"


@dataclass(frozen=True)
class Options:
    """How a sandbox behaves; None leaves what it was told before (at first: no delay anywhere).

    `pod_seconds` is how long a pod takes to become ready; `delays` says how many seconds the embedded AWS takes to
    create a resource, by CloudFormation type or `type/logical id`; `state` is the state folder, by default
    StateDirectory.default().
    """

    pod_seconds: float | None = None
    delays: Mapping[str, float] | None = None
    state: StateDirectory | None = None


def silent(message: str) -> None:
    """Report no progress."""


def start_sandbox(options: Options | None = None, progress: Progress = silent) -> State:
    """Bring the sandbox up unless it is, and return its state (what `.sandbox/state.json` holds).

    A sandbox that other code started is restarted; its state stays. Needs Linux; the first time also a Go module proxy
    and a package index, and about a quarter of an hour on two cores. Otherwise it takes seconds.
    Raises SandboxError.
    """
    if sys.platform != "linux":
        raise SandboxError("The sandbox needs Linux: its Service addresses and its process control are Linux's.")
    options = options or Options()
    state = options.state or StateDirectory.default()
    tools, aws_python = ensure_tools(progress), ensure_embedded_aws(progress)
    with exclusive(state.root / "lifecycle.lock"):
        running = running_state(state)
        if running and running.get("code") != digest_code():
            progress(OTHER_CODE)
            stop_processes(state, running)
            running = None
        if running is None:
            _save_options(state, options)
            end_leftovers(state.processes)
            running = start_supervisor(state, tools, aws_python, progress)
        else:
            _tell_options(running["supervisor_url"], options)
    for warning in call(running["supervisor_url"], "GET", "/status")["warnings"]:
        progress(f"warning: {warning}")
    return running


def stop_sandbox(state: StateDirectory | None = None) -> None:
    """Stop every process of the sandbox; its state stays for the next `start_sandbox`. Raises SandboxError."""
    state = state or StateDirectory.default()
    if not state.root.exists():
        return
    with exclusive(state.root / "lifecycle.lock"):
        stop_processes(state, running_state(state))


def reset_sandbox(state: StateDirectory | None = None) -> None:
    """Stop the sandbox and remove its state: clusters, the embedded AWS, logs; snapshots stay. Raises SandboxError."""
    state = state or StateDirectory.default()
    stop_sandbox(state)
    if state.root.exists() and not state.ports.exists() and any(state.root.iterdir()):
        known = {"lifecycle.lock", state.snapshots.name}
        if strange := {path.name for path in state.root.iterdir()} - known:
            raise SandboxError(f"{state.root} holds {', '.join(sorted(strange))} and is no sandbox: remove it by hand.")
    for path in state.root.iterdir() if state.root.exists() else ():
        if path.is_dir() and path != state.snapshots:
            shutil.rmtree(path, ignore_errors=True)
        elif not path.is_dir():
            path.unlink()
    if state.root.exists() and not any(state.root.iterdir()):
        state.root.rmdir()


def sandbox_status(state: StateDirectory | None = None) -> dict[str, Any]:
    """What runs and where: {"up": bool, "processes": [...], "clusters": [...], "memory_bytes": int, ...}."""
    state = state or StateDirectory.default()
    running = running_state(state)
    if running is None:
        return {
            "up": False,
            "ready": False,
            "state_directory": str(state.root),
            "processes": [],
            "clusters": [],
            "warnings": [],
            "memory_bytes": 0,
            "left_behind": leftovers(state.processes),
        }
    answer: dict[str, Any] = call(running["supervisor_url"], "GET", "/status")
    memory = sum(process["memory_bytes"] for process in answer["processes"])
    return {"up": True, "state_directory": str(state.root), "memory_bytes": memory, **running, **answer}


def environment_variables(
    name: str | None = None, state: StateDirectory | None = None, person: str = "root"
) -> dict[str, str]:
    """The variables that point AWS, Kubernetes and Helm tools at the running sandbox.

    `name` chooses an environment of `environments/`: KUBECONFIG is then its cluster's, if that exists, and the AWS
    account its account. Without one, KUBECONFIG is the only cluster's, if there is exactly one. `person` chooses whose
    keys (sandbox/people.py). Raises SandboxError when the sandbox is down, UnknownName for an unknown environment or
    person.
    """
    state = state or StateDirectory.default()
    running = required_state(state)
    chosen = _environment_file(name) if name else {}
    region = chosen.get("region", running["region"])
    variables = {
        **_credentials(running, person, chosen.get("account") or running["account"]),
        "AWS_ENDPOINT_URL": running["aws_endpoint"],
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PATH": _path(running["tools"], str(Path(sys.executable).parent)),
        # The command line's own default, so that `dagster` and `eks-assets` see the same runs.
        "DAGSTER_HOME": str(make_private_folder(Path(os.environ.get("DAGSTER_HOME") or PROJECT / ".dagster"))),
        "HELM_CACHE_HOME": str(make_private_folder(state.root / "helm" / "cache")),
        "HELM_CONFIG_HOME": str(make_private_folder(state.root / "helm" / "config")),
        "HELM_DATA_HOME": str(make_private_folder(state.root / "helm" / "data")),
        "EKS_ASSETS_SANDBOX_DIR": str(state.root),
        **running["variables"],
    }
    if kubeconfig := _kubeconfig(state, chosen):
        variables["KUBECONFIG"] = str(kubeconfig)
    return variables


def running_state(state: StateDirectory) -> State | None:
    """What state.json says, if the supervisor that wrote it still runs and answers; else None."""
    content = read_json(state.state)
    if not content or "supervisor" not in leftovers(state.processes):
        return None
    try:
        call(content["supervisor_url"], "GET", "/status")
    except SandboxError:
        return None
    return content


def required_state(state: StateDirectory) -> State:
    """The same, of a sandbox that is up. Raises SandboxError when it is not."""
    running = running_state(state)
    if running is None:
        raise SandboxError("The sandbox is down: run `eks-assets sandbox up` first.")
    return running


def keys_of(running: State, person: str) -> dict[str, str]:
    """{"access_key_id", "secret_access_key"} of `root` or a person (sandbox/people.py). Raises UnknownName."""
    known: dict[str, dict[str, str]] = running["credentials"]
    if person not in known:
        raise UnknownName(f"The sandbox has no person {person!r}; it has: {', '.join(known)}.")
    return known[person]


def call(url: str, method: str, path: str, body: object = None) -> Any:
    """One request to a supervisor; its decoded answer. Raises SandboxError with the supervisor's sentence."""
    try:
        answer = urllib3.request(method, f"{url}{path}", json=body, timeout=120.0, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise SandboxError(f"The sandbox's supervisor at {url} does not answer {method} {path}: {error}") from error
    decoded = answer.json()
    if answer.status >= 400:
        raise SandboxError(decoded["error"])
    return decoded


def _save_options(state: StateDirectory, options: Options) -> None:
    if options.pod_seconds is not None or not state.options.exists():
        write_json(state.options, {"pod_seconds": options.pod_seconds or 0.0})
    if options.delays is not None or not state.delays.exists():
        write_json(state.delays, dict(options.delays or {}))


def stop_processes(state: StateDirectory, running: State | None) -> None:
    """End every process that the state folder remembers, whatever code it runs; ask the supervisor first.

    Whoever calls holds the lock of the state folder. Raises SandboxError.
    """
    if running:
        call(running["supervisor_url"], "POST", "/down")
        _wait_for_end(running["supervisor_pid"], state)
    end_leftovers(state.processes)
    state.state.unlink(missing_ok=True)


def _tell_options(supervisor_url: str, options: Options) -> None:
    delays = None if options.delays is None else dict(options.delays)
    given = {"pod_seconds": options.pod_seconds, "delays": delays}
    told = {name: value for name, value in given.items() if value is not None}
    if told:
        call(supervisor_url, "PUT", "/options", told)


def start_supervisor(state: StateDirectory, tools: Path, aws_python: Path, progress: Progress) -> State:
    """Start the daemon where nothing runs, after an interrupted restore was finished; return when it is ready.

    Whoever calls holds the lock of the state folder. Raises SandboxError.
    """
    state.state.unlink(missing_ok=True)
    finish_restore(state)
    make_private_folder(state.root)
    state.logs.mkdir(parents=True, exist_ok=True)
    log = state.logs / "supervisor.log"
    log.touch()
    begin = log.stat().st_size
    progress("starting the sandbox")
    pid = _spawn_supervisor(state, tools, aws_python, log)
    deadline = time.monotonic() + UP_SECONDS
    while not state.state.exists():
        if _has_ended(pid):
            raise SandboxError(f"The sandbox did not start: {_reason(log, begin)} (log: {log})")
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGTERM)
            raise SandboxError(f"The sandbox was not up within {UP_SECONDS:g} s: {_reason(log, begin)} (log: {log})")
        time.sleep(0.05)
    progress("the sandbox is up")
    return read_json(state.state)


def _spawn_supervisor(state: StateDirectory, tools: Path, aws_python: Path, log: Path) -> int:
    """Start the daemon in a session of its own; it is to outlive us, so no Popen object owns it."""
    command = [
        sys.executable,
        "-m",
        "sandbox.supervisor",
        "--state-directory",
        str(state.root),
        "--tools",
        str(tools),
        "--aws-python",
        str(aws_python),
    ]
    output = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), output, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # It belongs to no run, so nobody ends it with what a killed one has left.
    own = {name: value for name, value in os.environ.items() if name != STARTED_BY}
    environment = {**own, "PYTHONPATH": str(PROJECT)}
    return os.posix_spawn(sys.executable, command, environment, file_actions=files, setsid=True)


def _reason(log: Path, begin: int) -> str:
    """What the supervisor said last since `begin`: its error, else all of its last line."""
    text = log.read_bytes()[begin:].decode(errors="replace").strip()
    errors = re.findall(r"^\S+ \S+ ERROR (.*?)(?=^\d{4}-\d\d-\d\d |\Z)", text, re.MULTILINE | re.DOTALL)
    return errors[-1].strip() if errors else (text.splitlines() or ["it said nothing"])[-1]


def _wait_for_end(pid: int, state: StateDirectory) -> None:
    deadline = time.monotonic() + DOWN_SECONDS
    while leftovers(state.processes):
        _has_ended(pid)
        if time.monotonic() > deadline:
            return  # end_leftovers, which follows, kills what hangs
        time.sleep(0.05)


def _has_ended(pid: int) -> bool:
    """Whether a process has ended; collects its exit code where this very process had started it."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return start_ticks(pid) is None


def _environment_file(name: str) -> dict[str, Any]:
    import yaml

    file = PROJECT / "environments" / f"{name}.yaml"
    if not file.exists():
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.yaml"))) or "none"
        raise UnknownName(f"There is no environment {name!r} in environments/; there are: {known}.")
    content: dict[str, Any] = yaml.safe_load(file.read_text()) or {}
    return content


def _credentials(running: State, person: str, account: str) -> dict[str, str]:
    keys = keys_of(running, person)
    # An account number is the root key of that account; the sandbox's own account has a key with a name.
    key = account if person == "root" and account != running["account"] else keys["access_key_id"]
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"]}


def _path(*first: str) -> str:
    """PATH with these folders first, each once, however often its result is exported again."""
    others = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder and folder not in first]
    return os.pathsep.join([*first, *others])


def _kubeconfig(state: StateDirectory, chosen: Mapping[str, Any]) -> Path | None:
    present = sorted(state.clusters.glob("*/admin.kubeconfig"))
    if chosen:
        name = cluster_name(resource_prefix(chosen["tenant"], chosen["target_env"]))
        return next((path for path in present if path.parent.name == name), None)
    return present[0] if len(present) == 1 else None
