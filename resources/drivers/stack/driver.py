"""CloudFormation stacks, changed only through change sets.

Source: CloudFormation user guide, "Updating stacks using change sets" and "Stack status codes".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args, get_origin

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.base import Driver
from resources.drivers.stack.change_sets import drop_abandoned, refuse_long_template
from resources.drivers.stack.cluster_guard import refuse_cluster_changes
from resources.drivers.stack.comparison import ComparedStack
from resources.drivers.stack.drift import stack_drift
from resources.drivers.stack.execution import run_step
from resources.drivers.stack.fields import mask_fields, wanted_fields
from resources.drivers.stack.operations import Step, create_steps, has_versions, list_retained, update_steps
from resources.drivers.stack.preview import preview_stack
from resources.drivers.stack.removal import destroy_stack, plan_stack_removal
from resources.drivers.stack.restore import (
    compared_stack,
    drift_to_restore,
    forget_comparison,
    list_by_hand,
    list_restored_reach,
    moved_already,
    planned_stack,
    refuse_leftovers,
    refuse_versions,
)
from resources.drivers.stack.status import EventStream, describe_stack, must_be_recreated, refuse_stuck, wait_while_busy
from resources.drivers.stack.version_rollback import lower_version
from resources.model.change import NOTHING_TO_DO, Change, FieldChange, Observed, diff
from resources.model.drift import Drift, Finding
from resources.model.errors import OperationFailed
from resources.model.outputs import Outputs
from resources.model.reach import list_template_reach
from resources.model.removal import Removal
from resources.model.specs import Stack, output_key

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import OutputTypeDef


class StackDriver(Driver[Stack[Any]]):
    """Observes, plans and applies a `Stack`."""

    def observe(self, spec: Stack[Any], context: Context) -> Observed | None:
        """Template, parameters, tags and outputs of the live stack; None where there is none, or only the shell of a
        change set that was never executed."""
        stack = describe_stack(context, spec.name)
        if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS":
            return None
        with aws_call(f"reading the template of stack {spec.name}"):
            body = context.aws.client("cloudformation").get_template(StackName=spec.name)["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else json.loads(json.dumps(body))
        return Observed(
            status=stack["StackStatus"],
            desired={
                "template": template,
                "parameters": {p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])},
                "tags": {t["Key"]: t["Value"] for t in stack.get("Tags", [])},
                **self._guards(spec, stack, context),
            },
            outputs=stack_outputs(spec, stack.get("Outputs", [])),
            detail={"stack_id": stack["StackId"], "reason": stack.get("StackStatusReason", "")},
        )

    def _guards(self, spec: Stack[Any], stack: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Protection and policy as they are, as far as the spec asks for any: a killed run may not have set them."""
        guards: dict[str, Any] = {}
        if spec.protected:
            guards["protected"] = bool(stack.get("EnableTerminationProtection"))
        if spec.policy is not None:
            with aws_call(f"reading the policy of stack {spec.name}"):
                answer = context.aws.client("cloudformation").get_stack_policy(StackName=spec.name)
            guards["policy"] = json.loads(answer.get("StackPolicyBody") or "{}")
        return guards

    def observe_drift(
        self, spec: Stack[Any], observed: Observed | None, context: Context, is_ignored: Callable[[Finding], bool]
    ) -> Observed | None:
        """The stack, compared with its own live template. Raises AccessDenied, WaitTimeout, Transient."""
        if observed is None or must_be_recreated(observed.status):
            return observed
        return compared_stack(spec, observed, context, is_ignored)

    def plan(self, spec: Stack[Any], observed: Observed | None) -> Change:
        """Create, update with the fields that differ and with what drifted, or nothing. Raises Refused for a template
        that is too long and for what is never done to a cluster."""
        refuse_long_template(spec)
        wanted = wanted_fields(spec)
        if observed is None or must_be_recreated(observed.status):
            why = "does not exist" if observed is None else f"is {observed.status} and has to be created again"
            return Change("create", mask_fields(diff({}, wanted), wanted["template"]), f"stack {spec.name} {why}")
        live = observed.desired["template"]
        refuse_cluster_changes(spec.name, live, wanted["template"], may_lower=spec.lowers_version)
        fields = mask_fields(diff(observed.desired, wanted), live, wanted["template"])
        if drifted := drift_to_restore(observed, wanted):
            what = f"stack {spec.name}: {len(fields)} fields differ, {len(drifted)} more changed outside of it"
            fields = (*fields, *(difference.in_plan() for difference in drifted))
            return Change("update", fields, what, disrupts=tuple(list_by_hand(drifted)))
        if fields:
            return Change("update", fields, f"stack {spec.name}: {len(fields)} fields differ")
        if not observed.status.endswith("COMPLETE"):
            return Change(
                "update", (FieldChange("status", observed.status, "UPDATE_COMPLETE"),), f"stack is {observed.status}"
            )
        return NOTHING_TO_DO

    def preview(self, spec: Stack[Any], observed: Observed | None, change: Change, context: Context) -> Change:
        """A needed change, with the resources that it touches, what is replaced (action `replace`) and what that
        disrupts; `facts` has the template's digest. Changes nothing: an update's change set is deleted again.

        Raises OperationFailed where CloudFormation refuses the change set, WaitTimeout, Transient."""
        drifted = () if observed is None else drift_to_restore(observed, wanted_fields(spec))
        return preview_stack(spec, observed, change, drifted, context)

    def list_reach(
        self, spec: Stack[Any], observed: Observed | None, change: Change, context: Context
    ) -> tuple[str, ...]:
        """The resources that differ in a part that touches identity or reach."""
        wanted = wanted_fields(spec)
        if observed is None or must_be_recreated(observed.status):
            return list_template_reach({}, wanted)
        return (
            *list_template_reach(observed.desired, wanted),
            *list_restored_reach(drift_to_restore(observed, wanted)),
        )

    def drift(self, spec: Stack[Any], context: Context) -> Drift:
        """What CloudFormation's drift detection says, and what it does not compare."""
        return stack_drift(spec.name, context)

    def apply(self, spec: Stack[Any], context: Context) -> None:
        """Make a change set, refuse replacements that the spec doesn't allow, execute it, follow its events; in
        two steps where AWS wants it so. What `observe_drift` found in this context is put back with it.

        Raises Refused, OperationFailed (with the first resource that failed and its reason, or with what still differs
        from the template after it was put back), WaitTimeout, Transient.
        """
        wait_while_busy(context, spec)
        stack = describe_stack(context, spec.name)
        status = str(stack["StackStatus"]) if stack else None
        if status is not None and must_be_recreated(status):
            context.progress(f"stack {spec.name} is {status}: removing what is left of it")
            remove_failed(context, spec)
            status = None
        if status is not None:
            refuse_stuck(spec.name, status)
            drop_abandoned(context, spec.name)
        # From UPDATE_FAILED, CloudFormation continues only by an operation that is not rolled back either.
        paused = status == "UPDATE_FAILED"
        lowered = spec.lowers_version and status is not None and lower_version(spec, context)
        if lowered:
            forget_comparison(context)
            self.observe_drift(spec, self.observe(spec, context), context, lambda _: False)
        compared = None if status is None else planned_stack(spec, context)
        reverts = compared is not None and compared.comparison.reverts
        for step in self._steps(spec, compared, context, is_new=status is None):
            keeps = step.keeps_failure or paused
            run_step(replace(step, keeps_failure=keeps, reverts_drift=reverts, leaves_cluster=lowered), context)
        self._protect(spec, context)
        forget_comparison(context)
        if compared is not None and compared.comparison.drifted:
            refuse_leftovers(spec, compared.ignored, context)

    def _steps(
        self, spec: Stack[Any], compared: ComparedStack | None, context: Context, *, is_new: bool
    ) -> tuple[Step, ...]:
        if is_new:
            return create_steps(spec, list_retained(spec, context))
        wanted = wanted_fields(spec)
        if compared is not None:
            refuse_versions(spec, drift_to_restore(compared, wanted))
        live = self.observe(spec, context) if has_versions(spec) else None
        if live is None:
            return (Step(spec, "UPDATE"),)
        return update_steps(spec, live.desired, moved_already(compared, wanted) if compared else frozenset())

    def plan_removal(self, spec: Stack[Any], context: Context, *, delete_data: bool) -> Removal:
        """The stack's resources, and of the cluster's stack what the cluster leaves; data is kept. Raises AccessDenied,
        Transient."""
        return plan_stack_removal(spec, context, delete_data=delete_data)

    def destroy(self, spec: Stack[Any], context: Context, *, delete_data: bool) -> None:
        """Lift the stack's protection, delete it, and with `delete_data` what it keeps.

        Raises OperationFailed (with the first resource that failed and its reason, or with what keeps a VPC),
        WaitTimeout, AccessDenied, Transient."""
        destroy_stack(spec, context, delete_data=delete_data)
        forget_comparison(context)

    def _protect(self, spec: Stack[Any], context: Context) -> None:
        client = context.aws.client("cloudformation")
        with aws_call(f"protecting stack {spec.name}"):
            if spec.policy is not None:
                context.before_change()
                client.set_stack_policy(StackName=spec.name, StackPolicyBody=json.dumps(spec.policy))
            if spec.protected:
                context.before_change()
                client.update_termination_protection(StackName=spec.name, EnableTerminationProtection=True)


