"""CloudFormation types of what stands on an EKS cluster: add-ons, access entries, pod identity associations."""

import json

from ministack.services import eks

from ...eks.records import EksRefusal, Record, Response, require_role
from ..resource_handlers import Created, Properties, camel, changed, register, tag_map
from .eks import call, delete, retag, settle, wait, wait_created

# --- AWS::EKS::Addon


def _addon_body(props: Properties) -> Record:
    own = {key: value for key, value in props.items() if key not in ("ClusterName", "Tags", "ConfigurationValues")}
    body: Record = camel(own)
    configuration = props.get("ConfigurationValues")
    if configuration:
        body["configurationValues"] = configuration if isinstance(configuration, str) else json.dumps(configuration)
    return body


def _create_addon(_logical_id: str, props: Properties, _stack: str) -> Created:
    cluster, name = str(props["ClusterName"]), str(props["AddonName"])
    call(eks._create_addon, cluster, {**_addon_body(props), "tags": tag_map(props.get("Tags"))})
    wait_created(lambda: eks._addons.get(f"{cluster}/{name}"), f"Addon {name}", f"{cluster}|{name}")
    return f"{cluster}|{name}", {"Arn": eks._addons[f"{cluster}/{name}"]["addonArn"]}


def _update_addon(physical_id: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    cluster, name = physical_id.split("|", 1)
    if changed(old, new) - {"Tags", "ResolveConflicts", "PreserveOnDelete"}:
        cleared = {"configurationValues": "", "serviceAccountRoleArn": "", "podIdentityAssociations": []}
        call(eks._update_addon, cluster, name, {**cleared, **_addon_body(new)})
        wait(lambda: eks._addons.get(f"{cluster}/{name}"), f"Addon {name}")
    addon = eks._addons[f"{cluster}/{name}"]
    retag(addon, addon["addonArn"], old, new)
    return physical_id, {"Arn": addon["addonArn"]}


def _delete_addon(physical_id: str, props: Properties) -> None:
    cluster, name = physical_id.split("|", 1)
    preserve = str(props.get("PreserveOnDelete", "")).lower() == "true"
    settle(lambda: eks._addons.get(f"{cluster}/{name}"), f"Addon {name}")
    delete(eks._delete_addon, cluster, name, preserve)
    wait(lambda: eks._addons.get(f"{cluster}/{name}"), f"Addon {name}")


# --- AWS::EKS::AccessEntry


def _create_access_entry(_logical_id: str, props: Properties, _stack: str) -> Created:
    cluster, principal = str(props["ClusterName"]), str(props["PrincipalArn"])
    entry = call(
        eks._create_access_entry,
        cluster,
        {
            "principalArn": principal,
            "type": props.get("Type", "STANDARD"),
            "username": props.get("Username", ""),
            "kubernetesGroups": list(props.get("KubernetesGroups") or []),
            "tags": tag_map(props.get("Tags")),
        },
    )["accessEntry"]
    for policy in props.get("AccessPolicies") or []:
        call(eks._associate_access_policy, cluster, principal, camel(policy))
    return f"{principal}|{cluster}", {"AccessEntryArn": entry["accessEntryArn"]}


def _update_access_entry(physical_id: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    principal, cluster = physical_id.split("|", 1)
    entry = call(
        eks._update_access_entry,
        cluster,
        principal,
        {
            "username": new.get("Username", ""),
            "kubernetesGroups": list(new.get("KubernetesGroups") or []),
        },
    )["accessEntry"]
    wanted = {policy["PolicyArn"]: policy for policy in new.get("AccessPolicies") or []}
    for policy in old.get("AccessPolicies") or []:
        if policy["PolicyArn"] not in wanted:
            delete(eks._disassociate_access_policy, cluster, principal, policy["PolicyArn"])
    for policy in wanted.values():
        call(eks._associate_access_policy, cluster, principal, camel(policy))
    retag(eks._access_entries[eks._ae_key(cluster, principal)], entry["accessEntryArn"], old, new)
    return physical_id, {"AccessEntryArn": entry["accessEntryArn"]}


def _delete_access_entry(physical_id: str, _props: Properties) -> None:
    principal, cluster = physical_id.split("|", 1)
    delete(eks._delete_access_entry, cluster, principal)


# --- AWS::EKS::PodIdentityAssociation


def _create_pod_identity(_logical_id: str, props: Properties, _stack: str) -> Created:
    own = {key: value for key, value in props.items() if key not in ("ClusterName", "Tags")}
    body = {**camel(own), "tags": tag_map(props.get("Tags"))}
    association = call(eks._create_pod_identity_association, str(props["ClusterName"]), body)["association"]
    return association["associationArn"], _pod_identity_attributes(association)


def _pod_identity_attributes(association: Record) -> dict[str, str]:
    return {
        "AssociationArn": association["associationArn"],
        "AssociationId": association["associationId"],
        "ExternalId": association.get("externalId", ""),
    }


def _update_pod_identity(physical_id: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    association_id = physical_id.rsplit("/", 1)[-1]
    body = camel({key: new[key] for key in ("RoleArn", "TargetRoleArn", "DisableSessionTags", "Policy") if key in new})
    updated = call(eks._update_pod_identity_association, new["ClusterName"], association_id, body)["association"]
    record = eks._pod_identity_associations[eks._pia_key(new["ClusterName"], association_id)]
    retag(record, physical_id, old, new)
    return physical_id, _pod_identity_attributes(updated)


def _delete_pod_identity(physical_id: str, props: Properties) -> None:
    delete(eks._delete_pod_identity_association, props["ClusterName"], physical_id.rsplit("/", 1)[-1])


_associate = eks._create_pod_identity_association


def _create_pod_identity_association(cluster_name: str, body: Record) -> Response:
    try:
        require_role(str(body.get("roleArn") or ""), "Role provided in the request")
    except EksRefusal as refusal:
        return refusal.response
    response: Response = _associate(cluster_name, body)
    return response


def install() -> None:
    """Register the three types."""
    eks._create_pod_identity_association = _create_pod_identity_association
    register("AWS::EKS::Addon", _create_addon, _update_addon, _delete_addon)
    register("AWS::EKS::AccessEntry", _create_access_entry, _update_access_entry, _delete_access_entry)
    register("AWS::EKS::PodIdentityAssociation", _create_pod_identity, _update_pod_identity, _delete_pod_identity)
