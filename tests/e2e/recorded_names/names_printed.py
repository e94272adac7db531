"""What today's code prints as JSON, plans above all: `test_recorded_names.py` compares it with the record. Imports from
the project stand at the top alone, and no module's path is compared."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

from eks_assets.cli.commands.status import status_report
from eks_assets.cli.runs.approval_stop import _as_json as missing_approval
from eks_assets.cli.runs.event_log import Event, JsonLines
from eks_assets.cli.runs.result import DeployResult, UnitResult
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from eks_assets.plan.document import Source, build_report
from eks_assets.plan.unit_plan import CheckState, EnvironmentPlan, UnitPlan
from eks_assets.units import load_registry
from resources.approval.rules import ApprovalRequest, RequestState
from resources.config.environment import Approval, Environment
from resources.config.loader import load_environment
from resources.model.change import Change, FieldChange
from resources.model.digests import digest_of
from resources.model.errors import OperationFailed
from resources.model.outputs import Pending
from resources.model.specs import Manifests
from tests.e2e.recorded_names.stand_in_aws import NOW

ROOT = Path(__file__).parents[3]
ANN = "arn:aws:iam::444455556666:user/ann"
NO_HASH = "sha256:" + "0" * 64
# What a plan's digest does not cover: docs/plan.schema.json, `digest`.
BESIDE_THE_DIGEST = ("digest", "minutes", "planned", "disabled", "notes", "release")


@cache
def environment() -> Environment:
    """The published environment with an approval gate; as an exception it takes decisions from the Dagster UI too."""
    published_one = load_environment("acme-prod", ROOT / "environments")
    return published_one.model_copy(update={"approval": Approval(before="applications", approvers=2, ui=True)})


@cache
def example_units() -> Registry:
    """Two units made up for the example, the second behind the gate."""

    @unit(wave="network", minutes=4.0)
    def example_network(env: Environment) -> Manifests:
        """Nothing to do."""
        return Manifests(objects=())

    @unit(wave="applications", reversibility="forward-only", after=[example_network])
    def example_application(env: Environment) -> Manifests:
        """Something to do."""
        return Manifests(objects=())

    return Registry.of([example_network, example_application])


def planned_example() -> EnvironmentPlan:
    """A change of the second unit, with a secret and with something known after apply."""
    fields = (
        FieldChange("values.replicas", 1, 2),
        FieldChange("values.adminPassword", "planted", "planted too"),
        FieldChange("values.vpc", None, Pending("example_network", "vpc_id"), replaces=True),
    )
    change = Change("update", fields, "it differs", {"chart": "ab" * 32}, ("Secret/x",), ("Deployment x restarts",))
    observed = {"status": "deployed", "revision": "3"}
    waits = ("example_network.vpc_id",)
    return EnvironmentPlan(
        environment().name,
        (
            UnitPlan("example_network", "network", "in_sync"),
            UnitPlan("example_application", "applications", "waiting", change, waits, observed=observed),
        ),
    )


def example_report() -> dict[str, Any]:
    """What `plan --json` prints of the example."""
    return build_report(planned_example(), example_units(), environment(), Source("c0ffee", "1.35")).model_dump(
        mode="json"
    )


def digested_part(report: dict[str, Any]) -> dict[str, Any]:
    """What the digest of a plan covers."""
    return {key: value for key, value in report.items() if key not in BESIDE_THE_DIGEST}


def digest_of_plan(report: dict[str, Any]) -> str:
    """The digest that the plan must have."""
    return digest_of(digested_part(report))


def example_plan() -> dict[str, Any]:
    """The example with zeros for the hash of the environment's files, which people change, and the digest of that."""
    report = {**example_report(), "inputs": NO_HASH}
    digest = digest_of_plan(report)
    return {**report, "digest": digest, "release": {**report["release"], "digest": digest}}


def printed_status() -> dict[str, Any]:
    """What `status --json` prints of two units; a moment of looking is zeros."""
    checks = (CheckState("in_sync", True, "as it should be", "Nothing differs.", "2025-03-01T12:00:00Z"),)
    failed = UnitPlan("loki", "observability", "unknown", error=OperationFailed("the chart is not there"))
    units = (UnitPlan("network", "network", "in_sync", checks=checks), failed)
    return status_report(EnvironmentPlan("acme-prod", units))


def printed_deploy() -> dict[str, Any]:
    """What `deploy --json` prints where a unit failed and another waits for approval."""
    request = ApprovalRequest("acme-prod", NO_HASH, 1, NOW, ANN, "run-1")
    waiting = missing_approval(RequestState(request, "waiting", (), 2, NOW), ("loki",), ["eks-assets approve"])
    done = UnitResult("done", "created")
    rows = {"network": UnitResult("failed", "why"), "efs": done, "secrets": done}
    return DeployResult(planned=45, rows=rows, waiting=waiting).as_json("acme-prod", 0, "s3:PutObject of ann")


def logged_line() -> dict[str, Any]:
    """A line of `deploy --log-format json`."""
    out = io.StringIO()
    log = JsonLines(out, "acme-prod", load_registry())
    log(Event("unit_failed", "why", NOW.timestamp(), "error", "run-1", "network", 1.5))
    line: dict[str, Any] = json.loads(out.getvalue())
    return line
