"""Deleting a stack: dependents first, everything independent at the same time."""

from collections.abc import Iterable
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import engine, handlers, provisioners, stacks

from .resource_graph import call_handler, run_graph
from .rights.decision import Handled, require_rights

_ministack_delete = stacks._delete_stack_async


class Deletion:
    """The deletion of one stack; resources in `retained` stay."""

    def __init__(self, stack: dict[str, Any], retained: Iterable[str]) -> None:
        self.stack, self.retained = stack, set(retained)
        self.name, self.id = stack["StackName"], stack["StackId"]
        self.template: dict[str, Any] = stack.get("_template") or {}
        self.definitions: dict[str, Any] = self.template.get("Resources") or {}
        self.resources: dict[str, Any] = stack.get("_resources", {})
        self.failed: list[str] = []

    def event(self, logical_id: str, kind: str, status: str, reason: str = "", physical_id: str = "") -> None:
        """Record a stack event."""
        stacks._add_event(self.id, self.name, logical_id, kind, status, reason, physical_id)

    def order(self) -> list[str]:
        """The resources, dependents first."""
        try:
            known = [
                key
                for key in engine._topological_sort(self.definitions, self.stack.get("_conditions", {}))
                if key in self.resources
            ]
        except ValueError:
            known = []
        return [*(key for key in self.resources if key not in known), *reversed(known)]

    def dependents(self) -> dict[str, set[str]]:
        """Per resource, the resources that depend on it."""
        present = set(self.resources)
        found: dict[str, set[str]] = {key: set() for key in present}
        for key in present & self.definitions.keys():
            for needed in engine._extract_deps(self.definitions[key], present) - {key}:
                found[needed].add(key)
        return found

    async def step(self, logical_id: str) -> bool:
        """Delete or keep one resource; False when its deletion failed."""
        record = self.resources[logical_id]
        kind, physical_id = record.get("ResourceType", ""), record.get("PhysicalResourceId", "")
        policy = stacks._resource_policy(
            self.definitions.get(logical_id),
            "DeletionPolicy",
            self.resources,
            self.stack.get("_resolved_params", {}),
            self.stack.get("_conditions", {}),
            self.template.get("Mappings", {}),
            self.name,
            self.id,
        )
        if policy in provisioners._RETAINING_POLICIES or logical_id in self.retained:
            self.event(logical_id, kind, "DELETE_SKIPPED", "", physical_id)
            self.resources.pop(logical_id, None)
            return True
        self.event(logical_id, kind, "DELETE_IN_PROGRESS", "", physical_id)
        props = record.get("Properties", {})
        try:
            if policy == "Snapshot":
                stacks._snapshot_resource(kind, physical_id, props)
            tags = self.stack.get("Tags") or []
            tagged = provisioners._with_stack_tags(kind, props, tags, self.name, self.id, logical_id)
            require_rights(self.stack, Handled(kind, "delete", logical_id, tagged, {}, physical_id))
            await call_handler(kind, stacks._delete_resource, kind, physical_id, props, self.name, logical_id)
        except Exception as failure:  # whatever a handler raises is the resource's failure, not the server's
            self.event(logical_id, kind, "DELETE_FAILED", str(failure), physical_id)
            record.update(ResourceStatus="DELETE_FAILED", ResourceStatusReason=str(failure))
            self.failed.append(logical_id)
            return False
        self.event(logical_id, kind, "DELETE_COMPLETE", "", physical_id)
        self.resources.pop(logical_id, None)
        return True

    def finish(self) -> None:
        """Set the stack's last status and drop its exports when it is gone."""
        status, reason = "DELETE_COMPLETE", ""
        if self.failed:
            status = "DELETE_FAILED"
            reason = f"The following resource(s) failed to delete: [{', '.join(sorted(self.failed))}]."
        else:
            for output in self.stack.get("Outputs", []):
                cloudformation._exports.pop(output.get("ExportName"), None)
            self.stack["DeletionTime"] = stacks.now_iso()
        self.stack["StackStatus"], self.stack["StackStatusReason"] = status, reason
        self.event(self.name, "AWS::CloudFormation::Stack", status, reason, self.id)


async def delete_stack(
    stack_name: str, stack_id: str, retain_resources: Iterable[str] = (), force: bool = False
) -> None:
    """Delete a stack's resources. A forced deletion goes MiniStack's own way."""
    if force:
        await _ministack_delete(stack_name, stack_id, retain_resources, force)
        return
    stack = cloudformation._stacks.get(stack_name)
    if stack is None:
        return
    deletion = Deletion(stack, retain_resources)
    stack["StackStatus"] = "DELETE_IN_PROGRESS"
    deletion.event(stack_name, "AWS::CloudFormation::Stack", "DELETE_IN_PROGRESS", "", stack_id)
    dependents = deletion.dependents()
    await run_graph(deletion.order(), lambda key: dependents.get(key, ()), deletion.step)
    deletion.finish()


def install() -> None:
    """Make every stack deletion use this."""
    for module in (stacks, handlers):
        module._delete_stack_async = delete_stack
