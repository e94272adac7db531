"""Reads what a report shows, as `status`, `plan`, `drift`, `history`, `approvals` and `doctor` read it: as the planner,
side by side, nothing changed. What cannot be read is kept as its error, and stops nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from eks_assets.engine.declared import git_trees
from eks_assets.engine.history import list_changes, list_history
from eks_assets.engine.planner import plan_environment
from eks_assets.engine.provenance import source_of
from eks_assets.engine.teardown.removed import list_unwanted
from eks_assets.graph.registry import Registry
from eks_assets.plan.document import build_report
from eks_assets.plan.history import Event, HistoryReport
from eks_assets.plan.model import PlanReport
from eks_assets.plan.unit_plan import EnvironmentPlan, UnitPlan
from resources.approval.record import ApprovalRecord
from resources.approval.rules import RequestState
from resources.config.environment import Environment
from resources.context import Context
from resources.doctor.checks import Line
from resources.doctor.eks import check_addon_versions, check_kubernetes_version, check_node_images
from resources.model.errors import NotFound, OperationFailed, PipelineError
from resources.records.drift_runs import DriftRun, last_drift_run
from resources.records.validations import Validation, list_validations
from resources.support.background import in_background

T = TypeVar("T")
Read: TypeAlias = T | PipelineError
# An object of the ledger is a call, and drift runs may be every ten minutes.
SINCE = dt.timedelta(days=7)
CHANGES_SINCE = dt.timedelta(days=90)
_CHANGES, _CHANGES_IN_FLEET = 300, 60


@dataclass(frozen=True)
class Records:
    """What was recorded of an environment, and what waits for its people. `changes`: the newest, the newest last."""

    changes: Read[Sequence[Event]]
    drift: Read[DriftRun | None]
    approvals: Read[Sequence[RequestState]]


@dataclass(frozen=True)
class EnvironmentSources:
    """All that the page of one environment is made of. `offers`: what EKS says of its versions."""

    status: EnvironmentPlan
    plan: Read[PlanReport]
    unwanted: tuple[str, ...]
    offers: Read[Sequence[Line]]
    history: Read[HistoryReport]
    records: Records


@dataclass(frozen=True)
class FleetSources:
    """All that a row of the fleet is made of. `validation`: how it ended after the last run that had one."""

    records: Records
    validation: Read[Validation | None]


@dataclass(frozen=True)
class _Reading(Generic[T]):
    """Something that is being read."""

    future: Future[T]

    def result(self) -> Read[T]:
        """What was read, or why it could not be; waits for it."""
        try:
            return self.future.result()
        except PipelineError as error:
            return error
        except Exception as error:
            # Whatever is wrong with one part, the others are shown.
            return OperationFailed(f"unexpected {type(error).__name__}: {error}")


def read_environment(
    registry: Registry, context: Context, progress: Callable[[UnitPlan], None] = lambda _: None
) -> EnvironmentSources:
    """Everything as it is now. Raises PipelineError where the account cannot be read at all."""
    reading = _begin_records(context, _CHANGES)
    history = _begin(partial(_read_history, registry, context), "history")
    offers = _begin(partial(_read_offers, context), "versions of EKS")
    status = plan_environment(registry, context, progress=progress)
    plan = _begin(lambda: build_report(status, registry, context.env, source_of(context)), "plan")
    unwanted = list_unwanted(registry, context, status)
    return EnvironmentSources(status, plan.result(), unwanted, offers.result(), history.result(), reading())


def read_fleet_member(context: Context) -> FleetSources:
    """What was recorded of one of many environments. Raises PipelineError where the account cannot be read at all."""
    context.aws.check_account()
    reading = _begin_records(context, _CHANGES_IN_FLEET)
    validation = _begin(lambda: _unless_missing(lambda: next(list_validations(context), None)), "validation")
    return FleetSources(reading(), validation.result())


def _begin_records(context: Context, limit: int) -> Callable[[], Records]:
    """Start reading, of changes the newest `limit`; what is returned waits for it."""
    changes = _begin(partial(_read_changes, context, limit), "changes")
    drift = _begin(lambda: _unless_missing(lambda: _last_drift(context)), "last drift run")
    approvals = _begin(partial(_read_approvals, context), "approvals")
    return lambda: Records(changes.result(), drift.result(), approvals.result())


def _read_changes(context: Context, limit: int) -> Sequence[Event]:
    try:
        return list_changes(context, dt.datetime.now(dt.UTC) - CHANGES_SINCE, limit)
    except NotFound as error:
        make = f"eks-assets bootstrap {context.env.name} --apply, where that was never done"
        raise NotFound(error.message, next_step=make) from error


def _read_history(registry: Registry, context: Context) -> HistoryReport:
    begin = dt.datetime.now(dt.UTC) - SINCE
    return list_history(context, begin, trees=git_trees(registry, context.env))


def _begin(work: Callable[[], T], name: str) -> _Reading[T]:
    return _Reading(in_background(work, f"report: {name}"))


def _unless_missing(read: Callable[[], T | None]) -> T | None:
    """None, too, where the environment has not been bootstrapped yet."""
    try:
        return read()
    except NotFound:
        return None


def _last_drift(context: Context) -> DriftRun | None:
    last = last_drift_run(context)
    return last[1] if last else None


def _read_approvals(context: Context) -> Sequence[RequestState]:
    approval = context.env.approval
    return ApprovalRecord.read(context, approval).states if approval else ()


def _read_offers(context: Context) -> Sequence[Line]:
    checks = (check_kubernetes_version, check_addon_versions, check_node_images)
    return [line for check in checks for line in check(context)]


def describe_environment(env: Environment) -> dict[str, str]:
    """What every page says of the environment itself."""
    return {"environment": env.name, "account": env.account, "region": env.region}
