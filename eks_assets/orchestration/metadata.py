"""What the UI shows of a materialization."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import yaml

from eks_assets.engine.runner import Result
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.masking import mask_fields
from resources.config.environment import Environment
from resources.model.change import FieldChange
from resources.model.display import code_span, escape_line
from resources.model.outputs import display_pending, plain_document
from resources.model.specs import HelmRelease, Manifests, Parameter, Spec, Stack

CELL = 80  # characters of a value
_DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted", "none": "nothing to do,"}


def build_metadata(unit: AnyUnit, result: Result, env: Environment) -> dict[str, Any]:
    """What the UI shows of a materialization; the important first, since rows are cropped after about five."""
    outputs = result.observed.outputs.model_dump() if result.observed and result.observed.outputs else {}
    entries: dict[str, Any] = {"result": f"{_DONE[result.change.action]} in {result.seconds:.1f} s"}
    if result.change.fields:
        entries["changes"] = dg.MetadataValue.md(change_table(result.change.fields))
    if outputs:
        entries["outputs"] = dg.MetadataValue.md(outputs_table(outputs))
    if link := console_link(env, result.spec):
        entries["console"] = dg.MetadataValue.url(link)
    entries["seconds"] = round(result.seconds, 2)
    return entries


def change_table(fields: Sequence[FieldChange], limit: int = 20) -> str:
    """The fields of a change as a Markdown table, the first `limit` of them."""
    rows = [
        f"| {code_span(f.path)} | {value_cell(f.before)} | {value_cell(f.after)} |" for f in mask_fields(fields)[:limit]
    ]
    more = [f"| and {len(fields) - limit} more | | |"] if len(fields) > limit else []
    return "\n".join(["| field | before | after |", "|---|---|---|", *rows, *more])


def outputs_table(outputs: Mapping[str, str | tuple[str, ...]]) -> str:
    """What a unit publishes, as a Markdown table."""
    rows = [
        f"| {code_span(name)} | {code_span(value if isinstance(value, str) else ', '.join(value))} |"
        for name, value in outputs.items()
    ]
    return "\n".join(["| output | value |", "|---|---|", *rows])


def value_cell(value: Any) -> str:
    """A value in a cell of a Markdown table, shortened; nothing where it is absent."""
    if value is None:
        return ""
    text = (
        value
        if isinstance(value, str)
        else yaml.safe_dump(plain_document(value), default_flow_style=True).removesuffix("...\n").strip()
    )
    return code_span(escape_line(display_pending(text))[:CELL])


def console_link(env: Environment, spec: Spec[Any]) -> str | None:
    """Where the console shows what the spec made; None in a sandbox, and for what has no page."""
    if env.sandbox:
        return None
    base = f"https://{env.region}.console.aws.amazon.com"
    if isinstance(spec, Stack):
        return f"{base}/cloudformation/home?region={env.region}#/stacks?filteringText={spec.name}"
    if isinstance(spec, HelmRelease | Manifests):
        return f"{base}/eks/clusters/{env.cluster_name}?region={env.region}"
    if isinstance(spec, Parameter):
        return f"{base}/systems-manager/parameters{spec.name}/description?region={env.region}"
    return None
