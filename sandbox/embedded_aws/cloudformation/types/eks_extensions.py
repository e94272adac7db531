"""CloudFormation types of what extends a cluster: capabilities, and providers of identities."""

from typing import Any

from ministack.services import eks

from ...eks import capabilities
from ...eks.records import Record
from ..resource_handlers import Created, Properties, camel, register, tag_map
from .eks import call, delete, retag

# --- AWS::EKS::Capability


def _create_capability(_logical_id: str, props: Properties, _stack: str) -> Created:
    own = {key: value for key, value in props.items() if key not in ("ClusterName", "Tags")}
    body = {**camel(own), "tags": tag_map(props.get("Tags"))}
    made = call(capabilities.create_capability, str(props["ClusterName"]), body)["capability"]
    return made["arn"], {"Arn": made["arn"], "Status": made["status"]}


def _update_capability(arn: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    cluster, name = str(new["ClusterName"]), str(new["CapabilityName"])
    capability = capabilities.capability_of(cluster, name)
    if old.get("RoleArn") != new.get("RoleArn"):
        capabilities.change_role(cluster, name, str(new["RoleArn"]))
    retag(capability, arn, old, new)
    return arn, {"Arn": arn, "Status": capability["status"]}


def _delete_capability(_arn: str, props: Properties) -> None:
    delete(capabilities.delete_capability, str(props["ClusterName"]), str(props["CapabilityName"]))


# --- AWS::EKS::IdentityProviderConfig


def _record(physical_id: str) -> Record:
    name, cluster, _ = physical_id.split("|")
    record: Record = eks._idp_configs[f"{cluster}\x00{name}"]
    return record


def _create_provider(_logical_id: str, props: Properties, _stack: str) -> Created:
    cluster, name = str(props["ClusterName"]), str(props["IdentityProviderConfigName"])
    oidc = camel(props["Oidc"])
    oidc["requiredClaims"] = {claim["key"]: claim["value"] for claim in oidc.get("requiredClaims") or ()}
    body = {"oidc": {**oidc, "identityProviderConfigName": name}, "tags": tag_map(props.get("Tags"))}
    call(eks._associate_identity_provider_config, cluster, body)
    physical_id = f"{name}|{cluster}|oidc"
    return physical_id, {"IdentityProviderConfigArn": _record(physical_id)["arn"]}


def _update_provider(physical_id: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    record = _record(physical_id)
    retag(record, record["arn"], old, new)
    return physical_id, {"IdentityProviderConfigArn": record["arn"]}


def _delete_provider(physical_id: str, _props: Properties) -> None:
    name, cluster, _ = physical_id.split("|")
    delete(eks._disassociate_identity_provider_config, cluster, {"identityProviderConfig": {"name": name}})


def _count_as_active(_cluster: str, oidc_args: Any = None, idp_cfg_refs: Any = None) -> None:
    """In place of MiniStack's restart of a container: our API server takes no tokens of other issuers."""
    for record in idp_cfg_refs or ():
        record["status"] = "ACTIVE"


def install() -> None:
    """Register the two types."""
    eks._restart_k3s = _count_as_active
    register("AWS::EKS::Capability", _create_capability, _update_capability, _delete_capability)
    register("AWS::EKS::IdentityProviderConfig", _create_provider, _update_provider, _delete_provider)
