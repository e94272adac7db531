"""`eks-assets schema`: JSON Schemas: of the input files, for editors that complete and check YAML, and of what commands
print."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from eks_assets.plan.account import account_schema
from eks_assets.plan.drift import drift_schema
from eks_assets.plan.history import history_schema
from eks_assets.plan.ledger_audit import audit_schema
from eks_assets.plan.model import plan_schema
from eks_assets.plan.teardown import teardown_schema
from resources.config.json_schema import cluster_schema, environment_schema
from resources.doctor.examination import doctor_schema
from resources.model.errors import ConfigError
from resources.upgrade.findings import upgrade_schema

ClusterFile = Annotated[bool, typer.Option("--cluster", help="The schema of environments/clusters/*.yaml instead.")]
PlanForm = Annotated[bool, typer.Option("--plan", help="The schema of what `plan --json` prints instead.")]
DriftForm = Annotated[bool, typer.Option("--drift", help="The schema of what `drift --json` prints instead.")]
AccountForm = Annotated[bool, typer.Option("--account", help="The schema of what `account-for --json` prints instead.")]
HistoryForm = Annotated[bool, typer.Option("--history", help="The schema of what `history --json` prints instead.")]
AuditForm = Annotated[bool, typer.Option("--audit", help="The schema of what `audit verify --json` prints instead.")]
DoctorForm = Annotated[bool, typer.Option("--doctor", help="The schema of what `doctor --json` prints instead.")]
DestroyForm = Annotated[
    bool, typer.Option("--destroy", help="The schema of what `destroy --plan --json` prints instead.")
]
UpgradeForm = Annotated[bool, typer.Option("--upgrade", help="The schema of what `upgrade --json` prints instead.")]


def schema(
    cluster: ClusterFile = False,
    plan: PlanForm = False,
    drift: DriftForm = False,
    account: AccountForm = False,
    history: HistoryForm = False,
    audit: AuditForm = False,
    doctor: DoctorForm = False,
    destroy: DestroyForm = False,
    upgrade: UpgradeForm = False,
) -> None:
    """Print a JSON Schema: of an environment file, of a ClusterConfig, or of what a command prints."""
    asked: dict[Callable[[], dict[str, Any]], bool] = {
        cluster_schema: cluster,
        plan_schema: plan,
        drift_schema: drift,
        account_schema: account,
        history_schema: history,
        audit_schema: audit,
        doctor_schema: doctor,
        teardown_schema: destroy,
        upgrade_schema: upgrade,
    }
    chosen = [make for make, is_asked in asked.items() if is_asked] or [environment_schema]
    if len(chosen) > 1:
        raise ConfigError("a schema is of one document", next_step="choose one of the options")
    typer.echo(json.dumps(chosen[0](), indent=2, ensure_ascii=False))
