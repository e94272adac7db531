"""SimulateCustomPolicy with every resource and the context keys that it is given; MiniStack takes one resource alone.

Source: API reference of IAM, SimulateCustomPolicy.
"""

from itertools import count
from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

_DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}


def simulate_custom_policy(request: dict[str, Any]) -> Any:
    """The decision on each action and resource; without a boundary or a resource policy, which nobody here asks for."""
    policies = [parse_policy_document(document) for document in _members(request, "PolicyInputList.member.{}")]
    actions = _members(request, "ActionNames.member.{}")
    if not policies or not actions:
        return iam._error(400, "ValidationError", "PolicyInputList and ActionNames are required.", ns="iam")
    resources = _members(request, "ResourceArns.member.{}") or ["*"]
    members = "".join(_decision(request, policies, action, arn) for action in actions for arn in resources)
    return iam._xml(
        200,
        "SimulateCustomPolicyResponse",
        f"<SimulateCustomPolicyResult><EvaluationResults>{members}</EvaluationResults>"
        "<IsTruncated>false</IsTruncated></SimulateCustomPolicyResult>",
        ns="iam",
    )


def _members(request: dict[str, Any], pattern: str) -> list[str]:
    members = []
    for number in count(1):
        if not (value := iam._p(request, pattern.format(number))):
            return members
        members.append(str(value))
    return members


def _context_keys(request: dict[str, Any]) -> dict[str, Any]:
    names = _members(request, "ContextEntries.member.{}.ContextKeyName")
    keys: dict[str, Any] = {"aws:tagkeys": None}
    for number, name in enumerate(names, 1):
        values = _members(request, f"ContextEntries.member.{number}.ContextKeyValues.member.{{}}")
        keys[name.lower()] = values[0] if len(values) == 1 else values
    return keys


def _decision(request: dict[str, Any], policies: list[Any], action: str, resource: str) -> str:
    account = get_account_id()
    context = EvalContext(
        principal_arn=f"arn:aws:iam::{account}:user/simulated",
        principal_type="User",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context=_context_keys(request),
    )
    decision = _DECISIONS[evaluate(context, policies).decision]
    return (
        f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
    )


def install() -> None:
    """Answer SimulateCustomPolicy in the place of MiniStack."""
    iam._IAM_HANDLERS["SimulateCustomPolicy"] = simulate_custom_policy
