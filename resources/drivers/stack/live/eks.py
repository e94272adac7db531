"""What EKS has. Source: EKS API reference, Describe calls; CloudFormation schemas of AWS::EKS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.stack.live.resource import LiveResource, Reader, in_template_terms
from resources.model.errors import NotFound


def _cluster(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    with aws_call(f"describing the EKS cluster {resource.physical_id}"):
        cluster: Any = context.aws.client("eks").describe_cluster(name=resource.physical_id)["cluster"]
    setups = cluster.get("logging", {}).get("clusterLogging", [])
    enabled = [{"Type": kind} for setup in setups if setup["enabled"] for kind in setup["types"]]
    logging = {"ClusterLogging": {"EnabledTypes": enabled}}
    return {**in_template_terms(cluster), "Logging": logging, "Tags": cluster.get("tags", {})}


def _nodegroup(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    cluster, _, name = resource.physical_id.partition("/")
    with aws_call(f"describing the node group {name}"):
        answer: Any = context.aws.client("eks").describe_nodegroup(clusterName=cluster, nodegroupName=name)
    group = answer["nodegroup"]
    answered = {"Labels": group.get("labels", {}), "Taints": in_template_terms(group.get("taints", []))}
    return {**in_template_terms(group), **answered, "Tags": group.get("tags", {})}


def _addon(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    cluster, _, name = resource.physical_id.partition("|")
    with aws_call(f"describing the EKS add-on {name}"):
        addon: Any = context.aws.client("eks").describe_addon(clusterName=cluster, addonName=name)["addon"]
    told = {"ConfigurationValues": "", "ServiceAccountRoleArn": "", **in_template_terms(addon)}
    told.pop("PodIdentityAssociations", None)  # answered as ARNs
    return {**told, "Tags": addon.get("tags", {})}


def _access_entry(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    principal, _, cluster = resource.physical_id.partition("|")
    client = context.aws.client("eks")
    with aws_call(f"describing the access entry of {principal}"):
        entry: Any = client.describe_access_entry(clusterName=cluster, principalArn=principal)["accessEntry"]
        pages = client.get_paginator("list_associated_access_policies").paginate(
            clusterName=cluster, principalArn=principal
        )
        policies: list[Any] = [policy for page in pages for policy in page["associatedAccessPolicies"]]
    return {**in_template_terms(entry), "AccessPolicies": in_template_terms(policies), "Tags": entry.get("tags", {})}


def _pod_identity(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    cluster, association = resource.told("ClusterName"), resource.physical_id.rpartition("/")[2]
    with aws_call(f"describing the pod identity association {association}"):
        answer: Any = context.aws.client("eks").describe_pod_identity_association(
            clusterName=cluster, associationId=association
        )
    association = answer["association"]
    return {**in_template_terms(association), "Tags": association.get("tags", {})}


def _fargate_profile(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    cluster, _, name = resource.physical_id.partition("|")
    with aws_call(f"describing the Fargate profile {name}"):
        answer: Any = context.aws.client("eks").describe_fargate_profile(clusterName=cluster, fargateProfileName=name)
    profile = answer["fargateProfile"]
    if profile["status"] == "DELETING":
        raise NotFound(f"the Fargate profile {name} is being deleted")
    return {**in_template_terms(profile), "Tags": profile.get("tags", {})}


def _capability(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    cluster, name = resource.told("ClusterName"), resource.told("CapabilityName")
    with aws_call(f"describing the capability {name}"):
        answer: Any = context.aws.client("eks").describe_capability(clusterName=cluster, capabilityName=name)
    capability = answer["capability"]
    if capability["status"] == "DELETING":
        raise NotFound(f"the capability {name} is being deleted")
    return {**in_template_terms(capability), "Tags": capability.get("tags", {})}


def _identity_provider(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    name, cluster, _ = resource.physical_id.split("|")
    with aws_call(f"describing the identity provider {name}"):
        answer: Any = context.aws.client("eks").describe_identity_provider_config(
            clusterName=cluster, identityProviderConfig={"type": "oidc", "name": name}
        )
    oidc = answer["identityProviderConfig"]["oidc"]
    if oidc["status"] == "DELETING":
        raise NotFound(f"the identity provider {name} is being deleted")
    claims = [{"Key": key, "Value": value} for key, value in oidc.get("requiredClaims", {}).items()]
    told = {**in_template_terms(oidc), "RequiredClaims": claims}
    return {"ClusterName": cluster, "IdentityProviderConfigName": name, "Oidc": told, "Tags": oidc.get("tags", {})}


READERS: Mapping[str, Reader] = {
    "AWS::EKS::AccessEntry": _access_entry,
    "AWS::EKS::Addon": _addon,
    "AWS::EKS::Capability": _capability,
    "AWS::EKS::Cluster": _cluster,
    "AWS::EKS::FargateProfile": _fargate_profile,
    "AWS::EKS::IdentityProviderConfig": _identity_provider,
    "AWS::EKS::Nodegroup": _nodegroup,
    "AWS::EKS::PodIdentityAssociation": _pod_identity,
}
