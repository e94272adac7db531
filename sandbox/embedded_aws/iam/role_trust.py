"""A role's trust policy is its resource-based policy: it may let a principal of its account in without any other.

MiniStack asks the caller's own policies in any case. AWS (API reference of AssumeRole): "When a resource-based policy
grants access to a principal in the same account, no additional identity-based policy is required." A trust policy that
names the account leaves it to the account's policies; an explicit deny in either wins.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam, sts

_KEYS = {"sts:ExternalId": "ExternalId", "sts:RoleSessionName": "RoleSessionName"}

_CONDITIONS: ContextVar[dict[str, str] | None] = ContextVar("conditions_of_this_session", default=None)


def trust_policy_for_arn(role_arn: str) -> tuple[Any, str] | None:
    """The trust policy of a role and the account it belongs to; None where there is no such role."""
    role, account = role_of(role_arn), (role_arn.split(":") + [""] * 5)[4]
    return (role.get("AssumeRolePolicyDocument", "{}"), account) if role else None


def role_of(role_arn: str) -> dict[str, Any] | None:
    """The role's record; None where there is no such role."""
    account, name = (role_arn.split(":") + [""] * 5)[4], role_arn.rsplit("/", 1)[-1]
    role: dict[str, Any] | None = iam._roles.get_scoped(account, None, name)
    return role


def remembering_conditions(extract: Callable[..., str]) -> Callable[..., str]:
    """The resource of a request to STS, whose conditions are kept for `enforce`."""

    def extract_resource_arn(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], *place: str
    ) -> str:
        if service == "sts":
            given = {key: _parameter(query, body, name) for key, name in _KEYS.items()}
            _CONDITIONS.set({key: value for key, value in given.items() if value})
        return extract(service, method, path, headers, body, query, *place)

    return extract_resource_arn


def _parameter(query: dict[str, Any], body: bytes, name: str) -> str:
    return str(iam_actions._query_param(query, name) or iam_actions._safe_json_field(body, name) or "")


def with_conditions(enforce: Callable[..., Any]) -> Callable[..., Any]:
    """The decision about a request to STS, which knows the session that the request asks for."""

    def decide(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        conditions = _CONDITIONS.get() if iam_action == "sts:AssumeRole" else None
        context = {**(service_context or {}), **(conditions or {})}
        return enforce(access_key_id, iam_action, service, region, resource_arn, context)

    return decide


def install() -> None:
    """Let MiniStack combine the trust policy with the caller's own, as it does for the policies of other resources."""
    sts.trust_policy_for_arn = trust_policy_for_arn
    iam_evaluator._RESOURCE_POLICY_LOOKUPS["sts"] = ("sts", "trust_policy_for_arn")
    iam_actions.extract_resource_arn = remembering_conditions(iam_actions.extract_resource_arn)
    iam_evaluator.enforce = with_conditions(iam_evaluator.enforce)
