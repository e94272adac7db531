"""What is seen seconds after it was made: roles, access entries and their policies, parameters, stacks and change sets.

Sources: IAM user guide, "Changes that I make are not always immediately visible"; EKS user guide, "Grant IAM users
access to Kubernetes with EKS access entries". That stacks and change sets are late is what people report of their
pipelines; no page of AWS's says it.
"""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import cloudformation, eks, ssm, sts
from ministack.services.cloudformation import changesets, handlers
from ministack.services.cloudformation.helpers import _error, _p

from ..cloudformation.actions import Operation, Query, QueryResponse, wrap_action
from ..iam.role_trust import role_of
from .switches import is_new, switches

_ASKS_WEBHOOK: ContextVar[bool] = ContextVar("token_webhook_asks", default=False)


def _session(original: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    """The ARN of a session, or the refusal of one."""

    def assumed_role_arn(role_arn: str, session_name: str) -> Any:
        if is_new((role_of(role_arn) or {}).get("CreateDate"), switches().role_seconds):
            message = f"User: is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            return None, sts._error(403, "AccessDenied", message, ns="sts")
        return original(role_arn, session_name)

    return assumed_role_arn


def _entry(original: Callable[..., Any]) -> Callable[..., Any]:
    def access_entry_for_principal(*place: str) -> Any:
        entry = original(*place)
        return None if entry and is_new(entry["createdAt"], switches().access_entry_seconds) else entry

    return access_entry_for_principal


def _associations(original: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """For the API server alone: what EKS lists is there at once."""

    def access_policy_associations(*place: str) -> Iterator[Any]:
        seconds = switches().access_entry_seconds if _ASKS_WEBHOOK.get() else 0.0
        return (found for found in original(*place) if not is_new(found[2]["associatedAt"], seconds))

    return access_policy_associations


def _webhook(original: Callable[..., Any]) -> Callable[..., Any]:
    def authenticate(*review: Any) -> Any:
        token = _ASKS_WEBHOOK.set(True)
        try:
            return original(*review)
        finally:
            _ASKS_WEBHOOK.reset(token)

    return authenticate


def _parameter(original: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def get_parameter(data: dict[str, Any]) -> Any:
        found = ssm._parameters.get(str(data.get("Name") or "")) or {}
        if found.get("Version") == 1 and is_new(found.get("LastModifiedDate"), switches().parameter_seconds):
            return error_response_json("ParameterNotFound", f"Parameter {data['Name']} not found.", 400)
        return original(data)

    return get_parameter


def _describe_stacks(original: Operation, query: Query) -> QueryResponse:
    name = _p(query, "StackName")
    stack = handlers._resolve_stack(name) if name else None
    if stack is not None and is_new(stack.get("CreationTime"), switches().stack_seconds):
        refusal: QueryResponse = _error("ValidationError", f"Stack with id {name} does not exist")
        return refusal
    return original(query)


def _describe_change_set(original: Operation, query: Query) -> QueryResponse:
    name = _p(query, "ChangeSetName")
    _, change_set = changesets._find_change_set(name, _p(query, "StackName"))
    if change_set and is_new(change_set["CreationTime"], switches().stack_seconds):
        refusal: QueryResponse = _error("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
        return refusal
    return original(query)


def _page(original: Callable[..., Any]) -> Callable[..., Any]:
    def page(items: list[Any], params: Query, action: str, *size: int) -> Any:
        limit = switches().page_size
        return original(items, params, action, *((limit,) if limit else size))

    return page


def install() -> None:
    """Put it all in front of what answers otherwise. After `sessions`."""
    sts._assumed_role_arn = _session(sts._assumed_role_arn)
    eks._access_entry_for_principal = _entry(eks._access_entry_for_principal)
    eks._access_policy_associations = _associations(eks._access_policy_associations)
    eks._authenticate_token_review = _webhook(eks._authenticate_token_review)
    ssm._get_parameter = _parameter(ssm._get_parameter)
    wrap_action("DescribeStacks", _describe_stacks)
    wrap_action("DescribeChangeSet", _describe_change_set)
    for module in (handlers, changesets, cloudformation.stacks):
        if hasattr(module, "_page"):
            module._page = _page(module._page)
