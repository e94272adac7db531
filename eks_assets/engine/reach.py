"""Which changes before the gate are behind it all the same: those of identity and reach (docs/adr/0017-reach.md)."""

from __future__ import annotations

from typing import Any

from eks_assets.graph.unit import AnyUnit
from resources.approval.record import has_passed_gate
from resources.context import Context
from resources.drivers.registry import driver_of
from resources.model.change import Change, Observed
from resources.model.specs import Spec


def is_gate_everywhere(context: Context) -> bool:
    """Whether the environment has a gate and has been through it once: from then on changes of identity and reach pass
    it in whatever wave they are. Raises Transient."""
    return context.env.approval is not None and has_passed_gate(context)


def list_gated_reach(
    unit: AnyUnit, spec: Spec[Any], observed: Observed | None, change: Change, context: Context
) -> tuple[str, ...]:
    """The parts of a change before the gate that put it behind the gate; empty where it is free, or its wave is behind
    the gate anyway. Asks a chart's registry and the cluster for releases. Raises PipelineError."""
    if not change.is_needed or unit.is_gated(context.env) or not is_gate_everywhere(context):
        return ()
    return driver_of(spec).list_reach(spec, observed, change, context)
