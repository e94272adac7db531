"""A cluster's Kubernetes version, taken back one minor, as EKS allows for some days after an upgrade.

EKS takes it back by UpdateClusterVersion alone. Only then the stack gets the template that says so, by a change set
that changes nothing in EKS. Source: EKS API, UpdateClusterVersion, ListInsights (ROLLBACK_READINESS), DescribeUpdate;
EKS user guide, "Roll back a cluster's Kubernetes version".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.insights import list_insights, refresh_insights
from resources.drivers.stack.cluster_guard import CLUSTER, minor_of
from resources.drivers.stack.cluster_state import await_settled_cluster
from resources.model.errors import OperationFailed, Refused
from resources.model.specs import Stack
from resources.support.polling import Poll, wait_until

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import DescribeChangeSetOutputTypeDef

WINDOW = dt.timedelta(days=7)  # in which EKS takes a version back
_INTERVAL = 5.0


def lower_version(spec: Stack[Any], context: Context) -> bool:
    """Take the version of the stack's cluster back to the one that its template wants, where that is one minor lower
    than it is; whether the stack now has to be told. Continues where it was interrupted.

    Raises Refused with what EKS says against it, OperationFailed, WaitTimeout, AccessDenied, Transient."""
    lowered = False
    for name, wanted in _clusters(spec):
        live = str(await_settled_cluster(name, spec.timeout, context)["version"])
        if minor_of(live) == minor_of(wanted):
            lowered = True  # by a run that was killed before it told the stack
        elif (minor_of(live) or 0) - 1 == minor_of(wanted):
            refuse_unready(name, wanted, context)
            _update(name, live, wanted, spec, context)
            lowered = True
    return lowered


def is_lower(then: Stack[Any], now: Stack[Any]) -> bool:
    """Whether a cluster had a lower version then."""
    versions = dict(_clusters(now))
    return any((minor_of(v) or 0) < (minor_of(versions.get(name)) or 0) for name, v in _clusters(then))


def _clusters(spec: Stack[Any]) -> Iterator[tuple[str, str]]:
    for resource in spec.template.get("Resources", {}).values():
        properties = resource.get("Properties", {})
        if resource.get("Type") == CLUSTER and properties.get("Version"):
            yield str(properties["Name"]), str(properties["Version"])


def refuse_unready(name: str, wanted: str, context: Context) -> None:
    """Raises Refused where EKS, asked now, says that the cluster cannot go back; what it only warns of is said."""
    refresh_insights(name, context)
    insights = list_insights(name, "ROLLBACK_READINESS", context)
    said = {status: [_words(i) for i in insights if i["insightStatus"]["status"] == status] for status in _GRAVE}
    for words in said["WARNING"] + said["UNKNOWN"]:
        context.progress(f"EKS warns of taking {name} back to Kubernetes {wanted}: {words}")
    if said["ERROR"]:
        raise Refused(
            f"the EKS cluster {name} cannot go back to Kubernetes {wanted}: {'; '.join(said['ERROR'])}",
            next_step=f"aws eks list-insights --cluster-name {name} shows each; put it right, and roll back again",
        )


_GRAVE = ("WARNING", "UNKNOWN", "ERROR")


def _words(insight: Any) -> str:
    return f"{insight['name']}: {insight['insightStatus'].get('reason', 'no reason given')}"


def _update(name: str, live: str, wanted: str, spec: Stack[Any], context: Context) -> None:
    client = context.aws.client("eks")
    context.progress(f"cluster {name}: going back from Kubernetes {live} to {wanted}")
    context.before_change()
    with aws_call(f"taking the EKS cluster {name} back to Kubernetes {wanted}"):
        update = client.update_cluster_version(name=name, version=wanted)["update"]

    def poll() -> Poll[Any]:
        with aws_call(f"describing an update of the EKS cluster {name}"):
            answer = client.describe_update(name=name, updateId=update["id"])["update"]
        return Poll(None if answer["status"] == "InProgress" else answer, answer["status"])

    what = f"cluster {name}"
    ended = wait_until(poll, what=what, deadline=spec.timeout, interval=_INTERVAL, progress=context.progress)
    if ended["status"] != "Successful":
        errors = "; ".join(error.get("errorMessage", "") for error in ended.get("errors", ())) or "no reason given"
        raise OperationFailed(
            f"the EKS cluster {name} did not go back to Kubernetes {wanted}: {ended['status']}: {errors}",
            next_step=f"eks-assets rollback {context.env.name} tries again",
        )


def refuse_cluster_change(change_set: DescribeChangeSetOutputTypeDef, stack: str) -> None:
    """Raises OperationFailed where the change set, which is to tell a stack the version that its cluster has already,
    would change anything else of the cluster."""
    for change in change_set["Changes"]:
        resource = change.get("ResourceChange", {})
        if resource.get("ResourceType") != CLUSTER:
            continue
        names = {detail.get("Target", {}).get("Name", "all of it") for detail in resource.get("Details", ())}
        if others := sorted(names - {"Version"}):
            raise OperationFailed(
                f"stack {stack}: the cluster has gone back, and the change set that tells the stack so would change "
                f"more of it: {', '.join(others)}",
                next_step="deploy these changes by themselves first, or undo them in the cluster, then roll back again",
            )
