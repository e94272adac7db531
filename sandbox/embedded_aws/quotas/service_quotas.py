"""Service Quotas, which MiniStack lacks: GetServiceQuota, GetAWSDefaultServiceQuota and their lists.

Source: API reference of Service Quotas (JSON 1.1).
"""

import json
from collections.abc import Callable
from typing import Any

import ministack.app as application
from ministack.core import iam_actions, router
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response

from .limits import QUOTAS, Quota, quota_value

Request = dict[str, Any]
Response = Any
_SERVICE = "service-quotas"
_LARGEST_PAGE = 100
_NAMES = {
    "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
    "eks": "Amazon Elastic Kubernetes Service (Amazon EKS)",
    "vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
}


def _described(quota: Quota, value: float) -> dict[str, Any]:
    return {
        "ServiceCode": quota.service,
        "ServiceName": _NAMES[quota.service],
        "QuotaArn": f"arn:aws:servicequotas:{get_region()}:{get_account_id()}:{quota.service}/{quota.code}",
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
    }


def _get(value_of: Callable[[Quota], float]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        for quota in QUOTAS:
            if (quota.service, quota.code) == (request.get("ServiceCode"), request.get("QuotaCode")):
                return json_response({"Quota": _described(quota, value_of(quota))})
        return _missing()

    return answer


def _list(value_of: Callable[[Quota], float]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        quotas = [_described(q, value_of(q)) for q in QUOTAS if q.service == request.get("ServiceCode")]
        if not quotas:
            return _missing()
        size, start = int(request.get("MaxResults") or _LARGEST_PAGE), int(request.get("NextToken") or 0)
        more = {"NextToken": str(start + size)} if start + size < len(quotas) else {}
        return json_response({"Quotas": quotas[start : start + size], **more})

    return answer


def _missing() -> Response:
    message = "The request failed because the specified service quota or service does not exist."
    return error_response_json("NoSuchResourceException", message, 400)


_ACTIONS: dict[str, Callable[[Request], Response]] = {
    "GetServiceQuota": _get(quota_value),
    "GetAWSDefaultServiceQuota": _get(lambda quota: quota.default),
    "ListServiceQuotas": _list(quota_value),
    "ListAWSDefaultServiceQuotas": _list(lambda quota: quota.default),
}


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> Response:
    """The response to one request, by the action in its target."""
    action = _ACTIONS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    if action is None:
        return error_response_json("UnknownOperationException", "The operation is unknown.", 400)
    return action(json.loads(body or b"{}"))


def install() -> None:
    """Make the service known to MiniStack's router, to its IAM and to its handlers."""
    router.SERVICE_PATTERNS[_SERVICE] = {
        "target_prefixes": ["ServiceQuotasV20190624"],
        "host_patterns": [r"servicequotas\."],
        "credential_scope": "servicequotas",
    }
    iam_actions.SERVICE_TO_IAM_NAMESPACE[_SERVICE] = "servicequotas"
    application.SERVICE_HANDLERS[_SERVICE] = handle_request
