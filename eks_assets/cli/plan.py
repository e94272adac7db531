"""`eks-assets plan`: what a deploy would change, nothing changed."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json, Only, WaveOption


def plan(
    environment: EnvironmentName,
    only: Only = None,
    wave: WaveOption = None,
    json_output: Json = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 4 when something differs.")
    ] = False,
) -> None:
    """Show what a deploy would change, unit by unit. Changes nothing."""
    from eks_assets.cli.selection import selected
    from eks_assets.planning import plan_environment
    from eks_assets.units import registry as all_units
    from resources.environment_files import load_environment
    from resources.world import World

    registry = all_units()
    env = load_environment(environment, known_units=registry.by_name)
    found = plan_environment(registry, World.of(env), only=selected(registry, only, wave), with_checks=False)
    changes = [u for u in found.units if u.change.is_needed]
    if json_output:
        print(json.dumps(as_json(found, registry), indent=2, ensure_ascii=False))
    else:
        show(found, Console())
    if found.errors:
        raise SystemExit(1)
    raise SystemExit(4 if changes and detailed_exitcode else 0)


def as_json(found: Any, registry: Any) -> dict[str, Any]:
    """The document of design.md, "Contracts", as far as this version fills it."""
    from resources.outputs import plain

    return {
        "environment": found.environment,
        "changes": [
            {
                "unit": u.unit,
                "wave": u.wave,
                "action": u.change.action,
                "fields": [
                    {"path": f.path, "before": plain(f.before), "after": plain(f.after), "replaces": f.replaces}
                    for f in u.change.fields
                ],
                "reversibility": registry[u.unit].reversibility,
                "known_after_apply": list(u.waits_for),
            }
            for u in found.units
            if u.change.is_needed
        ],
        "unknown": [{"unit": u.unit, "reason": u.error.message} for u in found.errors],
    }


def show(found: Any, console: Console) -> None:
    """The plan for people."""
    from resources.outputs import display, plain

    for u in found.units:
        if u.error is not None:
            console.print(f"[red]? {u.unit}[/]: {u.error.message}", highlight=False)
        elif u.change.is_needed:
            mark = {"create": "[green]+", "update": "[yellow]~"}.get(u.change.action, "[red]-")
            console.print(f"{mark} {u.unit}[/] ({u.wave}): {u.change.action}, {u.change.reason}", highlight=False)
            if u.change.action == "update":
                for f in u.change.fields[:20]:
                    line = f"    {f.path}: {display(str(plain(f.before)))} -> {display(str(plain(f.after)))}"
                    console.print(line, highlight=False, markup=False)
    count = sum(u.change.is_needed for u in found.units)
    console.print(
        f"{found.environment}: {count} of {len(found.units)} units would change"
        if count
        else f"{found.environment}: nothing to do"
    )
