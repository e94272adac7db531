"""What keeps pods on nodes that EKS wants to replace.

Source: EKS user guide, "Understand each phase of node updates" (PodEvictionFailure after 15 minutes without `force`).
"""

from __future__ import annotations

from resources.context import Context
from resources.kubernetes.objects import list_objects
from resources.model.errors import OperationFailed, PipelineError
from resources.upgrade.checks.workloads import keeps_pods

_CODE = "PodEvictionFailure"
_MOST = 5


def explain_eviction_failure(context: Context, error: OperationFailed) -> OperationFailed:
    """The same failure with the budgets that are in the way and the way on, where pods could not be evicted."""
    if _CODE not in error.message:
        return error
    names = _list_budgets(context)
    shown = ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
    found = f"no disruption is allowed by PodDisruptionBudget {shown}" if names else "no budget is in the way any more"
    return OperationFailed(
        f"{error.message}; {found}",
        next_step="more replicas or maxUnavailable: 1 for its pods (kubectl get pdb --all-namespaces), or "
        f"`upgrade: {{force: true}}` in the file of {context.env.name}, with which EKS deletes them",
    )


def _list_budgets(context: Context) -> list[str]:
    try:
        budgets = list_objects(context.cluster, "policy/v1", "PodDisruptionBudget")
    except PipelineError:  # that must not hide the failure
        return []
    return sorted(f"{b['metadata']['namespace']}/{b['metadata']['name']}" for b in budgets if keeps_pods(b))
