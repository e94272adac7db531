"""What eksctl gives to nodes (`iam.withAddonPolicies`), given to the service accounts that need it: every pod of a node
could use a node's rights. Source: eksctl, "IAM policies"; the charts' own names of service accounts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from resources.config.aws_catalog import partition_of
from resources.config.eksctl.addons import DEFAULT_ROLES, Addon
from resources.config.eksctl.base import ConfigModel
from resources.config.eksctl.iam import PodIdentityAssociation


class NodePolicies(ConfigModel):
    """The components that nodes of a group run. External DNS, the load balancer controller and the drivers of EBS and
    EFS are units and add-ons with roles of their own, whatever stands here."""

    auto_scaler: bool = False
    cert_manager: bool = False
    cloud_watch: bool = False
    fsx: bool = False
    external_dns: bool = False
    aws_load_balancer_controller: bool = False
    alb_ingress: bool = False
    ebs: bool = False
    efs: bool = False
    image_builder: Literal[False] = False
    x_ray: Literal[False] = False
    app_mesh: Literal[False] = False
    app_mesh_preview: Literal[False] = False


# Attribute -> the service account, and what its role is made with.
_WELL_KNOWN = {
    "auto_scaler": ("kube-system", "cluster-autoscaler", "autoScaler"),
    "cert_manager": ("cert-manager", "cert-manager", "certManager"),
}
_ADDONS = {
    "cloud_watch": ("amazon-cloudwatch", "amazon-cloudwatch-observability"),
    "fsx": ("kube-system", "aws-fsx-csi-driver"),
}


def with_node_policies(
    declared: tuple[PodIdentityAssociation, ...], groups: Iterable[NodePolicies], addons: Iterable[Addon], region: str
) -> tuple[PodIdentityAssociation, ...]:
    """The declared associations, and one for each component that any group is to run and nobody gave a role."""
    on = {name for policies in groups for name, is_on in policies if is_on}
    with_role = {addon.name for addon in addons if addon.has_role}
    wanted = []
    for name in sorted(on & _WELL_KNOWN.keys()):
        namespace, account, policy = _WELL_KNOWN[name]
        wanted.append(_association(namespace, account, wellKnownPolicies={policy: True}))
    for name in sorted(on & _ADDONS.keys()):
        namespace, addon = _ADDONS[name]
        role = DEFAULT_ROLES[addon]
        arns = [f"arn:{partition_of(region)}:iam::aws:policy/{policy}" for policy in role.policies]
        if addon not in with_role:
            wanted.append(_association(namespace, role.service_account, permissionPolicyARNs=arns))
    taken = {(association.namespace, association.service_account_name) for association in declared}
    return (*declared, *(a for a in wanted if (a.namespace, a.service_account_name) not in taken))


def _association(namespace: str, account: str, **policies: object) -> PodIdentityAssociation:
    return PodIdentityAssociation.model_validate({"namespace": namespace, "serviceAccountName": account, **policies})
