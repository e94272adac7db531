"""What is behind a failed upgrade: a webhook of another release, a pod, or a workload that gets none."""

from __future__ import annotations

from resources.context import Context
from resources.drivers.helm.command import describe_release, translate_helm_error
from resources.drivers.helm.pod_watch import PodWatch
from resources.kubernetes.webhooks import explain_webhook
from resources.model.errors import CommandFailed, OperationFailed, Transient
from resources.model.specs import HelmRelease


def explain_failure(
    error: CommandFailed, spec: HelmRelease, watch: PodWatch, context: Context
) -> OperationFailed | Transient:
    """The failure as the project's error, its first cause before what helm says."""
    if webhook := explain_webhook(error.stderr_tail, context.cluster):
        return Transient(f"{describe_release(spec)}: helm says: {error.stderr_tail}{webhook}")
    reason, translated = watch.worst(), translate_helm_error(error, spec)
    if not reason and isinstance(translated, OperationFailed):
        reason = watch.unready()
    if reason:
        return OperationFailed(f"{describe_release(spec)}: {reason}; helm says: {error.stderr_tail}")
    return translated
