"""Stack creates and updates with real parallelism: a resource starts as soon as what it depends on is there."""

from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

from .deployment import Deployment, Template
from .resource_graph import run_graph
from .resource_handlers import ResourceFailure
from .stack_policy import require_allowed

_ministack_deploy = stacks._deploy_stack_async


async def deploy_stack(
    stack_name: str,
    stack_id: str,
    template: Template,
    param_values: dict[str, Any],
    disable_rollback: bool,
    tags: list[Any],
    is_update: bool = False,
    previous_stack: dict[str, Any] | None = None,
    retain_except_on_create: bool = False,
    imports: dict[str, Any] | None = None,
) -> None:
    """Create or update a stack, then complete it or roll it back. Imports go MiniStack's own way."""
    if imports:
        await _ministack_deploy(
            stack_name,
            stack_id,
            template,
            param_values,
            disable_rollback,
            tags,
            is_update,
            previous_stack,
            retain_except_on_create,
            imports,
        )
        _tag_imports(cloudformation._stacks[stack_name], tags, imports)
        return
    run = Deployment(stack_name, stack_id, template, param_values, previous_stack, is_update)
    for left_over in ("_failed_operation", "_cancel_requested", "_cancel_token"):
        run.stack.pop(left_over, None)
    outputs = await _provision(run, disable_rollback)
    if outputs is not None:
        run.stack.update(
            _resources=run.resources,
            _template=template,
            _resolved_params=param_values,
            Outputs=outputs[0],
            StackStatus=f"{run.verb}_COMPLETE",
            StackStatusReason="",
        )
        cloudformation._exports.update(outputs[1])
        run.stack_event(f"{run.verb}_COMPLETE")
    elif run.failures or run.cancelled:
        await _fail(run, disable_rollback, retain_except_on_create)


def _tag_imports(stack: dict[str, Any], tags: list[Any], imports: dict[str, Any]) -> None:
    """Give what was imported the stack's tags, which MiniStack's events only announce."""
    if not stack["StackStatus"].endswith("_COMPLETE") or "ROLLBACK" in stack["StackStatus"]:
        return
    for logical_id in imports:
        record = stack["_resources"][logical_id]
        kind, props = record["ResourceType"], record.get("Properties", {})
        tagged = provisioners._with_stack_tags(kind, props, tags, stack["StackName"], stack["StackId"], logical_id)
        stacks._update_resource(kind, record["PhysicalResourceId"], props, tagged, stack["StackName"], logical_id)


async def _provision(run: Deployment, disable_rollback: bool) -> tuple[list[Any], dict[str, Any]] | None:
    """Provision everything; the outputs and exports, or None when it failed."""
    try:
        order: list[str] = engine._topological_sort(run.definitions, run.conditions)
    except ValueError as failure:
        run.failures.append((run.name, str(failure)))
        run.stack_event(f"{run.verb}_FAILED", str(failure))
        return None
    if not run.stack.get("_disable_validation") and stacks._fail_property_validation(
        run.stack,
        run.id,
        run.name,
        run.definitions,
        order,
        run.parameters,
        run.conditions,
        run.mappings,
        disable_rollback,
        previous_stack=run.previous if run.is_update else None,
    ):
        return None
    removed = set(run.old_resources) - set(order)
    try:
        for logical_id in sorted(removed):
            kind = run.old_resources[logical_id].get("ResourceType", "")
            require_allowed(run.stack, logical_id, kind, "Update:Delete")
    except ResourceFailure as denied:
        run.record_failure(logical_id, kind, str(denied), [])
        return None
    active = set(order)
    await run_graph(order, lambda key: engine._extract_deps(run.definitions[key], active) - {key}, run.step)
    if run.failures or run.cancelled:
        return None
    try:
        outputs = run.resolve_outputs(removed)
    except ValueError as failure:
        run.failures.append((run.name, str(failure)))
        return None
    await run.clean_up(removed)
    return outputs


async def _fail(run: Deployment, disable_rollback: bool, retain_except_on_create: bool) -> None:
    operation = run.failed_operation(retain_except_on_create)
    run.stack["StackStatusReason"] = run.failure_reason()
    if not disable_rollback:
        await stacks._roll_back_operation(run.name, run.id, run.stack, operation)
        return
    run.stack["StackStatus"] = f"{run.verb}_FAILED"
    run.stack["_failed_operation"] = operation
    run.stack_event(f"{run.verb}_FAILED", run.failure_reason())


_ministack_sends_back = stacks._sends_back_failed_update


def _sends_back_failed_update(kind: str) -> bool:
    """Whether a rollback also undoes the update of the resource whose update failed: an add-on has changed by then."""
    return kind == "AWS::EKS::Addon" or bool(_ministack_sends_back(kind))


def install() -> None:
    """Make every stack operation use this engine."""
    stacks._sends_back_failed_update = _sends_back_failed_update
    for module in (stacks, handlers, changesets):
        module._deploy_stack_async = deploy_stack
