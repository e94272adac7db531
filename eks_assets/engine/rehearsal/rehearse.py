"""Rehearses the pending plan: read live as the planner, copied into a fresh sandbox, run there, and compared."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eks_assets.engine.planner import plan_report
from eks_assets.engine.rehearsal.comparison import plan_differences, unnamed_objects
from eks_assets.engine.rehearsal.live import LiveCopy, last_applied, read_objects
from eks_assets.engine.rehearsal.mapping import check_version, map_environment
from eks_assets.engine.rehearsal.model import Copied, Rehearsal, Rehearsed
from eks_assets.engine.rehearsal.processes import CopyProcesses
from eks_assets.graph.registry import Registry
from resources.config.environment import Environment
from resources.config.loader import find_folder
from resources.context import Context
from resources.drivers.stack.cluster_state import cluster_version
from resources.model.errors import OperationFailed
from resources.support.private_folders import make_private_folder


@dataclass
class _Clock:
    """Seconds that each part took, by its name."""

    progress: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self.progress(name)
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)


def rehearse_plan(
    registry: Registry, context: Context, processes: CopyProcesses, progress: Callable[[str], None] = lambda _: None
) -> Rehearsal:
    """Rehearse what is pending, in a sandbox in the processes' folder, which runs on afterwards: `end_copy` ends it.
    `context`: the planner's; nothing of the environment is changed.

    Raises ConfigError where the sandbox cannot be such a cluster; NotFound where nothing was deployed; OperationFailed
    where there is a plan that cannot be made, and where the copy does not become one; AccessDenied, Transient."""
    env, version, clock = context.env, cluster_version(context), _Clock(progress)
    check_version(env, version)
    copy = _Copy(processes.folder, processes)
    # Tools that are missing end it here, before anything is read.
    with clock.part("start the sandbox"):
        copy.start(env)
    with clock.part("read"):
        before, live, report = last_applied(context), read_objects(context), plan_report(registry, context)
    with clock.part("deploy what was applied last"):
        _refuse_failed(copy.step("deploy", map_environment(before)[0])["units"])
    document, mapped = map_environment(env)
    with clock.part("load objects"):
        loaded = copy.step("load", map_environment(before)[0], objects=list(live.objects))
    with clock.part("plan"):
        planned = copy.step("plan", document)["plan"]
    with clock.part("rehearse"):
        done = copy.step("rehearse", document)
    return Rehearsal(
        environment=env.name,
        kubernetes_version=str(version),
        digest=report.digest,
        copied=_copied(live, loaded),
        mapped=mapped,
        plan_differs=tuple(plan_differences(report.document(), planned)),
        units=tuple(Rehearsed(**unit) for unit in done["units"] if unit["failed"] or unit["unit"] in report.units),
        unnamed=tuple(unnamed_objects(done["changed"], done["made"], report.document())),
        vanished=tuple(done["vanished"]),
        seconds=clock.seconds,
    )


def end_copy(processes: CopyProcesses) -> None:
    """End the copy's processes and remove it. Raises OperationFailed where they do not end."""
    if (processes.folder / "sandbox").exists():
        processes.run(processes.command_line, "sandbox", "down", seconds=180)
    shutil.rmtree(processes.folder, ignore_errors=True)


@dataclass(frozen=True)
class _Copy:
    folder: Path
    processes: CopyProcesses

    def start(self, env: Environment) -> None:
        """A sandbox with an account that is bootstrapped for the environment."""
        make_private_folder(self.folder)
        # What the commands of the copy read is a copy, too: a file that is saved meanwhile changes nothing here.
        shutil.copytree(find_folder(), self.folder / "environments")
        command_line = self.processes.command_line
        self.processes.run(command_line, "sandbox", "up", seconds=1800)
        self.processes.run(command_line, "bootstrap", env.name, "--apply", seconds=300)

    def step(self, step: str, document: dict[str, Any], **more: Any) -> dict[str, Any]:
        file = self.folder / f"{step}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"environment": document, **more}))
        answer: dict[str, Any] = json.loads(self.processes.run(self.processes.steps, step, str(file)).splitlines()[-1])
        (self.folder / f"{step}.answer.json").write_text(json.dumps(answer, indent=1))  # for who keeps the copy
        return answer


def _refuse_failed(units: list[dict[str, Any]]) -> None:
    if failed := [f"{unit['unit']}: {unit['failed']}" for unit in units if unit["failed"]]:
        raise OperationFailed(f"the copy does not become what was applied last: {'; '.join(failed[:3])}")


def _copied(live: LiveCopy, loaded: dict[str, Any]) -> Copied:
    return Copied(
        objects=len(loaded["loaded"]),
        masked=live.masked,
        made_up=live.made_up,
        unread=live.unread,
        refused=loaded["refused"],
    )
