"""Going on after a stop: what was under way is settled, and clusters get their control planes back."""

import json
import logging
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import cloudformation, eks
from ministack.services.cloudformation import stacks

from .eks import clusters, updates
from .eks.records import Record, nodegroups_of
from .settings import settings
from .supervisor_client import SupervisorError

logger = logging.getLogger(__name__)

_STACK_STATUSES = {
    "CREATE_IN_PROGRESS": "CREATE_FAILED",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK_FAILED",
    "UPDATE_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "DELETE_IN_PROGRESS": "DELETE_FAILED",
}
_EKS_STATUSES = {"CREATING": "CREATE_FAILED", "UPDATING": "ACTIVE", "DELETING": "DELETE_FAILED"}
_REASON = "The embedded AWS was stopped while this was {status}."


def recover() -> None:
    """Settle stacks and EKS objects that were busy, and start control planes in the background."""
    for (account, region, name), stack in list(cloudformation._stacks.all_items()):
        if stack["StackStatus"] in _STACK_STATUSES:
            set_request_account_id(account)
            set_request_region(region)
            settle_stack(name, stack)
    for (account, region, name), cluster in list(eks._clusters.all_items()):
        spawn_background(_resume_cluster, account, region, cluster, thread_name=f"embedded-aws-resume-{name}")


def settle_stack(name: str, stack: dict[str, Any]) -> None:
    """Give an interrupted stack a status from which the next operation can go on."""
    interrupted = stack["StackStatus"]
    status, reason = _STACK_STATUSES[interrupted], _REASON.format(status=interrupted)
    stack["StackStatus"], stack["StackStatusReason"] = status, reason
    for record in stack.get("_resources", {}).values():
        if record.get("ResourceStatus") == "CREATE_IN_PROGRESS":
            record.update(ResourceStatus="CREATE_FAILED", ResourceStatusReason=reason)
    if status == "UPDATE_ROLLBACK_COMPLETE":
        # The stack answers with the template that it last completed, so a new update is not taken for done.
        stack["_template_body"] = json.dumps(stack.get("_template") or {})
    stacks._add_event(stack["StackId"], name, name, "AWS::CloudFormation::Stack", status, reason, stack["StackId"])


def _resume_cluster(account: str, region: str, cluster: Record) -> None:
    set_request_account_id(account)
    set_request_region(region)
    _settle_parts(cluster)
    if cluster["status"] == "CREATING":
        clusters.provision(cluster)
        return
    if cluster["status"] in ("UPDATING", "DELETING"):
        cluster["status"] = "ACTIVE"
    try:
        if settings().supervisor_url and cluster["status"] == "ACTIVE":
            clusters.attach_control_plane(cluster)
    except SupervisorError as failure:
        logger.error("The control plane of %s did not come back: %s", cluster["name"], failure)


def _settle_parts(cluster: Record) -> None:
    """Settle the node groups, add-ons and updates of a cluster."""
    addons = [addon for key, addon in eks._addons.items() if key.startswith(f"{cluster['name']}/")]
    for part in [*nodegroups_of(cluster["name"]), *addons]:
        status = part["status"]
        if status in _EKS_STATUSES:
            part["status"] = _EKS_STATUSES[status]
            message = _REASON.format(status=status)
            part["health"] = {"issues": [{"code": "InternalFailure", "message": message, "resourceIds": []}]}
    for update in cluster.get("_updates", {}).values():
        if update["status"] == "InProgress":
            updates.fail(update, _REASON.format(status="InProgress"))
