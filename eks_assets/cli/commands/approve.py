"""`eks-assets approve`: approve a plan that waits at the gate."""

from __future__ import annotations

from eks_assets.cli.arguments import EnvironmentName
from eks_assets.cli.gated import Digest, Reason, record_decision


def approve(environment: EnvironmentName, digest: Digest, reason: Reason) -> None:
    """Approve exactly the plan with that digest. Exit 0 once it is approved, 3 while approvals are missing."""
    record_decision(environment, "approve", digest, reason)
