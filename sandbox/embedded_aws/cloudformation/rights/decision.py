"""Whether IAM lets a resource handler do what it does, in the words of AWS where not.

Source: IAM user guide, "Policy evaluation logic", "Troubleshoot access denied error messages".
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, tagging
from ministack.services.cloudformation import provisioners

from ...iam.service_linked_roles import find_service_linked_role
from ...settings import settings
from ..resource_handlers import Properties, ResourceFailure
from ..service_role import service_role_of
from .switched import is_needed
from .touched import NEW, Named, Place, passed_roles, touched

# Who is told of a call that was denied: its principal, the action, and what CloudFormation says of it.
DENIALS: list[Callable[[str, str, str], None]] = []
_SESSION = "AWSCloudFormation"
_PASSED_TO = {
    "AWS::EC2::FlowLog": "vpc-flow-logs.amazonaws.com",
    "AWS::EKS::Capability": "capabilities.eks.amazonaws.com",
    "AWS::EKS::FargateProfile": "eks-fargate-pods.amazonaws.com",
    "AWS::EKS::Addon": "pods.eks.amazonaws.com",
    "AWS::EKS::PodIdentityAssociation": "pods.eks.amazonaws.com",
    "AWS::EKS::Nodegroup": "ec2.amazonaws.com",
    "AWS::EKS::Cluster": "eks.amazonaws.com",
}
# By type, the service whose role AWS makes where the account has none.
_LINKED = {
    "AWS::EKS::Cluster": ("eks.amazonaws.com", "AWSServiceRoleForAmazonEKS"),
    "AWS::EKS::Nodegroup": ("eks-nodegroup.amazonaws.com", "AWSServiceRoleForAmazonEKSNodegroup"),
    "AWS::EKS::FargateProfile": ("eks-fargate.amazonaws.com", "AWSServiceRoleForAmazonEKSForFargate"),
    "AWS::EFS::FileSystem": ("elasticfilesystem.amazonaws.com", "AWSServiceRoleForAmazonElasticFileSystem"),
}
_LOOKS_FOR_LINKED = ("AWS::EKS::Nodegroup", "AWS::EKS::FargateProfile")
_MAKES = ("Allocate", "Create", "Request", "Run")


@dataclass(frozen=True)
class Handled:
    """What a handler does: `operation` is create, update or delete; `before` and `after` have the tags of the stack."""

    kind: str
    operation: str
    logical_id: str
    before: Properties
    after: Properties
    physical_id: str = ""

    @property
    def properties(self) -> Properties:
        return self.before if self.operation == "delete" else self.after

    def members(self) -> Properties:
        """The properties that switch actions on: in an update those that differ."""
        if self.operation != "update":
            return self.properties
        names = self.before.keys() | self.after.keys()
        differing = {name for name in names if self.before.get(name) != self.after.get(name)}
        return {name: self.after.get(name) or self.before.get(name) for name in differing}


@cache
def _catalog() -> dict[str, Any]:
    catalog: dict[str, Any] = json.loads(Path(__file__).with_name("handlers.json").read_text(encoding="utf-8"))
    return catalog


def require_rights(stack: dict[str, Any], handled: Handled) -> None:
    """Raises ResourceFailure where the stack's service role, or else whoever asked for the operation, may not do all of
    it. Types that the catalog does not have, and the account's root, are not asked about."""
    actions = _catalog()["types"].get(handled.kind, {}).get(handled.operation, ())
    principal = _principal(service_role_of(stack["StackName"])) if actions else None
    if principal is None:
        return
    place = Place(get_region(), get_account_id(), stack["StackName"], handled.logical_id)
    arns = touched(handled.kind, handled.properties, handled.physical_id, place)
    for action in actions:
        if is_needed(handled.kind, action, handled.members()):
            for resource, keys in _asked(handled, action, arns, place):
                _require(principal, handled.kind, action, resource, keys)


@dataclass(frozen=True)
class _Principal:
    arn: str
    policies: list[list[Any]]
    limits: list[list[list[Any]]]


def _principal(role_arn: str) -> _Principal | None:
    """The service role's session, or the caller with the policies of its role or user; None for the root."""
    account = get_account_id()
    caller = role_arn or str(iam_evaluator.caller_arn())
    kind, _, name = caller.rpartition(":")[2].partition("/")
    if kind == "user":
        found = iam_evaluator._gather_user_policies(name.rpartition("/")[2], account)
        return _Principal(caller, found, iam_evaluator._permissions_boundary(iam._users, name, account))
    if kind not in ("role", "assumed-role"):
        return None
    role = name.rpartition("/")[2] if kind == "role" else name.split("/")[0]
    arn = f"arn:aws:sts::{account}:assumed-role/{role}/{_SESSION}" if kind == "role" else caller
    limits = iam_evaluator._permissions_boundary(iam._roles, role, account)
    return _Principal(arn, iam_evaluator._gather_role_policies(role, account), limits)


