"""A stack's deletion: what goes, what stays, and all that AWS wants lifted or cleared before.

Source: CloudFormation API reference, DeleteStack (RetainResources: of a stack in DELETE_FAILED alone); CloudFormation
user guide, "Protecting stacks from being deleted"; docs/adr/0021. Stack policies speak of updates only.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.stack.cluster_guard import CLUSTER
from resources.drivers.stack.cluster_state import await_settled_cluster
from resources.drivers.stack.execution import run_step
from resources.drivers.stack.operations import Step
from resources.drivers.stack.parts import Part, list_kept, list_parts, live_template
from resources.drivers.stack.status import (
    EventStream,
    accepts_updates,
    describe_stack,
    find_first_failure,
    must_be_recreated,
    wait_while_busy,
)
from resources.leftovers.data import describe_kept, describe_removed, empty_data, remove_data
from resources.leftovers.orphans import cluster_exists, list_orphans, plan_orphans, remove_orphans
from resources.leftovers.vpc import clear_vpc, remove_groups
from resources.model.errors import NotFound, OperationFailed
from resources.model.removal import Kept, Removal, Removed
from resources.model.specs import Stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

_VPC, _GROUP = "AWS::EC2::VPC", "AWS::EC2::SecurityGroup"
_BUCKET_POLICY = "AWS::S3::BucketPolicy"  # stays and goes with its bucket
_NOTE = {"eks-assets:kept": "data stays when its stack goes"}
_ATTEMPTS = 2


def plan_stack_removal(spec: Stack[Any], context: Context, *, delete_data: bool) -> Removal:
    """The resources that a deletion removes and those that it keeps, with what an earlier one has kept; of the
    cluster's stack with what the cluster leaves. Raises AccessDenied, Transient."""
    parts = list_parts(spec.name, context)
    earlier = list_kept(spec, parts, context)
    removes: list[Removed] = []
    keeps: list[Kept] = []
    for part in parts:
        if part.is_data:
            if delete_data:
                removes.append(describe_removed(part.kind, part.physical_id))
            else:
                keeps.append(describe_kept(part.kind, part.physical_id, context))
        elif part.retained and not (delete_data and part.kind == _BUCKET_POLICY):
            keeps.append(Kept(str(part), "its template keeps it when the stack goes"))
        else:
            removes.append(Removed(str(part)))
    for kind, physical_id in earlier:
        if delete_data:
            removes.append(describe_removed(kind, physical_id))
        else:
            keeps.append(describe_kept(kind, physical_id, context))
    return _with_orphans(spec, Removal(tuple(removes), tuple(keeps)), context, delete_data=delete_data)


def _with_orphans(spec: Stack[Any], removal: Removal, context: Context, *, delete_data: bool) -> Removal:
    """The removal with what the cluster leaves, where the stack is the cluster's; nothing twice."""
    if not _has_cluster(spec):
        return removal
    listed = {*(one.object for one in removal.removes), *(one.object for one in removal.keeps)}
    left = plan_orphans(list_orphans(context), context, delete_data=delete_data)
    return Removal(
        (*removal.removes, *(one for one in left.removes if one.object not in listed)),
        (*removal.keeps, *(one for one in left.keeps if one.object not in listed)),
    )


def destroy_stack(spec: Stack[Any], context: Context, *, delete_data: bool) -> None:
    """Delete the stack, and with `delete_data` what it keeps; of the cluster's stack also what the cluster leaves.

    Harmless where it is gone; after an interruption it continues. Raises OperationFailed (with the first resource that
    failed and AWS's reason, or with what keeps a VPC), WaitTimeout, AccessDenied, Transient."""
    wait_while_busy(context, spec)
    parts = list_parts(spec.name, context)
    earlier = list_kept(spec, parts, context) if delete_data else []
    stack = describe_stack(context, spec.name)
    if stack is not None:
        if not delete_data:
            _retain_data(stack, spec, parts, context)
        _delete(stack, spec, parts, context, delete_data=delete_data)
    if delete_data:
        kept = [(part.kind, part.physical_id) for part in parts if part.is_data]
        for kind, physical_id in dict.fromkeys((*kept, *earlier)):
            remove_data(kind, physical_id, context)
    if _has_cluster(spec):
        remove_orphans(context, delete_data=delete_data)


def _has_cluster(spec: Stack[Any]) -> bool:
    return any(resource.get("Type") == CLUSTER for resource in spec.template.get("Resources", {}).values())


def _retain_data(stack: StackTypeDef, spec: Stack[Any], parts: list[Part], context: Context) -> None:
    """Let data outlive the stack where its template does not: DeleteStack alone cannot keep anything."""
    losing = [part for part in parts if part.is_data and not part.retained]
    # A deletion that failed takes what it keeps itself; what was never created holds nothing.
    if (
        stack is None
        or not losing
        or must_be_recreated(stack["StackStatus"])
        or stack["StackStatus"] == "DELETE_FAILED"
    ):
        return
    if not accepts_updates(stack["StackStatus"]):
        raise OperationFailed(
            f"stack {spec.name} is {stack['StackStatus']} and would take {', '.join(map(str, losing))} with it",
            next_step=f"aws cloudformation continue-update-rollback --stack-name {spec.name}, then destroy again",
        )
    context.progress(f"stack {spec.name}: letting {', '.join(map(str, losing))} outlive it")
    template = _retaining(live_template(spec.name, context), {part.logical_id for part in losing})
    live = spec.model_copy(
        update={
            "template": template,
            "parameters": {p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])},
            "tags": {t["Key"]: t["Value"] for t in stack.get("Tags", [])},
        }
    )
    run_step(Step(live, "UPDATE", keeps_failure=stack["StackStatus"] == "UPDATE_FAILED"), context)


