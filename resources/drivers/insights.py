"""EKS's insights on a cluster: brought up to date, and listed.

Source: EKS API, StartInsightsRefresh, DescribeInsightsRefresh, ListInsights.
"""

from __future__ import annotations

from typing import Any, Literal

from resources.aws.errors import aws_call
from resources.context import Context
from resources.support.polling import Poll, wait_until

Category = Literal["UPGRADE_READINESS", "ROLLBACK_READINESS"]
_INTERVAL = 5.0
_REFRESH = 300.0  # seconds until insights are as new as they get


def refresh_insights(name: str, context: Context) -> None:
    """Have EKS look at the cluster now, and wait until it has. Raises AccessDenied, OperationFailed, WaitTimeout."""
    client = context.aws.client("eks")
    context.before_change()
    with aws_call(f"refreshing the insights of the EKS cluster {name}"):
        client.start_insights_refresh(clusterName=name)

    def poll() -> Poll[bool]:
        with aws_call(f"refreshing the insights of the EKS cluster {name}"):
            answer = client.describe_insights_refresh(clusterName=name)
        return Poll(True if answer["status"] != "IN_PROGRESS" else None, answer.get("message", ""))

    wait_until(poll, what=f"insights of cluster {name}", deadline=_REFRESH, interval=_INTERVAL)


def list_insights(name: str, category: Category, context: Context) -> list[Any]:
    """EKS's summaries of one category. Raises AccessDenied, NotFound, Transient."""
    where: Any = {"categories": [category]}
    with aws_call(f"listing the insights of the EKS cluster {name}"):
        pages = context.aws.client("eks").get_paginator("list_insights").paginate(clusterName=name, filter=where)
        return [insight for page in pages for insight in page["insights"]]
