"""The approval gate: what lies behind it in an environment with `approval`. Pure.

Until grants can be given and checked (plan digest, distinct approvers, expiry), the gate of such an environment is
closed: nothing behind it is ever changed, from the command line or from the UI.
"""

from __future__ import annotations

from eks_assets.unit import WAVES, AnyUnit
from resources.environment import Environment
from resources.errors import ApprovalMissing


def is_gated(env: Environment, unit: AnyUnit) -> bool:
    """Whether the unit may be changed with an approval only."""
    return env.approval is not None and WAVES.index(unit.wave) >= WAVES.index(env.approval.before)


def require_approval(env: Environment, unit: AnyUnit) -> None:
    """Raises ApprovalMissing for a unit behind the gate; called right before it would be changed."""
    if is_gated(env, unit) and env.approval is not None:
        raise ApprovalMissing(
            f"{unit.name} in {env.name} needs {env.approval.approvers} approvals before {env.approval.before}",
            next_step="approvals cannot be given yet: everything behind the gate stays as it is",
        )
