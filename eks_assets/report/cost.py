"""What an environment's stacks cost a month, by the list prices of `resources/prices.py`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from eks_assets.plan.unit_plan import UnitPlan
from eks_assets.report.model import Cost, CostRow
from resources.model.outputs import plain_document
from resources.model.specs import Stack
from resources.prices import AS_OF, REGION, monthly_cost


def estimate_cost(units: Iterable[UnitPlan]) -> Cost:
    """Of the stacks that exist, as their templates have them. What has no price there, or one by a size that nobody
    asked for, is unknown, never free; what controllers make (nodes, volumes, load balancers) is in no template."""
    rows = (_row(unit, unit.spec) for unit in units if isinstance(unit.spec, Stack) and _exists(unit))
    return Cost(
        rows=tuple(sorted(rows, key=lambda row: (-(row.dollars or 0.0), row.unit))),
        prices_of=f"{REGION}, {AS_OF}",
    )


def _exists(unit: UnitPlan) -> bool:
    return unit.change.action != "create" and unit.observed.get("status", "absent") != "absent"


def _row(unit: UnitPlan, stack: Stack[Any]) -> CostRow:
    resources = plain_document(stack.template).get("Resources", {})
    kinds = Counter(str(resource.get("Type")) for resource in resources.values())
    prices = {kind: monthly_cost(kind) for kind in kinds}
    known = [price * kinds[kind] for kind, price in prices.items() if price is not None]
    return CostRow(
        unit=unit.unit,
        dollars=round(sum(known), 2) if known else None,
        unknown={kind: number for kind, number in sorted(kinds.items()) if prices[kind] is None},
    )
