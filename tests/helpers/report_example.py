"""An environment as a report reads it: a cluster that is well, a release that is not, a change, drift, a request.

`python -m tests.helpers.report_example FILE [--all]` writes its page, or that of a fleet; `make report-images` takes
the pictures of docs/report.md from them."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import replace
from pathlib import Path

from eks_assets.graph.rendering import render_spec
from eks_assets.plan.document import Source, build_report
from eks_assets.plan.history import Event, HistoryReport
from eks_assets.plan.unit_plan import CheckState, EnvironmentPlan, State, UnitPlan
from eks_assets.report.fleet import build_fleet, build_row, build_unreadable_row
from eks_assets.report.model import EnvironmentPage, FleetPage
from eks_assets.report.page import build_page
from eks_assets.report.rendering import render_fleet, render_page
from eks_assets.report.sources import EnvironmentSources, FleetSources, Records
from eks_assets.units import load_registry
from eks_assets.units.cluster.cluster import ClusterOutputs
from resources.approval.rules import ApprovalRequest, RequestState
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.doctor.checks import Line
from resources.model.change import NOTHING_TO_DO, Change, FieldChange
from resources.model.errors import OperationFailed, PipelineError, Transient
from resources.model.outputs import pending_outputs
from resources.records.drift_runs import DriftRun, FoundDrift
from resources.records.validations import Validation
from sandbox.paths import PROJECT

REGISTRY = load_registry()
AT = dt.datetime(2026, 11, 30, 12, 0, tzinfo=dt.UTC)
RUN = "5d0c8c1e-0000-4000-8000-000000000000"
REASON = "release loki: StatefulSet/loki has 0 of 1 pods ready: ImagePullBackOff"
# Seconds of each unit in the last run, and how long after its beginning each ended.
SPENT = {"network": (95, 95), "secrets": (20, 25), "efs": (60, 160), "cluster": (540, 640), "node_groups": (150, 800)}
SPENT |= {"external_dns": (30, 835), "argo_cd": (70, 880), "prometheus": (80, 890), "loki": (300, 1110)}


def example_env() -> Environment:
    """The published environment with a gate."""
    return load_environment("acme-prod", PROJECT / "environments")


def example_units(env: Environment, reason: str = REASON) -> tuple[UnitPlan, ...]:
    """Every unit, most of them in sync. `reason`: why loki failed."""
    unhealthy: dict[str, UnitPlan] = {
        "loki": _unit(env, "loki", "failed", CheckState("workloads_ready", False, reason, "All workloads are ready.")),
        "external_dns": replace(
            _unit(env, "external_dns", "pending"),
            change=Change("update", (FieldChange("Deployment: spec.replicas", 0, 1),), "1 fields differ"),
        ),
        "argo_cd": replace(
            _unit(env, "argo_cd", "waiting"),
            change=Change("update", (FieldChange("values.server.replicas", 1, 2),), "1 fields differ"),
        ),
        "dashboards": UnitPlan("dashboards", "observability", "unknown", error=OperationFailed(reason)),
    }
    return tuple(unhealthy.get(u.name) or _unit(env, u.name, "in_sync") for u in REGISTRY.units)


def _unit(env: Environment, name: str, state: State, *checks: CheckState) -> UnitPlan:
    unit = REGISTRY[name]
    if not unit.is_enabled(env):
        return UnitPlan(name, unit.wave, "disabled")
    outputs = None
    if name == "cluster":
        pending = pending_outputs(ClusterOutputs, name).model_dump()
        known = {key: () if isinstance(value, tuple) else "x" for key, value in pending.items()}
        outputs = ClusterOutputs(**{**known, "endpoint": "https://0123.gr7.eu-west-1.eks.amazonaws.com"})
    passed = CheckState("in_sync", True, "as it should be", "Nothing differs.", "2026-11-29T10:00:00Z")
    return UnitPlan(
        name,
        unit.wave,
        state,
        NOTHING_TO_DO,
        checks=checks or (passed,),
        outputs=outputs,
        observed={"status": "deployed"},
        spec=render_spec(REGISTRY, env, unit, {}),
    )


def example_records(env: Environment, reason: str = REASON) -> Records:
    """A run that failed at loki, drift, and a request that waits."""
    began = AT - dt.timedelta(hours=2)
    changes = tuple(
        Event(
            at=began + dt.timedelta(seconds=end),
            kind="failed" if unit == "loki" else "changed",
            unit=unit,
            who="arn:aws:sts::111122223333:assumed-role/ops/ann",
            detail=reason if unit == "loki" else "create: it does not exist",
            run=RUN,
            seconds=seconds,
        )
        for unit, (seconds, end) in SPENT.items()
    )
    finding = FoundDrift(
        id="0123456789ab",
        unit="external_dns",
        layer="helm",
        object="Deployment/external-dns/external-dns",
        path="spec.replicas",
        kind="changed",
        culprit="kubectl-scale",
        since="2026-11-30T11:12:00Z",
    )
    at = AT - dt.timedelta(minutes=37)
    drift = DriftRun(environment=env.name, at=at, run="r", findings=(finding,), unknown=12)
    request = ApprovalRequest(env.name, f"sha256:{'7' * 64}", 1, AT, "arn:aws:iam::111122223333:user/ann", RUN)
    waiting = RequestState(request, "waiting", ("bob",), 1, AT + dt.timedelta(hours=24))
    return Records(changes, drift, (waiting,) if env.approval else ())


def example_history(env: Environment, reason: str = REASON) -> HistoryReport:
    """The changes of the run, and nothing else."""
    events = example_records(env, reason).changes
    assert not isinstance(events, PipelineError)
    return HistoryReport(environment=env.name, since=AT - dt.timedelta(days=7), events=tuple(events), ignored=())


def example_page(reason: str = REASON) -> EnvironmentPage:
    """The page. `reason`: a text that somebody else wrote, wherever such texts stand."""
    env = example_env()
    status = EnvironmentPlan(env.name, example_units(env, reason))
    plan = build_report(status, REGISTRY, env, Source("c0ffee", env.kubernetes_version))
    fix = "kubernetes_version in the file of acme-prod"
    offers = [Line.warning("Kubernetes 1.34: standard support until 2026-12-02, extended until 2027-12-02", fix)]
    sources = EnvironmentSources(status, plan, (), offers, example_history(env, reason), example_records(env, reason))
    return build_page(REGISTRY, env, sources, AT)


def example_fleet(reason: str = REASON) -> FleetPage:
    """Some environments: one that cannot be read, one that failed, one that is well, one without an answer."""
    env = example_env()
    validation = Validation(environment=env.name, at=AT, run=RUN)
    records = example_records(env, reason)
    quiet = Records((), DriftRun(environment=env.name, at=AT, run="r", findings=()), ())
    drifted = Records((), records.drift, records.approvals)
    rows = [
        build_row(REGISTRY, _named(env, "acme-test"), FleetSources(quiet, validation), AT),
        build_row(REGISTRY, _named(env, "acme-stage"), FleetSources(drifted, validation), AT),
        build_row(REGISTRY, env, FleetSources(records, Transient(reason)), AT),
        build_unreadable_row("acme-old", f"cannot act as the planner: {reason}"),
    ]
    return build_fleet(rows, AT, 2.5)


def _named(env: Environment, name: str) -> Environment:
    return env.model_copy(update={"name": name})


if __name__ == "__main__":
    html = render_fleet(example_fleet()) if "--all" in sys.argv else render_page(example_page())
    Path(sys.argv[1]).write_text(html)
