"""EKS add-ons as CloudFormation resources; shared by the units for daemon and pod add-ons.

Source: CloudFormation, AWS::EKS::Addon; EKS user guide, "IAM roles for Amazon EKS add-ons".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import GetAtt, Ref, Tags, Template, eks

from eks_assets.units.cluster._pod_roles import pod_role, short_digest
from eks_assets.units.cluster.version_lookup import VersionOutputs
from resources.cloudformation import aws_policy, build_role, pod_identity_trust, text_parameter
from resources.config.eksctl.addons import DEFAULT_ROLES, Addon
from resources.config.environment import Environment


def addon_template(
    env: Environment,
    description: str,
    addons: Sequence[Addon],
    versions: VersionOutputs,
    role_arns: Mapping[str, str],
) -> tuple[Template, dict[str, str]]:
    """The template of these add-ons and its parameters. `role_arns`: ARN by add-on name of default roles that another
    unit creates; the other roles are part of the template."""
    template = Template(Description=description)
    cluster_name = text_parameter(template, "ClusterName", "Name of the EKS cluster")
    parameters: dict[str, str] = {}
    for addon in addons:
        associations = [
            eks.PodIdentityAssociationProperty(
                ServiceAccount=association.service_account_name,
                RoleArn=association.role_arn or GetAtt(template.add_resource(pod_role(env, title, association)), "Arn"),
            )
            for association in addon.associations
            for title in [f"Role{short_digest(f'{addon.name}/{association.service_account_name}')}"]
        ]
        if addon.use_default_pod_identity_associations:
            if addon.name in role_arns:
                parameters[f"{_title(addon)}RoleArn"] = role_arns[addon.name]
            associations.append(_default_association(env, template, addon, addon.name in role_arns))
        template.add_resource(eks.Addon(_title(addon), **_properties(addon, versions, cluster_name, associations)))
    return template, parameters


def addon_names(template: Template) -> tuple[str, ...]:
    """The logical ids of the add-ons: replacing one is harmless, its pods are only restarted."""
    return tuple(title for title, resource in template.resources.items() if isinstance(resource, eks.Addon))


def _title(addon: Addon) -> str:
    # A product of the marketplace is called vendor_product.
    return "".join(part.capitalize() for part in addon.name.replace("_", "-").split("-"))


def _default_association(
    env: Environment, template: Template, addon: Addon, has_role: bool
) -> eks.PodIdentityAssociationProperty:
    account, policies = DEFAULT_ROLES[addon.name]
    title = f"{_title(addon)}Role"
    arn: Ref | GetAtt
    if has_role:
        arn = text_parameter(template, f"{title}Arn", f"Role of the add-on {addon.name}")
    else:
        managed = [aws_policy(env, policy) for policy in policies]
        arn = GetAtt(template.add_resource(build_role(env, title, pod_identity_trust(env), managed=managed)), "Arn")
    return eks.PodIdentityAssociationProperty(ServiceAccount=account, RoleArn=arn)


def _properties(
    addon: Addon, versions: VersionOutputs, cluster_name: Ref, associations: list[eks.PodIdentityAssociationProperty]
) -> dict[str, Any]:
    configuration = json.dumps(addon.configuration, sort_keys=True) if addon.configuration else None
    optional: dict[str, Any] = {
        "ConfigurationValues": configuration,
        "ServiceAccountRoleArn": addon.service_account_role_arn,
        "PodIdentityAssociations": associations,
        "Tags": Tags(addon.tags) if addon.tags else None,
        # So that the plan says why something is there that no file lists.
        "Metadata": {"AddedFor": addon.added_for} if addon.added_for else None,
    }
    return {
        "ClusterName": cluster_name,
        "AddonName": addon.name,
        "AddonVersion": versions.of_addon(addon.name),
        "ResolveConflicts": addon.resolve_conflicts.upper(),
        **{key: value for key, value in optional.items() if value},
    }
