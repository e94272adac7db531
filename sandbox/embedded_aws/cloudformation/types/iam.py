"""CloudFormation types of IAM: refusals that AWS makes, permissions boundaries, and the OIDC provider."""

from ministack.core.responses import get_account_id
from ministack.services import iam
from ministack.services.cloudformation import provisioners

from ..resource_handlers import Create, Created, Properties, physical_name, refuse, register, succeed, wrap_create


def _create_role(create: Create, logical_id: str, props: Properties, stack: str) -> Created:
    name = props.get("RoleName")
    if name and name in iam._roles:
        raise refuse(f"Role with name {name} already exists.", "Iam", 409)
    _require_policies(props)
    created = create(logical_id, props, stack)
    iam._roles[created[0]]["PermissionsBoundary"] = props.get("PermissionsBoundary") or None
    return created


def _require_policies(props: Properties) -> None:
    boundary = props.get("PermissionsBoundary")
    for arn in [*(props.get("ManagedPolicyArns") or []), *([boundary] if boundary else [])]:
        if f":iam::{get_account_id()}:policy/" in arn and arn not in iam._policies:
            raise refuse(f"Policy {arn} does not exist or is not attachable.", "Iam", 404)


def _update_role(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
    _require_policies(new)
    updated: Created = provisioners._iam_role_update(physical_id, old, new, stack, logical_id)
    iam._roles[updated[0]]["PermissionsBoundary"] = new.get("PermissionsBoundary") or None
    return updated


def _create_managed_policy(create: Create, logical_id: str, props: Properties, stack: str) -> Created:
    name = props.get("ManagedPolicyName") or physical_name(stack, logical_id, 128)
    arn = f"arn:aws:iam::{get_account_id()}:policy{props.get('Path', '/')}{name}"
    if arn in iam._policies:
        raise refuse(f"A policy called {name} already exists. Duplicate names are not allowed.", "Iam", 409)
    return create(logical_id, props, stack)


def _create_instance_profile(create: Create, logical_id: str, props: Properties, stack: str) -> Created:
    name = props.get("InstanceProfileName")
    if name and name in iam._instance_profiles:
        raise refuse(f"Instance Profile {name} already exists.", "Iam", 409)
    arn, attributes = create(logical_id, props, stack)
    return arn.rsplit("/", 1)[-1], attributes


def _instance_profile_arn(name: str) -> str:
    return str((iam._instance_profiles.get(name) or {}).get("Arn", ""))


def _update_instance_profile(name: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
    arn = _instance_profile_arn(name)
    arn, attributes = provisioners._iam_ip_update(arn, old, new, stack, logical_id)
    return arn.rsplit("/", 1)[-1], attributes


def _delete_instance_profile(name: str, props: Properties) -> None:
    provisioners._iam_ip_delete(_instance_profile_arn(name), props)


def _create_oidc_provider(_logical_id: str, props: Properties, _stack: str) -> Created:
    query = {"Url": [str(props["Url"])]}
    for member, name in (("ClientIDList", "ClientIdList"), ("ThumbprintList", "ThumbprintList")):
        for index, value in enumerate(props.get(name) or [], 1):
            query[f"{member}.member.{index}"] = [str(value)]
    succeed(iam._create_oidc_provider(query), "Iam")
    host = str(props["Url"]).removeprefix("https://").removeprefix("http://").rstrip("/")
    arn = f"arn:aws:iam::{get_account_id()}:oidc-provider/{host}"
    iam._oidc_providers[arn]["Tags"] = list(props.get("Tags") or [])
    return arn, {"Arn": arn}


def _update_oidc_provider(physical_id: str, _old: Properties, new: Properties, _stack: str, _lid: str) -> Created:
    provider = iam._oidc_providers.get(physical_id)
    if provider is None:
        raise refuse(f"OpenIDConnect Provider not found for arn {physical_id}", "Iam", 404)
    provider["ClientIDList"] = list(new.get("ClientIdList") or [])
    provider["ThumbprintList"] = list(new.get("ThumbprintList") or [])
    provider["Tags"] = list(new.get("Tags") or [])
    return physical_id, {"Arn": physical_id}


def _delete_oidc_provider(physical_id: str, _props: Properties) -> None:
    iam._oidc_providers.pop(physical_id, None)


def install() -> None:
    """Mend the IAM types of MiniStack and register AWS::IAM::OIDCProvider."""
    wrap_create("AWS::IAM::Role", _create_role)
    wrap_create("AWS::IAM::ManagedPolicy", _create_managed_policy)
    wrap_create("AWS::IAM::InstanceProfile", _create_instance_profile)
    provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]["update"] = _update_role
    provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]["update_with_logical_id"] = True
    profile = provisioners._RESOURCE_HANDLERS["AWS::IAM::InstanceProfile"]
    profile.update(update=_update_instance_profile, update_with_logical_id=True, delete=_delete_instance_profile)
    register("AWS::IAM::OIDCProvider", _create_oidc_provider, _update_oidc_provider, _delete_oidc_provider)
