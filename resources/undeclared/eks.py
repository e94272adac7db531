"""What lets somebody into the environment's cluster or runs in it: access entries, roles of pods, nodes and add-ons.

Source: EKS API reference, List calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resources.context import Context

Part = tuple[str, str, tuple[str, ...]]  # type and physical id in CloudFormation, and other ids


def _pages(operation: str, key: str, context: Context) -> Iterator[Any]:
    client: Any = context.aws.client("eks")
    for page in client.get_paginator(operation).paginate(clusterName=context.env.cluster_name):
        yield from page[key]


def _entries(declared: frozenset[str], context: Context) -> Iterator[Part]:
    cluster, entered = context.env.cluster_name, _roles_of_capabilities(context)
    for principal in _pages("list_access_entries", "accessEntries", context):
        physical = f"{principal}|{cluster}"
        # EKS enters its own role, and that of each node group.
        if physical not in declared and ":role/aws-service-role/" not in principal and principal not in entered:
            if principal.rpartition("/")[2] in declared and _type_of(principal, context) != "STANDARD":
                continue
            yield "AWS::EKS::AccessEntry", physical, ()


def _type_of(principal: str, context: Context) -> str:
    client = context.aws.client("eks")
    answer = client.describe_access_entry(clusterName=context.env.cluster_name, principalArn=principal)
    return str(answer["accessEntry"].get("type", "STANDARD"))


def _capabilities(_: frozenset[str], context: Context) -> Iterator[Part]:
    for one in _pages("list_capabilities", "capabilities", context):
        yield "AWS::EKS::Capability", one["arn"], (one["capabilityName"],)


def _providers(_: frozenset[str], context: Context) -> Iterator[Part]:
    for one in _pages("list_identity_provider_configs", "identityProviderConfigs", context):
        yield "AWS::EKS::IdentityProviderConfig", f"{one['name']}|{context.env.cluster_name}|{one['type']}", ()


def _roles_of_capabilities(context: Context) -> set[str]:
    """EKS enters the role of each capability by itself."""
    client, cluster = context.aws.client("eks"), context.env.cluster_name
    names = [one["capabilityName"] for one in _pages("list_capabilities", "capabilities", context)]
    answers = [client.describe_capability(clusterName=cluster, capabilityName=name) for name in names]
    return {answer["capability"]["roleArn"] for answer in answers}


def _associations(_: frozenset[str], context: Context) -> Iterator[Part]:
    for one in _pages("list_pod_identity_associations", "associations", context):
        if not one.get("ownerArn"):  # of an add-on, which is listed itself
            yield "AWS::EKS::PodIdentityAssociation", one["associationArn"], (one["associationId"],)


def _named(operation: str, key: str, kind: str, joint: str) -> Callable[[frozenset[str], Context], Iterator[Part]]:
    def read(_: frozenset[str], context: Context) -> Iterator[Part]:
        for name in _pages(operation, key, context):
            yield kind, f"{context.env.cluster_name}{joint}{name}", ()

    return read


# By what they are called; each is given what the environment's stacks have.
OF_CLUSTER: Mapping[str, Callable[[frozenset[str], Context], Iterator[Part]]] = {
    "access entries": _entries,
    "pod identity associations": _associations,
    "node groups": _named("list_nodegroups", "nodegroups", "AWS::EKS::Nodegroup", "/"),
    "add-ons": _named("list_addons", "addons", "AWS::EKS::Addon", "|"),
    "capabilities": _capabilities,
    "identity providers": _providers,
    "Fargate profiles": _named("list_fargate_profiles", "fargateProfileNames", "AWS::EKS::FargateProfile", "|"),
}
