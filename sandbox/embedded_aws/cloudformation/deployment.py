"""One create or update of a stack: what is provisioned, replaced, removed, and what a rollback needs to know.

Follows MiniStack's own sequential loop (MIT, Copyright (c) 2026 MiniStack Contributors) and feeds its rollback.
"""

import copy
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import engine, provisioners, stacks

from .resource_graph import call_handler, provision, slow_resource_id
from .resource_handlers import Properties, ResourceFailure
from .rights.decision import Handled, require_rights
from .stack_policy import require_allowed

Template = dict[str, Any]
Resources = dict[str, dict[str, Any]]


class Deployment:
    """One create or update of a stack."""

    def __init__(
        self,
        stack_name: str,
        stack_id: str,
        template: Template,
        parameters: dict[str, Any],
        previous: dict[str, Any] | None,
        is_update: bool,
    ) -> None:
        self.name, self.id, self.template, self.parameters = stack_name, stack_id, template, parameters
        self.stack: dict[str, Any] = cloudformation._stacks[stack_name]
        self.is_update = is_update
        self.previous: dict[str, Any] = (previous or {}) if is_update else {}
        self.verb = "UPDATE" if is_update else "CREATE"
        self.mappings = template.get("Mappings", {})
        self.conditions = engine._evaluate_conditions(template, parameters)
        self.definitions: Resources = template.get("Resources", {})
        self.resources: Resources = self.stack.get("_resources", {})
        self.old_resources: Resources = self.previous.get("_resources", {})
        self.tags, self.old_tags = self.stack.get("Tags") or [], self.previous.get("Tags") or []
        self.drifted: dict[str, Properties | None] = self.stack.pop("_drifted", {})
        self.created: list[str] = []
        self.replaced: list[tuple[str, str, str, str, Properties, list[Any]]] = []
        self.failures: list[tuple[str, str]] = []
        self.failed_update: tuple[Any, ...] | None = None
        self.cancelled = False

    def event(self, logical_id: str, kind: str, status: str, reason: str = "", physical_id: str = "") -> None:
        """Record a stack event."""
        stacks._add_event(self.id, self.name, logical_id, kind, status, reason, physical_id)

    def stack_event(self, status: str, reason: str = "") -> None:
        """Record an event of the stack itself."""
        self.event(self.name, "AWS::CloudFormation::Stack", status, reason, self.id)

    def policy_of(self, logical_id: str, attribute: str) -> str:
        """A resource's DeletionPolicy or UpdateReplacePolicy in the new template."""
        policy: str = stacks._resource_policy(
            self.definitions.get(logical_id),
            attribute,
            self.resources,
            self.parameters,
            self.conditions,
            self.mappings,
            self.name,
            self.id,
        )
        return policy

    def _resolved(self, logical_id: str) -> tuple[Properties, Any]:
        """The resource's properties with every function and dynamic reference resolved."""
        raw = copy.deepcopy(self.definitions[logical_id].get("Properties", {}))
        props = engine._resolve_refs(
            raw, self.resources, self.parameters, self.conditions, self.mappings, self.name, self.id
        )
        props = {key: value for key, value in props.items() if value is not engine._NO_VALUE}
        old_template = self.previous.get("_template") or {}
        same_stack = (
            self.is_update
            and self.template == old_template
            and self.parameters == self.previous.get("_resolved_params")
        )
        old_definition = (old_template.get("Resources") or {}).get(logical_id)
        resolved: tuple[Properties, Any] = engine._resolve_dynamic_references(
            props,
            (self.old_resources.get(logical_id) or {}).get("_dynamic"),
            reuse_ssm=same_stack,
            reuse_secrets=old_definition == self.definitions[logical_id],
        )
        return resolved

    def _tagged(self, kind: str, props: Properties, tags: list[Any], logical_id: str) -> Properties:
        tagged: Properties = provisioners._with_stack_tags(kind, props, tags, self.name, self.id, logical_id)
        return tagged

    async def step(self, logical_id: str) -> bool:
        """Create or update one resource; False when that failed or the operation already has."""
        if self.is_update and self.stack.pop("_cancel_requested", False):
            stacks.CLIENT_REQUEST_TOKEN.set(self.stack.pop("_cancel_token", ""))
            self.cancelled = True
        if self.failures or self.cancelled:
            return False
        kind = self.definitions[logical_id].get("Type", "AWS::CloudFormation::CustomResource")
        attempt: list[Any] = []
        props: Properties = {}
        try:
            props, dynamic = self._resolved(logical_id)
            if self._failed_before(logical_id):
                record = await self._recreate(logical_id, kind, props)
            elif logical_id in self.old_resources:
                record = await self._update(logical_id, kind, props, attempt)
            else:
                record = await self._create(logical_id, kind, props)
        except Exception as failure:  # whatever a handler raises is the resource's failure, not the server's
            self._keep_half_made(logical_id, kind, props, failure)
            self.record_failure(logical_id, kind, str(failure), attempt)
            return False
        record.update(ResourceType=kind, LogicalResourceId=logical_id, Properties=props, Timestamp=stacks.now_iso())
        if dynamic:
            record["_dynamic"] = dynamic
        self.resources[logical_id] = record
        self.created.append(logical_id)
        return True

    def record_failure(self, logical_id: str, kind: str, reason: str, attempt: list[Any]) -> None:
        """Note a resource's failure: its event, and what the rollback sends back."""
        self.event(logical_id, kind, f"{self.verb}_FAILED", reason)
        if not self.failures and logical_id in self.old_resources:
            old_id = self.old_resources[logical_id].get("PhysicalResourceId", logical_id)
            self.failed_update = (logical_id, kind, *(attempt or (old_id, None, None, None)))
        self.failures.append((logical_id, reason))

    def _keep_half_made(self, logical_id: str, kind: str, props: Properties, failure: Exception) -> None:
        """Remember a resource that exists although its create failed, so that it can be deleted."""
        physical_id = getattr(failure, "physical_id", "")
        if not physical_id:
            if (self.resources.get(logical_id) or {}).get("ResourceStatus") == "CREATE_IN_PROGRESS":
                del self.resources[logical_id]
            return
        self.resources[logical_id] = {
            **self._record(physical_id, {}, ""),
            "ResourceStatus": "CREATE_FAILED",
            "ResourceType": kind,
            "LogicalResourceId": logical_id,
            "Properties": props,
            "ResourceStatusReason": str(failure),
            "Timestamp": stacks.now_iso(),
        }
        self.created.append(logical_id)

    def _failed_before(self, logical_id: str) -> bool:
        old = self.old_resources.get(logical_id) or {}
        return old.get("ResourceStatus") == "CREATE_FAILED"

    async def _recreate(self, logical_id: str, kind: str, props: Properties) -> dict[str, Any]:
        """Try again what failed in an operation that was not rolled back."""
        old = self.old_resources[logical_id]
        if not await self._delete(logical_id, kind, old["PhysicalResourceId"], old.get("Properties", {})):
            raise ResourceFailure(f"{logical_id} failed before and cannot be deleted to create it again")
        return await self._create(logical_id, kind, props)

    async def _create(self, logical_id: str, kind: str, props: Properties) -> dict[str, Any]:
        self.event(logical_id, kind, f"{self.verb}_IN_PROGRESS")
        self._announce(logical_id, kind, props)
        tagged = self._tagged(kind, props, self.tags, logical_id)
        require_rights(self.stack, Handled(kind, "create", logical_id, {}, tagged))
        created = await provision(kind, logical_id, tagged, self.name)
        (physical_id, attributes), seed = created
        self.event(logical_id, kind, f"{self.verb}_COMPLETE", "", physical_id)
        return self._record(physical_id, attributes, seed)

    def _announce(self, logical_id: str, kind: str, props: Properties) -> None:
        """Record what takes long before it is there: if the process is killed, the stack still knows of it."""
        name = slow_resource_id(kind, props)
        if name:
            self.resources[logical_id] = {
                "PhysicalResourceId": name,
                "ResourceStatus": "CREATE_IN_PROGRESS",
                "ResourceType": kind,
                "LogicalResourceId": logical_id,
                "Properties": props,
                "Attributes": {},
                "Timestamp": stacks.now_iso(),
            }

    def _record(self, physical_id: str, attributes: dict[str, Any], seed: str) -> dict[str, Any]:
        record = {
            "PhysicalResourceId": physical_id,
            "ResourceStatus": f"{self.verb}_COMPLETE",
            "Attributes": attributes,
        }
        return {**record, "_name_seed": seed} if seed else record

    async def _update(self, logical_id: str, kind: str, props: Properties, attempt: list[Any]) -> dict[str, Any]:
        old = self.old_resources[logical_id]
        old_id, old_attributes = old.get("PhysicalResourceId", logical_id), old.get("Attributes", {})
        # Of tags that drifted, those that are there are known: the stack's own may be gone, too.
        given = [] if "Tags" in (self.drifted.get(logical_id) or {}) else self.old_tags
        before = self._tagged(kind, self._old_properties(logical_id), given, logical_id)
        after = self._tagged(kind, props, self.tags, logical_id)
        deleted = logical_id in self.drifted and self.drifted[logical_id] is None
        if before == after and not deleted:
            return dict(old)
        replacing = deleted or bool(provisioners._replacing_change(kind, before, after))
        require_allowed(self.stack, logical_id, kind, "Update:Replace" if replacing else "Update:Modify")
        reason = ""
        if replacing:
            reason = "Requested update requires the creation of a new physical resource; hence creating one."
        elif not provisioners._custom_named_replacement_error(kind, before, after):
            attempt.extend((old_id, after, before, old_attributes))
        self.event(logical_id, kind, "UPDATE_IN_PROGRESS", reason, old_id)
        operation, there = ("create", {}) if replacing else ("update", before)
        require_rights(self.stack, Handled(kind, operation, logical_id, there, after, "" if replacing else old_id))
        if deleted:
            created = await provision(kind, logical_id, after, self.name)
            (physical_id, attributes), seed = created
        else:
            physical_id, attributes, seed = await self._call_update(logical_id, kind, old, before, after)
        self.event(logical_id, kind, "UPDATE_COMPLETE", "", physical_id)
        return self._record(physical_id, attributes, seed)

    def _old_properties(self, logical_id: str) -> Properties:
        """What the resource has: its template's properties, and those that drifted where they are to be reverted."""
        props = {**self.old_resources[logical_id].get("Properties", {}), **(self.drifted.get(logical_id) or {})}
        return {name: value for name, value in props.items() if value is not None}

    async def _call_update(
        self, logical_id: str, kind: str, old: dict[str, Any], before: Properties, after: Properties
    ) -> tuple[str, dict[str, Any], str]:
        """Call the type's update handler with the context it expects; notes a replacement for the clean-up."""
        retain = self.policy_of(logical_id, "UpdateReplacePolicy") in provisioners._RETAINING_POLICIES
        pending: list[Any] = []
        # Each step is a task of its own, so these last until its end and nobody else sees them.
        provisioners._RETAIN_REPLACED.set(retain)
        provisioners._DEFERRED_PREDECESSOR_DELETES.set(pending)
        provisioners._NAME_SEED.set(old.get("_name_seed", ""))
        old_id = old.get("PhysicalResourceId", logical_id)
        (physical_id, attributes), seed = await call_handler(
            kind,
            stacks._update_keeping_seed,
            kind,
            old_id,
            before,
            after,
            self.name,
            logical_id,
            old.get("Attributes", {}),
        )
        if physical_id != old_id or pending:
            self.replaced.append((logical_id, kind, old_id, physical_id, old.get("Properties", {}), pending))
        return physical_id, attributes, seed

    def resolve_outputs(self, removed: set[str]) -> tuple[list[Any], dict[str, Any]]:
        """The stack's outputs and exports. Raises ValueError when one does not resolve."""
        surviving = {key: value for key, value in self.resources.items() if key not in removed}
        outputs: tuple[list[Any], dict[str, Any]] = stacks._resolve_stack_outputs(
            self.template.get("Outputs", {}),
            self.conditions,
            surviving,
            self.parameters,
            self.mappings,
            self.name,
            self.id,
        )
        return outputs

    async def clean_up(self, removed: set[str]) -> None:
        """Delete replaced predecessors and removed resources; a failure here does not fail the update."""
        if self.replaced or removed:
            self.stack["StackStatus"] = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
            self.stack_event("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        for logical_id, kind, old_id, new_id, props, pending in reversed(self.replaced):
            if self.policy_of(logical_id, "UpdateReplacePolicy") in provisioners._RETAINING_POLICIES:
                self.event(logical_id, kind, "DELETE_SKIPPED", "", old_id)
                continue
            for function, arguments, keywords in pending:
                function(*arguments, **keywords)
            if new_id != old_id:
                await self._delete(logical_id, kind, old_id, props)
        for logical_id in self._removal_order(removed):
            await self._remove(logical_id)

    def _removal_order(self, removed: set[str]) -> list[str]:
        order = engine._topological_sort(
            (self.previous.get("_template") or {}).get("Resources") or {},
            self.previous.get("_conditions", self.conditions),
        )
        known = [logical_id for logical_id in order if logical_id in removed]
        return [*sorted(removed - set(known)), *reversed(known)]

    async def _remove(self, logical_id: str) -> None:
        old = self.old_resources[logical_id]
        kind, physical_id = old.get("ResourceType", ""), old.get("PhysicalResourceId", "")
        definitions = (self.previous.get("_template") or {}).get("Resources") or {}
        policy = stacks._resource_policy(
            definitions.get(logical_id),
            "DeletionPolicy",
            self.old_resources,
            self.previous.get("_resolved_params", {}),
            self.previous.get("_conditions", {}),
            {},
            self.name,
            self.id,
        )
        if policy in provisioners._RETAINING_POLICIES:
            self.event(logical_id, kind, "DELETE_SKIPPED", "", physical_id)
        elif not await self._delete(logical_id, kind, physical_id, old.get("Properties", {})):
            return
        self.resources.pop(logical_id, None)

    async def _delete(self, logical_id: str, kind: str, physical_id: str, props: Properties) -> bool:
        self.event(logical_id, kind, "DELETE_IN_PROGRESS", "", physical_id)
        try:
            tagged = self._tagged(kind, props, self.old_tags, logical_id)
            require_rights(self.stack, Handled(kind, "delete", logical_id, tagged, {}, physical_id))
            await call_handler(kind, stacks._delete_resource, kind, physical_id, props, self.name, logical_id)
        except Exception as failure:  # a clean-up failure leaves the resource, with its reason
            self.event(logical_id, kind, "DELETE_FAILED", str(failure), physical_id)
            kept = self.resources.get(logical_id)
            if kept is not None and kept.get("PhysicalResourceId") == physical_id:
                kept.update(ResourceStatus="DELETE_FAILED", ResourceStatusReason=str(failure))
            return False
        self.event(logical_id, kind, "DELETE_COMPLETE", "", physical_id)
        return True

    def failed_operation(self, retain_except_on_create: bool) -> dict[str, Any]:
        """What the rollback needs to know."""
        operation: dict[str, Any] = stacks._failed_operation(
            self.is_update,
            self.previous or None,
            self.created,
            self.failed_update,
            self.failures[0][0] if self.failures else None,
            [entry[0] for entry in self.replaced],
            self.cancelled,
            self.template,
            self.parameters,
            retain_except_on_create,
            self.tags,
            self.old_tags,
            {},
        )
        return operation

    def failure_reason(self) -> str:
        """Why the operation failed, in CloudFormation's words."""
        if self.cancelled:
            return "User Initiated"
        names = ", ".join(logical_id for logical_id, _reason in self.failures)
        return f"The following resource(s) failed to {self.verb.lower()}: [{names}]."