def remove_failed(context: Context, spec: Stack[Any]) -> None:
    """Delete a stack whose creation failed; it holds nothing that anybody uses. Raises OperationFailed, WaitTimeout."""
    client = context.aws.client("cloudformation")
    stack = describe_stack(context, spec.name)
    if stack is None:
        return
    context.before_change()
    with aws_call(f"deleting the failed stack {spec.name}"):
        if stack.get("EnableTerminationProtection"):
            client.update_termination_protection(StackName=spec.name, EnableTerminationProtection=False)
        client.delete_stack(StackName=spec.name)
    events = EventStream(context, stack["StackId"], spec.name)
    events.skip_old()
    status = events.follow(spec.timeout)
    if status != "DELETE_COMPLETE":
        raise OperationFailed(
            f"the failed stack {spec.name} cannot be deleted, it is {status}: {events.first_failure()}"
        )


def stack_outputs(spec: Stack[Any], outputs: Sequence[OutputTypeDef]) -> Outputs | None:
    """The spec's Outputs class filled from the stack's outputs; None while some are missing."""
    values = {o["OutputKey"]: o["OutputValue"] for o in outputs}
    fields: dict[str, Any] = {}
    for name, info in spec.outputs_type().model_fields.items():
        key = output_key(name)
        if key not in values:
            return None
        several = get_origin(info.annotation) is tuple and get_args(info.annotation)
        fields[name] = tuple(v for v in values[key].split(",") if v) if several else values[key]
    return spec.outputs_type()(**fields)
