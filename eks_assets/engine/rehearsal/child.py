"""One step of a rehearsal in the copy, as a process of its own (`eks_assets/cli/copied.py`).

It is pointed at the copy's sandbox by its variables alone, reads the environment from a file, runs the loop of every
deploy, and prints what happened as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from eks_assets.engine.planner import plan_environment, plan_report
from eks_assets.engine.rehearsal.comparison import changed_objects
from eks_assets.engine.rehearsal.loading import load_objects, take_stock, title_of
from eks_assets.engine.runner import run_unit
from eks_assets.graph.registry import Registry
from eks_assets.units import load_registry
from resources.config.recorded_environment import environment_of
from resources.context import Context
from resources.kubernetes.discovery import list_served_kinds
from resources.model.errors import ConfigError, PipelineError, Transient
from resources.model.specs import HelmRelease, Manifests

_WIDTH = 6
_RUN = "rehearsal"


def main(arguments: list[str]) -> int:
    """Run the step. Exit 1 with the reason where it cannot be run."""
    step, file = arguments
    registry, given = load_registry(), json.loads(Path(file).read_text())
    env = environment_of(given["environment"])
    try:
        if not env.sandbox:
            raise ConfigError(f"{env.name} is not a copy in a sandbox")
        print(json.dumps(_STEPS[step](registry, Context.of(env, run_id=_RUN), given)))
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _deploy(registry: Registry, context: Context, _: dict[str, Any]) -> dict[str, Any]:
    return {"units": run_all(registry, context)}


def _load(_: Registry, context: Context, given: dict[str, Any]) -> dict[str, Any]:
    return load_objects(context, given["objects"])


def _plan(registry: Registry, context: Context, _: dict[str, Any]) -> dict[str, Any]:
    report = plan_report(registry, context)
    return {"plan": report.document(), "digest": report.digest}


def _rehearse(registry: Registry, context: Context, _: dict[str, Any]) -> dict[str, Any]:
    served, before = list_served_kinds(context.cluster), take_stock(context)
    units = run_all(registry, context)
    fresh = Context.of(context.env)
    after = take_stock(fresh)
    changed = changed_objects(before, after)
    owners = _owners(registry, fresh)
    releases = {title: str((after.get(title) or before[title])["release"]) for title in changed}
    made = {title: owners.get(title) or owners.get(releases[title], "") for title in changed}
    return {
        "units": units,
        "changed": changed,
        "made": {title: unit for title, unit in made.items() if unit},
        "vanished": sorted(served - list_served_kinds(fresh.cluster)),
    }


def _owners(registry: Registry, context: Context) -> dict[str, str]:
    """The unit of each release, by the release's name, and of each object of manifests, by its title."""
    owners: dict[str, str] = {}
    for planned in plan_environment(registry, context, with_checks=False).units:
        if isinstance(planned.spec, HelmRelease):
            owners[planned.spec.name] = planned.unit
        elif isinstance(planned.spec, Manifests):
            owners |= {title_of(obj): planned.unit for obj in planned.spec.objects}
    return owners


_STEPS = {"deploy": _deploy, "load": _load, "plan": _plan, "rehearse": _rehearse}


def run_all(registry: Registry, context: Context) -> list[dict[str, Any]]:
    """Every unit of the environment by the loop of every deploy, side by side where they do not need each other. What
    fails stops what needs it."""
    waiting = {u.name: u for u in registry.units if u.is_enabled(context.env)}
    ends: dict[str, dict[str, Any]] = {}
    running: dict[Future[dict[str, Any]], str] = {}
    with ThreadPoolExecutor(_WIDTH) as pool:
        while waiting or running:
            for name in list(waiting):
                needs = [n for n in registry.needs[name] if n in waiting or n in running.values() or n in ends]
                if any(n in ends and ends[n]["failed"] for n in needs):
                    ends[name] = {"unit": name, "seconds": 0.0, "failed": "not run: it waits for another unit"}
                    del waiting[name]
                elif all(n in ends for n in needs) and len(running) < _WIDTH:
                    del waiting[name]
                    running[pool.submit(_run_one, registry, name, context)] = name
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                ends[running.pop(future)] = future.result()
    return list(ends.values())


def _run_one(registry: Registry, name: str, context: Context) -> dict[str, Any]:
    began, failed, attempt = time.monotonic(), "", 1
    while True:
        try:
            result = run_unit(registry, registry[name], Context.of(context.env, run_id=_RUN))
            red = [f"{check.name}: {r.detail}" for check, r in result.checks if not r.passed]
            failed = "; ".join(red)
        except Transient as error:
            if attempt < context.env.retry.attempts:
                attempt += 1
                time.sleep(error.retry_after or 1.0)
                continue
            failed = error.message
        except PipelineError as error:
            failed = error.message
        return {"unit": name, "seconds": round(time.monotonic() - began, 1), "failed": failed}