def _asked(handled: Handled, action: str, arns: Named, place: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    """The resources that IAM is asked about, each with the condition keys of the request."""
    service = action.partition(":")[0]
    types = _catalog()["actions"].get(action, [])
    named = [arn for each in types for arn in arns.get(f"{service}:{each.removesuffix('*')}", ())]
    linked = _linked_role(handled.kind, place)
    if action == "iam:CreateServiceLinkedRole":
        named = [linked] if linked and not find_service_linked_role(_LINKED[handled.kind][0]) else []
    elif action == "iam:GetRole" and handled.kind in _LOOKS_FOR_LINKED:
        named = [*named, linked]
    if not types:
        named = ["*"]
    elif not named:
        if service in ("iam", "kms"):
            return  # no role and no key is there to ask about
        named = [_unnamed(f"{service}:{each.removesuffix('*')}", place) for each in types[:1]]
    for resource in dict.fromkeys(named):
        yield resource, _keys(handled, action, resource, arns)


def _unnamed(key: str, place: Place) -> str:
    """An ARN of that type which no policy can name."""
    form = str(_catalog()["arns"][key]).replace("${Partition}", "aws")
    known = form.replace("${Region}", place.region).replace("${Account}", place.account)
    head, variable, _ = known.partition("${")
    return f"{head}{NEW}" if variable else known


def _linked_role(kind: str, place: Place) -> str:
    if kind not in _LINKED:
        return ""
    service, name = _LINKED[kind]
    return f"arn:aws:iam::{place.account}:role/aws-service-role/{service}/{name}"


def _keys(handled: Handled, action: str, resource: str, arns: Named) -> dict[str, Any]:
    """The condition keys of a request, in lower case."""
    verb = action.partition(":")[2]
    tags, own = _tags(handled.kind, handled.after), _tags(handled.kind, handled.before or handled.after)
    keys: dict[str, Any] = {"aws:tagkeys": None}
    if verb.startswith(_MAKES) or "Tag" in verb:
        keys |= {f"aws:requesttag/{name}".lower(): value for name, value in tags.items()}
        keys["aws:tagkeys"] = list(tags) or None
    there = tagging.resource_tags(resource)
    # What makes a resource with its tags is asked about one that has none yet.
    is_made = handled.operation == "create" and (verb.startswith(_MAKES) or "Tag" in verb)
    if there is None and not is_made and resource in _own(handled, arns):
        there = own
    keys |= {f"aws:resourcetag/{name}".lower(): value for name, value in (there or {}).items()}
    if boundary := handled.properties.get("PermissionsBoundary"):
        keys["iam:permissionsboundary"] = str(boundary)
    if action == "iam:PassRole":
        keys["iam:passedtoservice"] = _PASSED_TO.get(handled.kind, "")
    if action == "iam:CreateServiceLinkedRole":
        keys["iam:awsservicename"] = resource.split("/")[2]
    if action == "kms:CreateGrant":
        keys["kms:grantisforawsresource"] = "true"
    return keys


def _own(handled: Handled, arns: Named) -> set[str]:
    """The ARNs of the resource itself, not of what it is handed."""
    passed = set(passed_roles(handled.properties))
    others = passed | ({*arns.get("kms:key", ())} if not handled.kind.startswith("AWS::KMS::") else set())
    return {arn for listed in arns.values() for arn in listed} - others


def _tags(kind: str, properties: Mapping[str, Any]) -> dict[str, str]:
    member = provisioners._STACK_TAG_PROPERTY.get(kind, ("Tags", ""))[0]
    tags: dict[str, str] = provisioners._tag_map(properties.get(member))
    return {name: value for name, value in tags.items() if not name.startswith("aws:")}


def _require(principal: _Principal, kind: str, action: str, resource: str, keys: dict[str, Any]) -> None:
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type="AssumedRole",
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource,
        region="us-east-1" if action.startswith(("iam:", "route53:")) else get_region(),
        service_context=keys,
    )
    decision = iam_evaluator.evaluate(context, principal.policies, *principal.limits).decision
    if path := settings().decisions:
        asked = {"action": action, "resource": resource, "keys": keys, "decision": decision}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asked) + "\n")
    if decision != "Allow":
        words = _words(principal, kind, action, resource, decision)
        for listener in DENIALS:
            listener(principal.arn, action, words)
        raise ResourceFailure(words)


def _words(principal: _Principal, kind: str, action: str, resource: str, decision: str) -> str:
    if action == "iam:GetRole" and "/aws-service-role/" in resource:
        name = resource.rpartition("/")[2]
        said = f"Failed to validate if SLR: {name} already exists due to missing permissions for 'iam:GetRole'"
        return _refusal(said, "Eks", 400, "InvalidRequest")
    why = "with an explicit deny in an identity-based policy"
    if decision != "Deny":
        why = f"because no identity-based policy allows the {action} action"
    said = f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource} {why}"
    return _refusal(said, kind.split("::")[1].capitalize(), 403, "AccessDenied")


def _refusal(said: str, service: str, status: int, code: str) -> str:
    message = f'Resource handler returned message: "{said} (Service: {service}, Status Code: {status})"'
    return f"{message} (HandlerErrorCode: {code})"
