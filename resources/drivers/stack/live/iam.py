"""What IAM has, and what is attached to our roles beyond their templates. Source: IAM API reference."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.stack.live.differences import Found
from resources.drivers.stack.live.resource import LiveResource, Reader
from resources.model.change import FieldChange

ROLE = "AWS::IAM::Role"
Attached = tuple[Found, str]


def _role(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    client = context.aws.client("iam")
    with aws_call(f"reading the role {resource.physical_id}"):
        role: Any = client.get_role(RoleName=resource.physical_id)["Role"]
        inline = [
            client.get_role_policy(RoleName=resource.physical_id, PolicyName=name)
            for name in _inline(resource.physical_id, context)
        ]
    policies = [{"PolicyName": one["PolicyName"], "PolicyDocument": one["PolicyDocument"]} for one in inline]
    return {
        **role,
        "ManagedPolicyArns": _attached(resource.physical_id, context),
        "PermissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        "Policies": policies,
    }


def _provider(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    with aws_call(f"reading the OIDC provider {resource.physical_id}"):
        answer = context.aws.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=resource.physical_id)
    url = str(resource.declared.get("Url", ""))
    scheme = url[: url.index("://") + 3] if "://" in url else ""
    return {
        "ClientIdList": answer["ClientIDList"],
        "ThumbprintList": answer["ThumbprintList"],
        "Url": f"{scheme}{answer['Url'].rpartition('://')[2]}",
        "Tags": answer.get("Tags", []),
    }


def attached_beyond(resource: LiveResource, allowed: Collection[str], context: Context) -> Iterator[Attached]:
    """Policies on a role whose template declares none of that kind, each with the command that takes it away.
    `allowed`: ARNs and names that other resources of the stack bring."""
    role = resource.physical_id
    if "ManagedPolicyArns" not in resource.declared:
        for arn in _attached(role, context):
            if arn not in allowed:
                field = FieldChange(f"ManagedPolicyArns.{arn}", None, arn)
                yield (field, "extra"), f"aws iam detach-role-policy --role-name {role} --policy-arn {arn}"
    if "Policies" not in resource.declared:
        for name in _inline(role, context):
            if name not in allowed:
                field = FieldChange(f"Policies.{name}", None, name)
                yield (field, "extra"), f"aws iam delete-role-policy --role-name {role} --policy-name {name}"


def _attached(role: str, context: Context) -> list[str]:
    with aws_call(f"listing the policies attached to the role {role}"):
        pages = context.aws.client("iam").get_paginator("list_attached_role_policies").paginate(RoleName=role)
        return [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]]


def _inline(role: str, context: Context) -> list[str]:
    with aws_call(f"listing the inline policies of the role {role}"):
        pages = context.aws.client("iam").get_paginator("list_role_policies").paginate(RoleName=role)
        return [name for page in pages for name in page["PolicyNames"]]


READERS: Mapping[str, Reader] = {ROLE: _role, "AWS::IAM::OIDCProvider": _provider}
