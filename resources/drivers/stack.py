"""CloudFormation stacks, changed only through change sets.

Source: CloudFormation user guide, "Updating stacks using change sets" and "Stack status codes".
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from resources.aws_errors import aws_call
from resources.change import NOTHING_TO_DO, Change, FieldChange, Observed, diff
from resources.drivers.cluster_changes import refuse_cluster_changes
from resources.drivers.stack_events import EventStream
from resources.drivers.stack_replacement import refuse_replacements
from resources.drivers.stack_states import (
    describe_stack,
    must_be_recreated,
    refuse_stuck,
    wait_while_busy,
)
from resources.errors import OperationFailed, Refused
from resources.outputs import Outputs, plain
from resources.specs import Stack, output_key
from resources.waiting import Look, wait_until
from resources.world import World

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
LONGEST_TEMPLATE = 51_200  # bytes, inline (AWS: CloudFormation quotas)


class StackDriver:
    """Observes, plans and applies a `Stack`."""

    def observe(self, spec: Stack[Any], world: World) -> Observed | None:
        """Template, parameters, tags and outputs of the live stack; None where there is none, or only the shell of a
        change set that was never executed."""
        found = describe_stack(world, spec.name)
        if found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS":
            return None
        with aws_call(f"reading the template of stack {spec.name}"):
            body = world.aws.client("cloudformation").get_template(StackName=spec.name)["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else json.loads(json.dumps(body))
        return Observed(
            status=found["StackStatus"],
            desired={
                "template": template,
                "parameters": {p["ParameterKey"]: p["ParameterValue"] for p in found.get("Parameters", [])},
                "tags": {t["Key"]: t["Value"] for t in found.get("Tags", [])},
                **self._guards(spec, found, world),
            },
            outputs=stack_outputs(spec, found.get("Outputs", [])),
            detail={"stack_id": found["StackId"], "reason": found.get("StackStatusReason", "")},
        )

    def _guards(self, spec: Stack[Any], found: Mapping[str, Any], world: World) -> dict[str, Any]:
        """Protection and policy as they are, as far as the spec asks for any: a killed run may not have set them."""
        guards: dict[str, Any] = {}
        if spec.protected:
            guards["protected"] = bool(found.get("EnableTerminationProtection"))
        if spec.policy is not None:
            with aws_call(f"reading the policy of stack {spec.name}"):
                answer = world.aws.client("cloudformation").get_stack_policy(StackName=spec.name)
            guards["policy"] = json.loads(answer.get("StackPolicyBody") or "{}")
        return guards

    def plan(self, spec: Stack[Any], observed: Observed | None) -> Change:
        """Create, update with the fields that differ, or nothing. Raises Refused for a template that is too long and
        for what is never done to a cluster."""
        wanted = wanted_fields(spec)
        if (size := len(template_body(spec).encode())) > LONGEST_TEMPLATE:
            raise Refused(
                f"the template of stack {spec.name} has {size:,} bytes; CloudFormation takes at most "
                f"{LONGEST_TEMPLATE:,} bytes",
                next_step="split the unit into two, or repeat less in its template",
            )
        if observed is None or must_be_recreated(observed.status):
            why = "does not exist" if observed is None else f"is {observed.status} and has to be created again"
            return Change("create", diff({}, wanted), f"stack {spec.name} {why}")
        refuse_cluster_changes(spec.name, observed.desired["template"], wanted["template"])
        if fields := diff(observed.desired, wanted):
            return Change("update", fields, f"stack {spec.name}: {len(fields)} fields differ")
        if not observed.status.endswith("COMPLETE"):
            return Change(
                "update", (FieldChange("status", observed.status, "UPDATE_COMPLETE"),), f"stack is {observed.status}"
            )
        return NOTHING_TO_DO

    def apply(self, spec: Stack[Any], world: World) -> None:
        """Make a change set, refuse replacements that the spec doesn't allow, execute it, follow its events.

        Raises Refused, OperationFailed (with the first resource that failed and its reason), WaitTimeout, Transient.
        """
        wait_while_busy(world, spec)
        found = describe_stack(world, spec.name)
        if found is not None and must_be_recreated(found["StackStatus"]):
            world.progress(f"stack {spec.name} is {found['StackStatus']}: removing what is left of it")
            remove_failed(world, spec)
            found = None
        if found is not None:
            refuse_stuck(spec.name, found["StackStatus"])
        change_set = self._make_change_set(spec, world, "UPDATE" if found else "CREATE")
        if change_set is not None:
            self._execute(spec, world, change_set)
        self._protect(spec, world)

    def _make_change_set(self, spec: Stack[Any], world: World, kind: str) -> dict[str, Any] | None:
        body = template_body(spec)
        name = (
            "eks-assets-"
            + hashlib.sha256(f"{body}{spec.parameters}{spec.tags}{time.time_ns()}".encode()).hexdigest()[:16]
        )
        request: dict[str, Any] = {
            "StackName": spec.name,
            "ChangeSetName": name,
            "ChangeSetType": kind,
            "TemplateBody": body,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in plain(spec.parameters).items()],
            "Tags": [{"Key": k, "Value": v} for k, v in spec.tags.items()],
            "Capabilities": CAPABILITIES,
        }
        if kind == "CREATE":
            request["OnStackFailure"] = spec.on_failure
        if role := world.env.roles.cloudformation:
            request["RoleARN"] = role
        with aws_call(f"making a change set for stack {spec.name}"):
            world.aws.client("cloudformation").create_change_set(**request)
        try:
            described = self._wait_for_change_set(spec, world, name)
            if described is None:
                return None
            refuse_replacements(spec, described)
        except BaseException:
            self._drop_change_set(spec, world, name, kind)
            raise
        return described

    def _wait_for_change_set(self, spec: Stack[Any], world: World, name: str) -> dict[str, Any] | None:
        client = world.aws.client("cloudformation")

        def look() -> Look[dict[str, Any]]:
            with aws_call(f"describing the change set of stack {spec.name}"):
                found: dict[str, Any] = client.describe_change_set(StackName=spec.name, ChangeSetName=name)
            done = found["Status"] in ("CREATE_COMPLETE", "FAILED")
            return Look(found if done else None, found["Status"])

        described = wait_until(look, what=f"change set of stack {spec.name}", deadline=300, interval=2)
        if described["Status"] == "CREATE_COMPLETE":
            return described
        reason = described.get("StatusReason", "no reason given")
        if any(words in reason for words in NO_CHANGES):
            self._drop_change_set(spec, world, name, "UPDATE")
            return None
        raise OperationFailed(f"the change set of stack {spec.name} failed: {reason}")

    def _drop_change_set(self, spec: Stack[Any], world: World, name: str, kind: str) -> None:
        client = world.aws.client("cloudformation")
        with aws_call(f"deleting the change set of stack {spec.name}"):
            client.delete_change_set(StackName=spec.name, ChangeSetName=name)
            if kind == "CREATE" and describe_stack(world, spec.name):
                client.delete_stack(StackName=spec.name)

    def _execute(self, spec: Stack[Any], world: World, change_set: Mapping[str, Any]) -> None:
        stack_id = str(change_set["StackId"])
        events = EventStream(world, stack_id, spec.name)
        events.skip_old()
        with aws_call(f"executing the change set of stack {spec.name}"):
            world.aws.client("cloudformation").execute_change_set(
                StackName=spec.name, ChangeSetName=change_set["ChangeSetName"]
            )
        status = events.follow(spec.timeout)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise OperationFailed(
                f"stack {spec.name} ended in {status}: {events.first_failure()}",
                next_step=f"mend the cause and deploy again: eks-assets deploy {world.env.name}",
            )

    def _protect(self, spec: Stack[Any], world: World) -> None:
        client = world.aws.client("cloudformation")
        with aws_call(f"protecting stack {spec.name}"):
            if spec.policy is not None:
                client.set_stack_policy(StackName=spec.name, StackPolicyBody=json.dumps(spec.policy))
            if spec.protected:
                client.update_termination_protection(StackName=spec.name, EnableTerminationProtection=True)


def remove_failed(world: World, spec: Stack[Any]) -> None:
    """Delete a stack whose creation failed; it holds nothing that anybody uses."""
    client = world.aws.client("cloudformation")
    found = describe_stack(world, spec.name)
    if found is None:
        return
    with aws_call(f"deleting the failed stack {spec.name}"):
        if found.get("EnableTerminationProtection"):
            client.update_termination_protection(StackName=spec.name, EnableTerminationProtection=False)
        client.delete_stack(StackName=spec.name)
    events = EventStream(world, found["StackId"], spec.name)
    events.skip_old()
    status = events.follow(spec.timeout)
    if status != "DELETE_COMPLETE":
        raise OperationFailed(
            f"the failed stack {spec.name} cannot be deleted, it is {status}: {events.first_failure()}"
        )


def template_body(spec: Stack[Any]) -> str:
    """The template as it is sent."""
    return json.dumps(plain(spec.template), sort_keys=True, separators=(",", ":"))


def wanted_fields(spec: Stack[Any]) -> dict[str, Any]:
    """The spec in the terms in which a live stack is observed."""
    fields = {"template": plain(spec.template), "parameters": plain(spec.parameters), "tags": dict(spec.tags)}
    if spec.protected:
        fields["protected"] = True
    if spec.policy is not None:
        fields["policy"] = plain(spec.policy)
    return fields


def stack_outputs(spec: Stack[Any], found: list[Mapping[str, str]]) -> Outputs | None:
    """The spec's Outputs class filled from the stack's outputs; None while some are missing."""
    values = {o["OutputKey"]: o["OutputValue"] for o in found}
    fields: dict[str, Any] = {}
    for name, info in spec.outputs_type().model_fields.items():
        key = output_key(name)
        if key not in values:
            return None
        several = get_origin(info.annotation) is tuple and get_args(info.annotation)
        fields[name] = tuple(v for v in values[key].split(",") if v) if several else values[key]
    return spec.outputs_type()(**fields)
