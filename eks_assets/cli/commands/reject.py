"""`eks-assets reject`: reject a plan that waits at the gate, or that was approved."""

from __future__ import annotations

from eks_assets.cli.arguments import EnvironmentName
from eks_assets.cli.gated import Digest, Reason, record_decision


def reject(environment: EnvironmentName, digest: Digest, reason: Reason) -> None:
    """Reject the plan with that digest; that ends its request, and every grant before it."""
    record_decision(environment, "reject", digest, reason)
