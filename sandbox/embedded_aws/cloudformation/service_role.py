"""The service role of a stack: the RoleARN of CreateStack, CreateChangeSet, UpdateStack and DeleteStack."""

from ministack.services import cloudformation


def remember_service_role(stack_name: str, role_arn: str) -> None:
    """Keep the role on the stack: CloudFormation uses it for every later operation too."""
    stack = cloudformation._stacks.get(stack_name)
    if stack is not None and role_arn:
        stack["RoleARN"] = role_arn


def service_role_of(stack_name: str) -> str:
    """The stack's service role, empty when the caller's own rights apply."""
    stack = cloudformation._stacks.get(stack_name) or {}
    return str(stack.get("RoleARN") or "")
