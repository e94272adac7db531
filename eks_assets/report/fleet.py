"""Fills the fleet's page: a row an environment, the worst first, from what was recorded of each."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import wait
from functools import partial

from eks_assets.engine.approval_request import describe_state
from eks_assets.graph.registry import Registry
from eks_assets.plan.drift_wording import age_words
from eks_assets.plan.wording import with_plural
from eks_assets.report.attention import describe_offers, describe_runs, name_units
from eks_assets.report.gantt import list_runs
from eks_assets.report.model import LEVELS, Attention, FleetPage, FleetRow, Run
from eks_assets.report.sources import FleetSources, Read, T, describe_environment, read_fleet_member
from resources.config.aws_catalog import KUBERNETES_VERSIONS
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.doctor.eks import Support, describe_support
from resources.model.errors import PipelineError
from resources.support.background import in_background


def build_fleet(rows: list[FleetRow], at: dt.datetime, seconds: float) -> FleetPage:
    """The rows, the worst first, then by name."""
    in_order = sorted(rows, key=lambda row: (LEVELS.index(row.level), row.is_readable, row.environment))
    return FleetPage(at=at, seconds=seconds, rows=tuple(in_order))


def build_unreadable_row(environment: str, reason: str, env: Environment | None = None, fix: str = "") -> FleetRow:
    """The row of an environment that cannot be read: it says why."""
    known = describe_environment(env) if env else {"environment": environment, "account": "", "region": ""}
    attention = Attention(level="failed", what="Cannot be read", detail=reason, fix=fix, section="")
    version = env.kubernetes_version if env else ""
    return FleetRow(**known, kubernetes=version, attention=(attention,), is_readable=False)


def build_row(registry: Registry, env: Environment, sources: FleetSources, at: dt.datetime) -> FleetRow:
    """The row of an environment that could be read."""
    runs = list_runs(_value(sources.records.changes) or (), registry.needs_in_order, 1)
    every = [*describe_runs(runs), *_validation(sources), *_support(env), *_drift(sources, at)]
    every += [*_approvals(env, sources), *_unread(sources)]
    return FleetRow(
        **describe_environment(env),
        kubernetes=env.kubernetes_version,
        attention=tuple(sorted(every, key=lambda each: LEVELS.index(each.level))),
        last_run=_run_words(runs, at),
        drift=_drift_words(sources, at),
        validation=_validation_words(sources, at),
    )


def _ago(time: dt.datetime, at: dt.datetime) -> str:
    return f"{age_words(max(0.0, (at - time).total_seconds()))} ago"


def _value(read: Read[T]) -> T | None:
    return None if isinstance(read, PipelineError) else read


def _run_words(runs: tuple[Run, ...], at: dt.datetime) -> str:
    if not runs:
        return "none for 90 days"
    end = runs[0].at + dt.timedelta(seconds=runs[0].seconds)
    return f"{with_plural(len(runs[0].bars), 'change')}, {_ago(end, at)}"


def _drift_words(sources: FleetSources, at: dt.datetime) -> str:
    run = _value(sources.records.drift)
    if run is None:
        return "never looked for" if not isinstance(sources.records.drift, PipelineError) else "unknown"
    return f"{with_plural(len(run.open), 'finding')}, {_ago(run.at, at)}"


def _validation_words(sources: FleetSources, at: dt.datetime) -> str:
    validation = _value(sources.validation)
    if validation is None:
        return "none yet" if not isinstance(sources.validation, PipelineError) else "unknown"
    result = "passed" if validation.is_green else f"{with_plural(len(validation.failed), 'check')} failed"
    return f"{result}, {_ago(validation.at, at)}"


def _validation(sources: FleetSources) -> Iterator[Attention]:
    validation = _value(sources.validation)
    if validation is not None and not validation.is_green:
        what = f"Validation failed: {name_units(validation.failed)}"
        yield Attention(level="failed", what=what, section="validation")


def _support(env: Environment) -> Iterator[Attention]:
    """By the table that validation has, which costs no call; AWS adds versions that it does not know."""
    known = {name: Support(v.standard_ends, v.extended_ends) for name, v in KUBERNETES_VERSIONS.items()}
    if env.kubernetes_version in known:
        yield from describe_offers([describe_support(env, known)])


def _drift(sources: FleetSources, at: dt.datetime) -> Iterator[Attention]:
    run = _value(sources.records.drift)
    if run is not None and run.open:
        names = name_units(list(dict.fromkeys(finding.unit or finding.place for finding in run.open)))
        what = f"Drift in {names}"
        yield Attention(level="warning", what=what, detail=f"found {_ago(run.at, at)}", section="drift")


def _approvals(env: Environment, sources: FleetSources) -> Iterator[Attention]:
    for state in _value(sources.records.approvals) or ():
        if state.status == "waiting" and env.approval is not None:
            what = describe_state(state, env.approval.approvers)
            yield Attention(level="waiting", what=what, section="approvals")


def _unread(sources: FleetSources) -> Iterator[Attention]:
    records = sources.records
    reads = {
        "runs": records.changes,
        "drift": records.drift,
        "approvals": records.approvals,
        "validation": sources.validation,
    }
    for section, read in reads.items():
        if isinstance(read, PipelineError):
            what = f"Could not be read: {section}"
            yield Attention(level="warning", what=what, detail=str(read), section=section)


def read_fleet(registry: Registry, names: Sequence[str], seconds: float) -> FleetPage:
    """The page of the environments of these names, which are read side by side. What has not answered within the
    seconds, or cannot be read, is a row that says so. Changes nothing and raises nothing of one environment."""
    began = time.monotonic()
    reading = {name: in_background(partial(_read_row, registry, name), f"report {name}") for name in names}
    wait(reading.values(), timeout=seconds)
    late = f"no answer within {seconds:.0f} s"
    longer = "eks-assets report --all --timeout 60"
    rows = [
        future.result() if future.done() else build_unreadable_row(name, late, fix=longer)
        for name, future in reading.items()
    ]
    return build_fleet(rows, dt.datetime.now(dt.UTC), time.monotonic() - began)


def _read_row(registry: Registry, name: str) -> FleetRow:
    env: Environment | None = None
    try:
        env = load_environment(name, known_units=registry.by_name)
        sources = read_fleet_member(Context.of(env, planning=True))
        return build_row(registry, env, sources, dt.datetime.now(dt.UTC))
    except PipelineError as error:
        return build_unreadable_row(name, str(error), env)
    except Exception as error:
        # Whatever is wrong with one environment, the others have their rows.
        return build_unreadable_row(name, f"unexpected {type(error).__name__}: {error}", env)
