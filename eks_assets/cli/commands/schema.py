"""`eks-assets schema`: JSON Schemas: of the input files, for editors that complete and check YAML, and of a plan."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from eks_assets.plan.drift import drift_schema
from eks_assets.plan.model import plan_schema
from resources.config.json_schema import cluster_schema, environment_schema

ClusterFile = Annotated[bool, typer.Option("--cluster", help="The schema of environments/clusters/*.yaml instead.")]

PlanForm = Annotated[bool, typer.Option("--plan", help="The schema of what `plan --json` prints instead.")]

DriftForm = Annotated[bool, typer.Option("--drift", help="The schema of what `drift --json` prints instead.")]


def schema(cluster: ClusterFile = False, plan: PlanForm = False, drift: DriftForm = False) -> None:
    """Print a JSON Schema: of an environment file, of a ClusterConfig, or of what plan or drift print."""
    document = (
        plan_schema() if plan else drift_schema() if drift else cluster_schema() if cluster else environment_schema()
    )
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
