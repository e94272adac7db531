"""Service-linked roles under AWS's own names, and AWS's refusal of a second one.

MiniStack names them after the service's first word, and refuses with another error.
Source: API reference of IAM, CreateServiceLinkedRole; EC2 user guide, "Service-linked role for Spot Instance requests".
"""

from typing import Any

from ministack.services import iam

_create = iam._IAM_HANDLERS["CreateServiceLinkedRole"]
_NAMES = {"spot.amazonaws.com": "AWSServiceRoleForEC2Spot"}


def find_service_linked_role(service: str) -> dict[str, Any] | None:
    """The account's role for the service, whatever MiniStack calls it."""
    path = f"/aws-service-role/{service}/"
    return next((role for role in iam._roles.values() if role["Path"] == path), None)


def create_service_linked_role(request: dict[str, Any]) -> Any:
    """CreateServiceLinkedRole: InvalidInput where the account has the role."""
    service = str(iam._p(request, "AWSServiceName"))
    if taken := find_service_linked_role(service):
        name = taken["RoleName"]
        message = f"Service role name {name} has been taken in this account, please try a different suffix."
        return iam._error(400, "InvalidInput", message, ns="iam")
    response = _create(request)
    made = find_service_linked_role(service)
    if made is not None and service in _NAMES:
        del iam._roles[made["RoleName"]]
        name = _NAMES[service]
        made |= {"RoleName": name, "Arn": f"{made['Arn'].rpartition('/')[0]}/{name}"}
        iam._roles[name] = made
    return response


def install() -> None:
    """Answer in the place of MiniStack."""
    iam._IAM_HANDLERS["CreateServiceLinkedRole"] = create_service_linked_role
