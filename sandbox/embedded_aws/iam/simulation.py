"""SimulateCustomPolicy and SimulatePrincipalPolicy with every resource and the context keys that they are given;
MiniStack takes one resource alone.

Source: API reference of IAM, SimulateCustomPolicy and SimulatePrincipalPolicy.
"""

from itertools import count
from typing import Any

from ministack.core.iam_evaluator import (
    EvalContext,
    _gather_role_policies,
    _gather_user_policies,
    _permissions_boundary,
    evaluate,
    parse_policy_document,
)
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

_DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}


def simulate_custom_policy(request: dict[str, Any]) -> Any:
    """The decision on each action and resource; without a boundary or a resource policy, which nobody here asks for."""
    policies = [parse_policy_document(document) for document in _members(request, "PolicyInputList.member.{}")]
    if not policies or not _members(request, "ActionNames.member.{}"):
        return iam._error(400, "ValidationError", "PolicyInputList and ActionNames are required.", ns="iam")
    return _answer(request, "SimulateCustomPolicy", f"arn:aws:iam::{get_account_id()}:user/simulated", policies, [])


def simulate_principal_policy(request: dict[str, Any]) -> Any:
    """The same under the policies of a user or a role, and under its permissions boundary."""
    arn, account = str(iam._p(request, "PolicySourceArn") or ""), get_account_id()
    kind, _, path = arn.rpartition(":")[2].partition("/")
    name, store = path.rpartition("/")[2], iam._roles if kind == "role" else iam._users
    if name not in store or kind not in ("role", "user"):
        return iam._error(404, "NoSuchEntity", f"The {kind or 'entity'} with name {name} cannot be found.", ns="iam")
    gather = _gather_role_policies if kind == "role" else _gather_user_policies
    boundary = _permissions_boundary(store, name, account)
    return _answer(request, "SimulatePrincipalPolicy", arn, gather(name, account), boundary)


def _answer(request: dict[str, Any], operation: str, principal: str, policies: list[Any], limits: list[Any]) -> Any:
    resources = _members(request, "ResourceArns.member.{}") or ["*"]
    actions = _members(request, "ActionNames.member.{}")
    # Documented for both: an action is named in full, without a wildcard.
    if wild := [action for action in actions if "*" in action or ":" not in action]:
        return iam._error(400, "InvalidInput", f"Invalid Input ActionNames: {', '.join(wild)}", ns="iam")
    decided = [_decision(request, principal, policies, limits, a, arn) for a in actions for arn in resources]
    return iam._xml(
        200,
        f"{operation}Response",
        f"<{operation}Result><EvaluationResults>{''.join(decided)}</EvaluationResults>"
        f"<IsTruncated>false</IsTruncated></{operation}Result>",
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


def _decision(
    request: dict[str, Any], principal: str, policies: list[Any], limits: list[Any], action: str, resource: str
) -> str:
    given = _context_keys(request)
    context = EvalContext(
        principal_arn=principal,
        principal_type="User",
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource,
        region=str(given.get("aws:requestedregion") or get_region()),
        service_context=given,
    )
    decision = _DECISIONS[evaluate(context, policies, *limits).decision]
    return (
        f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
    )


def install() -> None:
    """Answer both in the place of MiniStack."""
    iam._IAM_HANDLERS["SimulateCustomPolicy"] = simulate_custom_policy
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate_principal_policy
