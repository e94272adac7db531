"""`eks-assets rehearse`: the pending plan, run on a copy of the environment in a sandbox of its own."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.engine.rehearsal.mapping import check_copyable
from eks_assets.engine.rehearsal.model import Rehearsal
from eks_assets.engine.rehearsal.processes import CopyProcesses
from eks_assets.engine.rehearsal.rehearse import end_copy, rehearse_plan
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.model.display import dump_json

Keep = Annotated[bool, typer.Option("--keep", help="Keep the copy, and say how to look at it.")]


def rehearse(environment: EnvironmentName, keep: Keep = False, json_output: Json = False) -> None:
    """Run the pending plan on a copy of the environment in a sandbox of its own, and say what came of it.

    Nothing of the environment is changed, and nothing of the copy can reach it. Only environments of a sandbox can be
    copied so far.
    Exit 0 where it went as the plan says, 4 where something else changed, 1 where something failed or was refused, 2
    where the environment cannot be copied."""
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    check_copyable(env)
    console = Console(stderr=True, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="eks-assets-rehearsal-"))
    processes = CopyProcesses(folder, "eks_assets.cli", "eks_assets.cli.copied")
    try:
        context = open_environment(env, planning=True)
        rehearsal = rehearse_plan(registry, context, processes, lambda part: print_text(console, part, "dim"))
    finally:
        if keep:
            print_text(console, _how_to_look(folder))
        else:
            end_copy(processes)
    if json_output:
        print(dump_json(rehearsal.model_dump(mode="json")))
    else:
        for line in describe_rehearsal(rehearsal):
            print_text(Console(soft_wrap=True), line)
    raise SystemExit(rehearsal.exit_code)


def describe_rehearsal(rehearsal: Rehearsal) -> Iterator[str]:
    """The result for people, a line each."""
    copied = rehearsal.copied
    yield (
        f"rehearsed on a copy of {rehearsal.environment}: {copied.objects} objects, Kubernetes "
        f"{rehearsal.kubernetes_version}, {len(rehearsal.failed)} failed, {rehearsal.differences} differences"
    )
    yield f"  plan {rehearsal.digest}"
    for unit in rehearsal.units:
        yield f"  {unit.unit}: {f'failed: {unit.failed}' if unit.failed else f'done in {unit.seconds} s'}"
    for word, lines in (
        ("the plans differ", rehearsal.plan_differs),
        ("changed, and the plan does not say so", rehearsal.unnamed),
        ("no longer served", rehearsal.vanished),
        ("not copied, as the planner may not read it; made up", copied.made_up),
        ("not copied, as the planner may not list it", copied.unread),
        ("not taken by the copy", [f"{name}: {why}" for name, why in copied.refused.items()]),
        ("otherwise in the copy", [f"{name}: {why}" for name, why in rehearsal.mapped.items()]),
        ("not shown by a copy", rehearsal.not_shown),
    ):
        yield from (f"  {word}: {line}" for line in lines)
    yield f"  {copied.masked} values of Secrets are stand-ins"
    yield "  " + ", ".join(f"{part} {seconds} s" for part, seconds in rehearsal.seconds.items())


def _how_to_look(folder: Path) -> str:
    state = shlex.quote(str(folder / "sandbox"))
    return (
        f"the copy stays in {folder}; to look: export EKS_ASSETS_SANDBOX_DIR={state}; "
        'eval "$(eks-assets sandbox env)"; '
        f"to end it: EKS_ASSETS_SANDBOX_DIR={state} eks-assets sandbox reset"
    )
