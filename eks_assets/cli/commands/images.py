"""`eks-assets images`: which container images an environment needs."""

from __future__ import annotations

import json
import sys

import typer

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.engine.images import list_images
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import escape_lines

images = typer.Typer(no_args_is_help=True, help="The container images that an environment's charts ask for.")


@images.callback()
def options() -> None:
    """What stands before the command."""


@images.command("list")
def list_command(environment: EnvironmentName, json_output: Json = False) -> None:
    """Print the container images that the charts and objects of an environment ask for, one a line, to fill a mirror.

    Asks neither AWS nor the cluster, only where the charts come from. Exit 0 all are printed, 1 a chart could not be
    rendered (which and why is on stderr)."""
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    listed = list_images(registry, Context.of(env, lambda line: print(escape_lines(line), file=sys.stderr)))
    if json_output:
        entries = [{"image": one.reference, "digest": one.digest, "units": list(one.units)} for one in listed.images]
        unknown = [{"unit": unit, "reason": reason} for unit, reason in listed.unknown.items()]
        document = {"environment": env.name, "images": entries, "unknown": unknown, "addons": list(listed.addons)}
        print(json.dumps(document, indent=2))
    else:
        for image in listed.images:
            print(escape_lines(image.reference))
        if listed.addons:
            names = ", ".join(listed.addons)
            print(f"not listed: what EKS's own add-ons take from Amazon's registry ({names})", file=sys.stderr)
        for unit, reason in listed.unknown.items():
            print(escape_lines(f"not listed: those of {unit}: {reason}"), file=sys.stderr)
    raise SystemExit(1 if listed.unknown else 0)
