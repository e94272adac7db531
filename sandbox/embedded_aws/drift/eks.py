"""Drift readers of the EKS types."""

from collections.abc import Callable

from ministack.services import eks

from ..cloudformation.resource_handlers import Properties
from .shapes import as_document, limited_to, pascal

_CLUSTER_PROPERTIES = (
    "Version",
    "RoleArn",
    "ResourcesVpcConfig",
    "KubernetesNetworkConfig",
    "EncryptionConfig",
    "AccessConfig",
    "UpgradePolicy",
    "ZonalShiftConfig",
    "DeletionProtection",
    "Logging",
    "Tags",
)


def _read_cluster(physical_id: str, props: Properties) -> Properties | None:
    cluster = eks._clusters.get(physical_id)
    if cluster is None:
        return None
    actual = pascal(
        {
            key: cluster[key]
            for key in (
                "version",
                "roleArn",
                "resourcesVpcConfig",
                "kubernetesNetworkConfig",
                "encryptionConfig",
                "accessConfig",
                "upgradePolicy",
                "zonalShiftConfig",
                "deletionProtection",
            )
            if key in cluster
        }
    )
    actual = {key: limited_to(props.get(key), value) for key, value in actual.items()}
    enabled = [kind for setup in cluster["logging"]["clusterLogging"] if setup["enabled"] for kind in setup["types"]]
    actual["Logging"] = {"ClusterLogging": {"EnabledTypes": [{"Type": kind} for kind in enabled]}}
    actual["Tags"] = dict(cluster.get("tags") or {})
    return actual


_NODEGROUP_PROPERTIES = (
    "ScalingConfig",
    "Labels",
    "Taints",
    "Version",
    "ReleaseVersion",
    "InstanceTypes",
    "AmiType",
    "CapacityType",
    "NodeRole",
    "Subnets",
    "UpdateConfig",
    "LaunchTemplate",
    "DiskSize",
    "Tags",
)


def _read_nodegroup(physical_id: str, props: Properties) -> Properties | None:
    group = eks._nodegroups.get(physical_id)
    if group is None:
        return None
    plain = {key: value for key, value in group.items() if key not in ("labels", "tags")}
    actual = {key: limited_to(props.get(key), value) for key, value in pascal(plain).items()}
    return {**actual, "Labels": dict(group["labels"]), "Tags": dict(group.get("tags") or {})}


def _read_addon(physical_id: str, props: Properties) -> Properties | None:
    addon = eks._addons.get(physical_id.replace("|", "/", 1))
    if addon is None:
        return None
    configuration, expected = addon.get("configurationValues", ""), props.get("ConfigurationValues")
    if expected and as_document(configuration) == as_document(expected):
        configuration = expected
    return {
        "AddonVersion": addon["addonVersion"],
        "ConfigurationValues": configuration,
        "ServiceAccountRoleArn": addon.get("serviceAccountRoleArn", ""),
        "Tags": dict(addon.get("tags") or {}),
    }


def _read_access_entry(physical_id: str, props: Properties) -> Properties | None:
    principal, cluster = physical_id.split("|", 1)
    entry = eks._access_entries.get(eks._ae_key(cluster, principal))
    if entry is None:
        return None
    policies = [
        {"PolicyArn": policy["policyArn"], "AccessScope": pascal(policy["accessScope"])}
        for key, policy in eks._access_policies.items()
        if key.startswith(f"{cluster}\x00{principal}\x00")
    ]
    for policy in policies:
        if not policy["AccessScope"].get("Namespaces"):
            policy["AccessScope"].pop("Namespaces", None)
    return {
        "PrincipalArn": entry["principalArn"],
        "Type": entry["type"],
        "Username": entry.get("username", ""),
        "KubernetesGroups": list(entry.get("kubernetesGroups") or []),
        "AccessPolicies": policies,
        "Tags": dict(entry.get("tags") or {}),
    }


def _read_pod_identity(physical_id: str, props: Properties) -> Properties | None:
    association = eks._pod_identity_associations.get(
        eks._pia_key(props.get("ClusterName", ""), physical_id.rsplit("/", 1)[-1])
    )
    if association is None:
        return None
    plain = {key: value for key, value in association.items() if key != "tags"}
    return {**pascal(plain), "Tags": dict(association.get("tags") or {})}


def _read_fargate_profile(physical_id: str, props: Properties) -> Properties | None:
    cluster, name = physical_id.split("|", 1)
    profile = ((eks._clusters.get(cluster) or {}).get("_fargate_profiles") or {}).get(name)
    if profile is None:
        return None
    plain = {key: value for key, value in profile.items() if key != "tags"}
    return {**pascal(plain), "Tags": dict(profile.get("tags") or {})}


def _read_capability(_physical_id: str, props: Properties) -> Properties | None:
    cluster = eks._clusters.get(props.get("ClusterName", "")) or {}
    capability = (cluster.get("_capabilities") or {}).get(props.get("CapabilityName"))
    if capability is None:
        return None
    plain = {key: value for key, value in capability.items() if key != "tags"}
    return {**pascal(plain), "Tags": dict(capability.get("tags") or {})}


# Per type, its reader and the properties it reads.
EKS_READERS: dict[str, tuple[Callable[[str, Properties], Properties | None], tuple[str, ...]]] = {
    "AWS::EKS::Cluster": (_read_cluster, _CLUSTER_PROPERTIES),
    "AWS::EKS::Nodegroup": (_read_nodegroup, _NODEGROUP_PROPERTIES),
    "AWS::EKS::Addon": (_read_addon, ("AddonVersion", "ConfigurationValues", "ServiceAccountRoleArn", "Tags")),
    "AWS::EKS::AccessEntry": (
        _read_access_entry,
        ("PrincipalArn", "Type", "Username", "KubernetesGroups", "AccessPolicies", "Tags"),
    ),
    "AWS::EKS::PodIdentityAssociation": (
        _read_pod_identity,
        ("Namespace", "ServiceAccount", "RoleArn", "TargetRoleArn", "DisableSessionTags", "Tags"),
    ),
    "AWS::EKS::Capability": (
        _read_capability,
        ("CapabilityName", "Type", "RoleArn", "DeletePropagationPolicy", "Tags"),
    ),
    "AWS::EKS::FargateProfile": (
        _read_fargate_profile,
        ("FargateProfileName", "PodExecutionRoleArn", "Subnets", "Selectors", "Tags"),
    ),
}
