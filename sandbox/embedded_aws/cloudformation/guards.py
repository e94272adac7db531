"""What CloudFormation refuses at the API: updates in the wrong state, and the service role it keeps."""

from typing import Any

from ministack.services.cloudformation import handlers
from ministack.services.cloudformation.helpers import _error, _p

from .actions import Operation, Query, QueryResponse, wrap_action
from .service_role import remember_service_role

_UPDATABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "CREATE_FAILED",
    "UPDATE_FAILED",
)


def _refuse_state(stack: dict[str, Any]) -> QueryResponse:
    message = f"Stack:{stack['StackId']} is in {stack['StackStatus']} state and can not be updated."
    refusal: QueryResponse = _error("ValidationError", message)
    return refusal


def _state_problem(action: str, query: Query) -> QueryResponse | None:
    stack = handlers._resolve_stack(_p(query, "StackName"))
    if stack is None:
        return None
    status = stack["StackStatus"]
    kind = _p(query, "ChangeSetType", "UPDATE") if action == "CreateChangeSet" else "UPDATE"
    if action in ("UpdateStack", "CreateChangeSet") and kind == "UPDATE":
        # A deleted stack is answered by MiniStack: it "does not exist".
        return None if status in (*_UPDATABLE, "DELETE_COMPLETE") else _refuse_state(stack)
    if action == "ExecuteChangeSet":
        return _refuse_rollback(stack) if _p(query, "DisableRollback") != "true" else None
    if action in ("CreateStack", "CreateChangeSet") and status == "ROLLBACK_COMPLETE":
        refusal: QueryResponse = _error("AlreadyExistsException", f"Stack [{stack['StackName']}] already exists")
        return refusal
    if action == "DeleteStack" and status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        return None if status == "DELETE_IN_PROGRESS" else _refuse_delete(stack)
    return None


def _refuse_rollback(stack: dict[str, Any]) -> QueryResponse | None:
    # What was not rolled back goes on without rollback, or is rolled back by RollbackStack.
    if stack["StackStatus"] != "UPDATE_FAILED":
        return None
    message = (
        "This stack is currently in a non-terminal [UPDATE_FAILED] state. To update the stack from this state, please "
        "use the disable-rollback parameter with update-stack command."
    )
    refusal: QueryResponse = _error("ValidationError", message)
    return refusal


def _refuse_delete(stack: dict[str, Any]) -> QueryResponse | None:
    # CREATE_IN_PROGRESS and the like can be deleted on AWS; an update in progress cannot.
    if "UPDATE" not in stack["StackStatus"]:
        return None
    message = f"Stack [{stack['StackName']}] cannot be deleted while in status {stack['StackStatus']}"
    refusal: QueryResponse = _error("ValidationError", message)
    return refusal


def _guard(action: str) -> None:
    def guarded(original: Operation, query: Query) -> QueryResponse:
        problem = _state_problem(action, query)
        if problem is not None:
            return problem
        response = original(query)
        stack = handlers._resolve_stack(_p(query, "StackName"))
        if response[0] < 400 and stack is not None:
            remember_service_role(stack["StackName"], _p(query, "RoleARN"))
        return response

    wrap_action(action, guarded)


def install() -> None:
    """Put the guards in front of MiniStack's CloudFormation operations."""
    for action in ("CreateStack", "UpdateStack", "CreateChangeSet", "ExecuteChangeSet", "DeleteStack"):
        _guard(action)
