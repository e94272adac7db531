"""An EKS cluster that nothing is changing. Source: EKS API, DescribeCluster (`status`)."""

from __future__ import annotations

from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.model.errors import NotFound
from resources.support.polling import Poll, wait_until

_INTERVAL = 5.0


def await_settled_cluster(name: str, deadline: float, context: Context) -> dict[str, Any]:
    """The cluster, once no update of it is under way. `deadline`: seconds. Raises NotFound, WaitTimeout, AccessDenied,
    Transient."""

    def poll() -> Poll[dict[str, Any]]:
        with aws_call(f"describing the EKS cluster {name}"):
            cluster: Any = context.aws.client("eks").describe_cluster(name=name)["cluster"]
        return Poll(None if cluster["status"] == "UPDATING" else cluster, cluster["status"])

    return wait_until(poll, what=f"cluster {name}", deadline=deadline, interval=_INTERVAL)


def cluster_version(context: Context) -> str | None:
    """The Kubernetes version of the environment's cluster; None while there is none. Raises AccessDenied, Transient."""
    name = context.env.cluster_name
    try:
        with aws_call(f"describing the EKS cluster {name}"):
            return str(context.aws.client("eks").describe_cluster(name=name)["cluster"]["version"])
    except NotFound:
        return None


def version_before(version: str) -> str:
    """1.34 for "1.35"."""
    return f"1.{int(version.partition('.')[2]) - 1}"
