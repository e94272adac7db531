"""EKS add-ons: create, update and delete; the supervisor applies their workloads."""

import json
import time

import yaml
from ministack.services import eks

from ..settings import settings
from ..supervisor_client import SupervisorError, supervisor
from . import updates
from .records import EksRefusal, Record, Response, addon_of, answer, cluster_of, now, public, require_role, start
from .versions import require_addon_version

_create_record = eks._create_addon
_delete_record = eks._delete_addon
_POLL_INTERVAL = 0.25


class AddonNotReady(Exception):
    """An add-on did not become ready in time; the message is what EKS says about it."""


def create_addon(cluster_name: str, body: Record) -> Response:
    """CreateAddon: CREATING until its workload is ready, CREATE_FAILED when that takes too long."""
    try:
        cluster = cluster_of(cluster_name)
        if cluster["status"] not in ("ACTIVE", "UPDATING"):
            raise EksRefusal("InvalidRequestException", f"Cluster '{cluster_name}' is not in ACTIVE status")
        version = require_addon_version(
            str(body.get("addonName") or ""), str(body.get("addonVersion") or ""), cluster["version"]
        )
        _configuration(body)
        if body.get("serviceAccountRoleArn"):
            require_role(body["serviceAccountRoleArn"], "Service account role")
    except EksRefusal as refusal:
        return refusal.response
    response: Response = _create_record(cluster_name, {**body, "addonVersion": version})
    if response[0] >= 400:
        return response
    addon = addon_of(cluster_name, body["addonName"])
    addon["podIdentityAssociations"] = _pod_identities(cluster_name, body["addonName"], body)
    _drop_empty(addon)
    if body.get("namespaceConfig"):
        addon["namespaceConfig"] = body["namespaceConfig"]
    addon["status"] = "CREATING"
    response = answer({"addon": public(addon)})
    start(_install, cluster, addon, None, "CREATE_FAILED")
    return response


def _drop_empty(addon: Record) -> None:
    # EKS leaves out what is not set; an empty role would look like a value.
    for member in ("serviceAccountRoleArn", "configurationValues", "podIdentityAssociations"):
        if not addon.get(member):
            addon.pop(member, None)


def _pod_identities(cluster_name: str, name: str, body: Record) -> list[str]:
    arns = []
    for association in body.get("podIdentityAssociations") or []:
        namespace = (body.get("namespaceConfig") or {}).get("namespace", "kube-system")
        created: Response = eks._create_pod_identity_association(cluster_name, {**association, "namespace": namespace})
        if created[0] < 400:
            made = json.loads(created[2])["association"]
            owner = addon_of(cluster_name, name)["addonArn"]
            eks._pod_identity_associations[eks._pia_key(cluster_name, made["associationId"])]["ownerArn"] = owner
            arns.append(made["associationArn"])
    return arns


def _configuration(record: Record) -> Record | None:
    text = record.get("configurationValues")
    if not text:
        return None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as failure:
        raise EksRefusal(
            "InvalidParameterException",
            f"ConfigurationValue provided in request is not supported: it is neither JSON nor YAML ({failure})",
        ) from failure
    if not isinstance(values, dict):
        raise EksRefusal("InvalidParameterException", "ConfigurationValue provided in request must be an object")
    return values


def _install(cluster: Record, addon: Record, update: Record | None, failed_status: str) -> None:
    try:
        _apply(cluster["name"], addon)
    except (SupervisorError, AddonNotReady) as failure:
        code = "InsufficientNumberOfReplicas" if isinstance(failure, AddonNotReady) else "ClusterUnreachable"
        addon["health"] = {"issues": [{"code": code, "message": str(failure), "resourceIds": []}]}
        addon["status"] = failed_status
        if update is not None:
            updates.fail(update, str(failure))
        return
    addon["health"] = {"issues": []}
    addon["status"] = "ACTIVE"
    addon["modifiedAt"] = now()
    if update is not None:
        updates.succeed(update)


def _apply(cluster_name: str, addon: Record) -> None:
    client = supervisor()
    if client is None:
        return
    path = f"/clusters/{cluster_name}/addons/{addon['addonName']}"
    client.put(path, {"version": addon["addonVersion"], "configuration": _configuration(addon)})
    deadline = time.monotonic() + settings().addon_deadline
    while not (state := client.get(path)).get("ready"):
        if time.monotonic() > deadline:
            raise AddonNotReady(
                "The add-on is unhealthy because it doesn't have the desired number of replicas. "
                f"{state.get('detail', '')}".rstrip()
            )
        time.sleep(_POLL_INTERVAL)


def update_addon(cluster_name: str, name: str, body: Record) -> Response:
    """UpdateAddon: version, configuration, role and pod identity associations."""
    try:
        cluster, addon = cluster_of(cluster_name), addon_of(cluster_name, name)
        if addon["status"] in ("CREATING", "UPDATING", "DELETING"):
            raise EksRefusal("ResourceInUseException", f"Addon {name} is in status {addon['status']}", 409)
        _configuration(body)
        version = str(addon["addonVersion"])
        if body.get("addonVersion"):
            version = require_addon_version(name, str(body["addonVersion"]), cluster["version"])
    except EksRefusal as refusal:
        return refusal.response
    addon["addonVersion"] = version
    for member in ("serviceAccountRoleArn", "configurationValues"):
        if member in body:
            addon[member] = body[member]
    if "podIdentityAssociations" in body:
        _delete_pod_identities(cluster_name, addon)
        addon["podIdentityAssociations"] = _pod_identities(cluster_name, name, body)
    _drop_empty(addon)
    update = updates.begin(cluster, "AddonUpdate", {"AddonVersion": version}, ("addon", name))
    addon["status"] = "UPDATING"
    response = updates.updated(update)
    start(_install, cluster, addon, update, "UPDATE_FAILED")
    return response if update["status"] == "InProgress" else updates.updated(update)


def _delete_pod_identities(cluster_name: str, addon: Record) -> None:
    for arn in addon.get("podIdentityAssociations") or []:
        eks._delete_pod_identity_association(cluster_name, str(arn).rsplit("/", 1)[-1])


def delete_addon(cluster_name: str, name: str, preserve: bool = False) -> Response:
    """DeleteAddon; with `preserve` the workload stays in the cluster."""
    try:
        cluster, addon = cluster_of(cluster_name), addon_of(cluster_name, name)
    except EksRefusal as refusal:
        return refusal.response
    addon["status"] = "DELETING"
    response = answer({"addon": public(addon)})
    start(_remove, cluster, addon, preserve)
    return response


def _remove(cluster: Record, addon: Record, preserve: bool) -> None:
    client = supervisor()
    try:
        if client is not None and not preserve:
            client.delete(f"/clusters/{cluster['name']}/addons/{addon['addonName']}")
    except SupervisorError as failure:
        addon["health"] = {"issues": [{"code": "ClusterUnreachable", "message": str(failure), "resourceIds": []}]}
        addon["status"] = "DELETE_FAILED"
        return
    _delete_pod_identities(cluster["name"], addon)
    _delete_record(cluster["name"], addon["addonName"])
