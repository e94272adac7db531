"""EKS add-ons as CloudFormation resources; shared by the units for daemon and pod add-ons."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import Ref, Template, eks

from eks_assets.templates import text_parameter
from resources.cluster_config_addons import Addon

# Service accounts of the add-ons that need a role, by add-on name (source: EKS user guide, "IAM roles for add-ons").
SERVICE_ACCOUNTS = {"aws-ebs-csi-driver": "ebs-csi-controller-sa", "aws-efs-csi-driver": "efs-csi-controller-sa"}


def addon_template(
    description: str, addons: Sequence[Addon], roles: Mapping[str, str]
) -> tuple[Template, dict[str, str]]:
    """The template of these add-ons and its parameters. `roles`: role ARN by add-on name, for pod identity."""
    template = Template(Description=description)
    cluster_name = text_parameter(template, "ClusterName", "Name of the EKS cluster")
    parameters: dict[str, str] = {}
    for addon in addons:
        title = "".join(part.capitalize() for part in addon.name.split("-"))
        role: Ref | None = None
        if addon.name in roles and not addon.service_account_role_arn:
            role = text_parameter(template, f"{title}RoleArn", f"Role of the add-on {addon.name}")
            parameters[f"{title}RoleArn"] = roles[addon.name]
        template.add_resource(eks.Addon(title, **_properties(addon, cluster_name, role)))
    return template, parameters


def _properties(addon: Addon, cluster_name: Ref, role: Ref | None) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "ClusterName": cluster_name,
        "AddonName": addon.name,
        "ResolveConflicts": addon.resolve_conflicts.upper(),
    }
    if addon.version and addon.version != "latest":
        properties["AddonVersion"] = addon.version
    if addon.configuration:
        properties["ConfigurationValues"] = json.dumps(addon.configuration, sort_keys=True)
    if addon.service_account_role_arn:
        properties["ServiceAccountRoleArn"] = addon.service_account_role_arn
    if role is not None and addon.name in SERVICE_ACCOUNTS:
        properties["PodIdentityAssociations"] = [
            eks.PodIdentityAssociationProperty(ServiceAccount=SERVICE_ACCOUNTS[addon.name], RoleArn=role)
        ]
    return properties
