"""A command as a process of its own that a test may kill or interrupt, and a look at what it left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from resources.aws.session import Aws
from resources.context import Context
from resources.kubernetes.objects import list_objects
from sandbox.paths import PROJECT


class Deploy:
    """`eks-assets deploy sandbox`, or another command, started like a shell does: leader of a process group of its
    own. `module`: what is run as the command line."""

    def __init__(
        self, log: Path, *arguments: str, verb: str = "deploy", module: str = "eks_assets.cli", **env: str
    ) -> None:
        self._log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, verb, "sandbox", *arguments],
                cwd=PROJECT,
                env={**os.environ, "COLUMNS": "200", **env},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    def processes(self) -> dict[int, str]:
        """Command lines by process id of everything in the group that still runs."""
        commands = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                _, _, rest = (folder / "stat").read_text().rpartition(")")
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
            state, _, group = rest.split()[:3]
            if int(group) == self.process.pid and state != "Z":
                commands[int(folder.name)] = words
        return commands

    def left_behind(self) -> dict[int, str]:
        """What still runs some seconds after the end; the forkserver ends by itself once its parent has."""
        deadline = time.monotonic() + 3
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def runs_helm(self) -> bool:
        return any(Path(words.split()[0]).name == "helm" for words in self.processes().values() if words.split())

    def until(self, what: Callable[[], bool], seconds: float = 120) -> None:
        """Wait for a moment of the deploy; it must not end before."""
        deadline = time.monotonic() + seconds
        while not what():
            assert self.process.poll() is None, f"the deploy ended before that moment:\n{self.said}"
            assert time.monotonic() < deadline, f"that moment never came:\n{self.said}"
            time.sleep(0.05)

    def kill(self) -> None:
        """End everything at once, as a lost machine does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def end(self, number: signal.Signals, *, group: bool) -> float:
        """Send a signal to the process alone, or to its group as a terminal does; the seconds until it has ended."""
        began = time.monotonic()
        (os.killpg if group else os.kill)(self.process.pid, number)
        self.process.wait(60)
        return time.monotonic() - began


@contextmanager
def frozen(program: str, folder: Path) -> Iterator[None]:
    """The program of the sandbox whose files are in that folder does not answer any more, and does again afterwards,
    where it is still there."""
    (process,) = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _runs(entry, program, f"{folder}/")]
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


def _runs(process: Path, program: str, folder: str) -> bool:
    try:
        name, *arguments = (process / "cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return Path(name).name == program and any(folder in argument for argument in arguments)


def stack_status(aws: Aws, name: str) -> str:
    summaries = aws.client("cloudformation").list_stacks()["StackSummaries"]
    return next((s["StackStatus"] for s in summaries if s["StackName"] == name), "")


def stacks(aws: Aws) -> Counter[str]:
    """How often each name stands in the list of stacks, without those removed."""
    summaries = aws.client("cloudformation").list_stacks()["StackSummaries"]
    return Counter(s["StackName"] for s in summaries if s["StackStatus"] != "DELETE_COMPLETE")


def revisions(context: Context) -> dict[str, int]:
    """The newest revision of every Helm release."""
    newest: dict[str, int] = {}
    for secret in list_objects(context.cluster, "v1", "Secret", labels="owner=helm"):
        labels = secret["metadata"]["labels"]
        newest[labels["name"]] = max(newest.get(labels["name"], 0), int(labels["version"]))
    return newest


def footprint(aws: Aws, context: Context) -> dict[str, Any]:
    """Everything that would show a change: stack events, executed change sets, revisions, resourceVersions."""
    client = aws.client("cloudformation")
    events = {name: len(client.describe_stack_events(StackName=name)["StackEvents"]) for name in stacks(aws)}
    kinds = [
        ("apps/v1", "Deployment"),
        ("apps/v1", "DaemonSet"),
        ("v1", "Service"),
        ("v1", "ServiceAccount"),
        ("v1", "Namespace"),
        ("storage.k8s.io/v1", "StorageClass"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ]
    versions = {
        (kind, obj["metadata"].get("namespace"), obj["metadata"]["name"]): obj["metadata"].get("generation")
        or obj["metadata"]["resourceVersion"]
        for api_version, kind in kinds
        for obj in list_objects(context.cluster, api_version, kind)
    }
    return {"events": events, "revisions": revisions(context), "versions": versions}
