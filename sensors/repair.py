"""Repairs what drifted, where an environment says `drift.auto_repair`: a run of the job `deploy` for the units whose
findings may be repaired, once for each set of findings (docs/drift.md, "Repaired by itself").

It only launches. The run compares each unit again before it changes it, and the lease and the gate stand there as in
any deploy. What was launched stands in Dagster's own ticks of this sensor, as for drift runs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorType

from eks_assets.engine.drift.repair import UnitRepair, choose_repairs, describe_repairs
from eks_assets.engine.gate import load_approved_plan
from eks_assets.orchestration.run_tags import REPAIR_TAG
from eks_assets.units import load_registry
from resources.approval.record import ApprovalRecord, check_gate
from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import PipelineError
from resources.records.clock import server_time
from resources.records.drift_runs import DriftRun, last_drift_run
from resources.records.lease_table import Holder, current_holder
from sensors.launching import (
    DEPLOY,
    FROM,
    PARTITION,
    RUN_KEY,
    WHY,
    Environments,
    deploy_run,
    describe_removal,
    free_key,
    launching_ticks,
    reads_environments,
    runs_with,
    tick_result,
)
from sensors.polling import context_of, fault_of, first_line, look_at_each

SENSOR = "repair sensor"


@dataclass(frozen=True)
class State:
    """What AWS says of one environment: the last drift run, with its `key` in the ledger; who holds the platform; the
    units that a grant names and that were not changed under it yet; and its time."""

    key: str
    run: DriftRun
    now: dt.datetime
    holder: Holder | None = None
    granted: frozenset[str] = frozenset()


@dg.sensor(
    name="repair",
    job_name=DEPLOY,
    minimum_interval_seconds=30,
    # Safe to run from the start: it does nothing where an environment's file does not ask for it.
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Repairs what drift runs found, in the environments whose file says drift.auto_repair.",
)
@reads_environments
def repair_sensor(context: dg.SensorEvaluationContext, environments: Environments) -> dg.SensorResult:
    """At most one run an environment; whatever is wrong with one of them, the others are repaired."""
    lines = environments.report_faults("nothing is repaired")
    wanted = {name: env for name, env in environments.usable.items() if env.drift and env.drift.auto_repair}
    requests: list[dg.RunRequest] = []
    launched = _launched_sets(context.instance) if wanted else {}
    states = look_at_each("drift runs", {name: partial(read_state, env) for name, env in wanted.items()})
    for name, state in states.items():
        if isinstance(state, PipelineError):
            lines.append(f"{name}: {first_line(state)}")
            continue
        try:
            request, reasons = decide_launch(context.instance, wanted[name], state, launched.get(name, {}))
        except Exception as error:
            lines.append(f"{name}: nothing is repaired: {fault_of(error)}")
            continue
        lines += [f"{name}: {reason}" for reason in reasons]
        requests += [request] if request else []
    if not wanted:
        lines.append("no environment has drift.auto_repair")
    return tick_result(context, requests, lines)


def read_state(env: Environment) -> State | None:
    """What AWS says of the environment; None where no drift run has been. Where nothing differs it is asked no more.
    Raises GateNotAnchored where the file asks for less than the anchored gate, NotFound where it has not been
    bootstrapped, AccessDenied, Transient."""
    context = context_of(env)
    last = last_drift_run(context)
    if last is None:
        return None
    if not last[1].open:
        return State(*last, last[1].at)
    check_gate(context)
    return State(*last, server_time(context), current_holder(context), _granted_units(context))


def decide_launch(
    instance: dg.DagsterInstance, env: Environment, state: State | None, launched: Mapping[str, str]
) -> tuple[dg.RunRequest | None, list[str]]:
    """The run that repairs what the last drift run found, if there is something to repair, and a line for each unit.
    `launched`: the key of the run by each set of findings that one was launched for."""
    if state is None:
        return None, ["no drift run has been yet"]
    repairs = choose_repairs(load_registry(), env, state.run, state.now, state.granted)
    chosen = [repair for repair in repairs if not repair.reason and repair.set_id not in launched]
    lines = [f"{r.unit}: {_why_not(instance, r, launched)}" for r in repairs if r not in chosen]
    if not chosen:
        return None, lines or ["nothing to repair"]
    what = describe_repairs(chosen)
    if later := _what_goes_first(instance, env.name, state):
        return None, [f"{what}; {later}", *lines]
    run_key = f"{env.name}/{'.'.join(repair.set_id for repair in chosen)}"
    tags = {FROM: SENSOR, WHY: what, REPAIR_TAG: state.key}
    units = [repair.unit for repair in chosen]
    return deploy_run(env, free_key(instance, run_key), tags, units), [f"{what}, launched", *lines]


def _why_not(instance: dg.DagsterInstance, repair: UnitRepair, launched: Mapping[str, str]) -> str:
    if repair.reason:
        return f"not repaired: {repair.reason}"
    runs = runs_with(instance, {RUN_KEY: launched[repair.set_id]}, limit=1)
    which = f"run {runs[0].run_id[:8]} ({runs[0].status.value.lower()})" if runs else "a run that is gone"
    return f"{which} was launched for it; the next one is once its findings change"


def _what_goes_first(instance: dg.DagsterInstance, name: str, state: State) -> str:
    """Why nothing can be launched now; empty where it can."""
    if removal := describe_removal(instance, name):
        return f"not repaired: {removal}"
    if busy := runs_with(instance, {PARTITION: name}, limit=1, unfinished=True):
        return f"repaired after run {busy[0].run_id[:8]} ({busy[0].status.value.lower()})"
    return f"repaired once nobody holds the environment: {state.holder}" if state.holder else ""


def _granted_units(context: Context) -> frozenset[str]:
    """The units of the plan that an approval holds for, but for those that were changed under it. The gate inside each
    unit reads it again, and lets nothing else through."""
    if context.env.approval is None:
        return frozenset()
    record = ApprovalRecord.read(context, context.env.approval)
    if record.grant is None:
        return frozenset()
    uses: Collection[str] = {unit for unit, use in record.uses_of(record.grant.request).items() if use == "done"}
    return frozenset(load_approved_plan(context, record.grant.request.digest).units) - frozenset(uses)


def _launched_sets(instance: dg.DagsterInstance) -> dict[str, dict[str, str]]:
    """The key of the run by each set of findings that this sensor launched one for, by environment."""
    launched: dict[str, dict[str, str]] = {}
    for tick in launching_ticks(instance, InstigatorType.SENSOR, repair_sensor.name):
        for key in tick.run_keys:
            name, sets = key.split("/")[:2]
            launched.setdefault(name, {}).update(dict.fromkeys(sets.split("."), key))
    return launched
