"""Parameter policies: an advanced parameter may have some, and one with `Expiration` is deleted when its time has come.

MiniStack keeps the request's text, which no client can read as the list that DescribeParameters answers, and never
deletes anything. AWS deletes "by using asynchronous, periodic scans"; here it happens at the next request.
Sources: API reference of PutParameter; user guide, "Assigning parameter policies in Parameter Store".
"""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import ssm

Response = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], Response]
Policy = dict[str, str]  # as DescribeParameters answers it: PolicyText, PolicyType, PolicyStatus

TYPES = ("Expiration", "ExpirationNotification", "NoChangeNotification")
MAX_POLICIES = 10

_NOT_ADVANCED = "Parameter policies are supported only for parameters in the advanced-parameter tier."
_DOWNGRADE = (
    "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier "
    "to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard "
    "parameter."
)
_WRONG_TYPE = (
    "The policy type isn't supported. Parameter Store supports the following policy types: Expiration, "
    "ExpirationNotification, and NoChangeNotification."
)
_WRONG_ATTRIBUTE = "A policy attribute or its value is invalid."
_TOO_MANY = (
    f"You specified more than the maximum number of allowed policies for the parameter. The maximum is {MAX_POLICIES}."
)
_CONFLICT = (
    "There is a conflict in the policies specified for this parameter. You can't, for example, specify two Expiration "
    "policies for a parameter. Review your policies, and try again."
)


class PolicyRefusal(ValueError):
    """A request that PutParameter refuses; `code` is AWS's name of the error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def with_policies(put: Operation) -> Operation:
    """PutParameter that understands Policies, and keeps those that there are where a request names none."""

    def put_parameter(data: dict[str, Any]) -> Response:
        existing = ssm._parameters.get(data.get("Name", "")) or {}
        try:
            return put(_complete(data, existing))
        except PolicyRefusal as refusal:
            response: Response = error_response_json(refusal.code, str(refusal), 400)
            return response

    return put_parameter


def _complete(data: dict[str, Any], existing: dict[str, Any]) -> dict[str, Any]:
    """The request with the policies that the parameter will have, and its tier. Raises PolicyRefusal."""
    policies = read_policies(data["Policies"]) if "Policies" in data else existing.get("Policies") or []
    advanced = existing.get("Tier") == "Advanced"
    tier = data.get("Tier") or ssm._default_tier({**data, "Policies": policies}, data.get("Value", ""), existing)
    if tier == "Intelligent-Tiering":
        tier = "Advanced" if policies or advanced else "Standard"
    if tier == "Standard" and advanced:
        raise PolicyRefusal("ValidationException", _DOWNGRADE)
    if policies and tier != "Advanced":
        raise PolicyRefusal("ValidationException", _NOT_ADVANCED)
    return {**data, "Policies": policies, "Tier": tier}


def read_policies(text: str) -> list[Policy]:
    """The policies of a request's JSON text; none in `[{}]`, which removes those that there are.

    Raises PolicyRefusal.
    """
    try:
        documents = json.loads(text or "[]")
    except ValueError as failure:
        raise PolicyRefusal("InvalidPolicyAttributeException", _WRONG_ATTRIBUTE) from failure
    if not isinstance(documents, list) or not all(isinstance(document, dict) for document in documents):
        raise PolicyRefusal("InvalidPolicyAttributeException", _WRONG_ATTRIBUTE)
    documents = [document for document in documents if document]
    types = Counter(str(document.get("Type")) for document in documents)
    if not types.keys() <= set(TYPES):
        raise PolicyRefusal("InvalidPolicyTypeException", _WRONG_TYPE)
    if len(documents) > MAX_POLICIES:
        raise PolicyRefusal("PoliciesLimitExceededException", _TOO_MANY)
    if types["Expiration"] > 1:
        raise PolicyRefusal("IncompatiblePolicyException", _CONFLICT)
    for document in documents:
        if document["Type"] == "Expiration":
            _expiration(document)
    return [
        {"PolicyText": json.dumps(document), "PolicyType": document["Type"], "PolicyStatus": "Pending"}
        for document in documents
    ]


def _expiration(document: dict[str, Any]) -> datetime:
    """When a policy's parameter expires. Raises PolicyRefusal unless it says so with an offset or in UTC."""
    try:
        expires = datetime.fromisoformat(document["Attributes"]["Timestamp"])
    except (KeyError, TypeError, ValueError) as failure:
        raise PolicyRefusal("InvalidPolicyAttributeException", _WRONG_ATTRIBUTE) from failure
    if expires.tzinfo is None:
        raise PolicyRefusal("InvalidPolicyAttributeException", _WRONG_ATTRIBUTE)
    return expires


def delete_expired() -> None:
    """Delete the parameters of this account and region whose time has come, with their history and tags."""
    now = datetime.now(UTC)
    for name, parameter in list(ssm._parameters.items()):
        for policy in parameter.get("Policies") or []:
            if policy["PolicyType"] == "Expiration" and _expiration(json.loads(policy["PolicyText"])) <= now:
                ssm._delete_parameter({"Name": name})
                break


def _after_deleting_expired(operation: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        delete_expired()
        return operation(*arguments, **options)

    return call


def install() -> None:
    """Understand Policies, and delete what has expired before each request and each reference of a template."""
    ssm._put_parameter = with_policies(ssm._put_parameter)
    ssm.handle_request = _after_deleting_expired(ssm.handle_request)
    ssm.resolve_parameter_value = _after_deleting_expired(ssm.resolve_parameter_value)
