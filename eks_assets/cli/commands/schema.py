"""`eks-assets schema`: the JSON Schema of the input files, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Annotated

import typer

ClusterFile = Annotated[bool, typer.Option("--cluster", help="The schema of environments/clusters/*.yaml instead.")]


def schema(cluster: ClusterFile = False) -> None:
    """Print the JSON Schema of an environment file, or with --cluster of a ClusterConfig."""
    import json

    from resources.config.json_schema import cluster_schema, environment_schema

    typer.echo(json.dumps(cluster_schema() if cluster else environment_schema(), indent=2))
