"""What no run but an upgrade's flow does: bring anything to a Kubernetes version above the cluster's."""

from __future__ import annotations

from typing import Any

from eks_assets.engine.upgrade.chain import changes_with, is_higher, upgrade_command
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from resources.context import Context
from resources.drivers.stack.cluster_state import cluster_version
from resources.model.errors import Refused
from resources.model.specs import Lookup, Probes, Spec


def refuse_outside_flow(registry: Registry, unit: AnyUnit, spec: Spec[Any], context: Context) -> None:
    """Raises Refused where the unit is one that its environment's higher Kubernetes version changes, and no flow of an
    upgrade runs. AccessDenied, Transient."""
    if context.upgrades_to is not None or isinstance(spec, Lookup | Probes):
        return
    wanted, live = context.env.kubernetes_version, cluster_version(context)
    if live is None or not is_higher(wanted, live) or not changes_with(registry, unit, context, live):
        return
    raise Refused(
        f"{unit.name} would bring the cluster of {context.env.name} from Kubernetes {live} towards {wanted}, and that "
        "goes step by step: add-ons, control plane, nodes, each watched",
        next_step=f"{upgrade_command(context.env)}, or launch the job `upgrade` on the partition {context.env.name}",
    )