def _retaining(template: Mapping[str, Any], logical_ids: set[str]) -> dict[str, Any]:
    """The template under which these stay. CloudFormation has long taken a change of a DeletionPolicy alone for none
    (cloudformation-coverage-roadmap#1543), so a note in the resource's metadata changes with it."""
    changed = copy.deepcopy(dict(template))
    for logical_id in logical_ids:
        resource = changed["Resources"][logical_id]
        resource.update(DeletionPolicy="Retain", Metadata={**resource.get("Metadata", {}), **_NOTE})
    return changed


def _delete(stack: StackTypeDef, spec: Stack[Any], parts: list[Part], context: Context, *, delete_data: bool) -> None:
    """Delete the stack and follow that, twice where it failed: what held it may be gone by then."""
    stack_id, status = stack["StackId"], str(stack["StackStatus"])
    for attempt in range(1, _ATTEMPTS + 1):
        _clear(parts, context)
        if delete_data:
            for part in (part for part in parts if part.is_data and not part.retained):
                empty_data(part.kind, part.physical_id, context)
        keeping = [] if delete_data or status != "DELETE_FAILED" else _still_there(spec, context)
        context.progress(f"stack {spec.name}: deleting it" + (", again" if attempt > 1 else ""))
        status = _delete_once(spec, stack_id, keeping, context)
        if status == "DELETE_COMPLETE":
            return
    cause, _ = find_first_failure(context, stack_id, spec.name)
    raise OperationFailed(
        f"stack {spec.name} cannot be deleted, it is {status}: {cause}",
        next_step=f"remove what holds it, then run it again: eks-assets destroy {context.env.name}",
    )


def _still_there(spec: Stack[Any], context: Context) -> list[str]:
    """Logical ids of the data that a stack whose deletion failed still has."""
    return [part.logical_id for part in list_parts(spec.name, context) if part.is_data]


def _delete_once(spec: Stack[Any], stack_id: str, keeping: list[str], context: Context) -> str:
    client = context.aws.client("cloudformation")
    events = EventStream(context, stack_id, spec.name)
    events.skip_old()
    _lift_protection(spec, context)
    context.before_change()
    with aws_call(f"deleting stack {spec.name}"):
        if keeping:
            client.delete_stack(StackName=stack_id, RetainResources=keeping)
        else:
            client.delete_stack(StackName=stack_id)
    return events.follow(spec.timeout)


def _lift_protection(spec: Stack[Any], context: Context) -> None:
    """Right before the deletion, and of this stack alone: its termination protection and its cluster's."""
    stack = describe_stack(context, spec.name)
    if stack is not None and stack.get("EnableTerminationProtection"):
        context.progress(f"stack {spec.name}: lifting its termination protection")
        context.before_change()
        with aws_call(f"lifting the protection of stack {spec.name}"):
            context.aws.client("cloudformation").update_termination_protection(
                StackName=spec.name, EnableTerminationProtection=False
            )
    for part in list_parts(spec.name, context):
        if part.kind == CLUSTER:
            with suppress(NotFound):
                _lift_cluster_protection(part.physical_id, spec, context)


def _lift_cluster_protection(cluster: str, spec: Stack[Any], context: Context) -> None:
    if not await_settled_cluster(cluster, spec.timeout, context).get("deletionProtection"):
        return
    context.progress(f"cluster {cluster}: lifting its deletion protection")
    context.before_change()
    with aws_call(f"lifting the deletion protection of the cluster {cluster}"):
        context.aws.client("eks").update_cluster_config(name=cluster, deletionProtection=False)
    await_settled_cluster(cluster, spec.timeout, context)


def _clear(parts: list[Part], context: Context) -> None:
    """Remove what the cluster's controllers left in the stack's VPC, once there is no cluster whose they could be."""
    vpcs = [part.physical_id for part in parts if part.kind == _VPC]
    groups = [part.physical_id for part in parts if part.kind == _GROUP]
    if not (vpcs or groups) or cluster_exists(context):
        return
    own = {part.physical_id for part in parts}
    for vpc in vpcs:
        clear_vpc(vpc, own, context)
    if groups and not vpcs:
        for vpc in _vpcs_of(groups, context):
            remove_groups(vpc, context)


def _vpcs_of(groups: list[str], context: Context) -> set[str]:
    where: Any = [{"Name": "group-id", "Values": groups}]
    with aws_call("describing the stack's security groups"):
        answer = context.aws.client("ec2").describe_security_groups(Filters=where)
    return {group["VpcId"] for group in answer["SecurityGroups"] if group["GroupId"] in groups}
