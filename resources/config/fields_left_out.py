"""Fields of a ClusterConfig that change nothing here, and that the file may keep: each is left out with a warning that
says what is so instead, and what to write where that is not enough. What would be missed silently is refused."""

from __future__ import annotations

from typing import Any

from resources.config.problems import Location, Problem
from resources.config.yaml_document import Document

_NO_RIGHTS = "gives nodes no rights here, which every pod of a node would have; "
_APP_MESH = "changes nothing; AWS ended App Mesh on 30 September 2026"
_ACCOUNTS = "give their service account {policy} under iam.podIdentityAssociations"
_NODE_POLICIES = {
    "imageBuilder": f"{_NO_RIGHTS}where pods push images, {_ACCOUNTS}".format(
        policy="AmazonEC2ContainerRegistryPowerUser"
    ),
    "xRay": f"{_NO_RIGHTS}where pods send traces, {_ACCOUNTS}".format(policy="AWSXRayDaemonWriteAccess"),
    "appMesh": _APP_MESH,
    "appMeshPreview": _APP_MESH,
}
# eksctl's check of unknown fields passes these names in any capitals.
_BY_LOWER_CASE = {name.lower(): reason for name, reason in _NODE_POLICIES.items()}


def leave_out_fields(cluster: Document) -> tuple[Document, list[Problem]]:
    """The ClusterConfig without the fields that change nothing, and a warning for each of them."""
    reasons = {location: why for location, value in cluster.parts() if (why := _reason(location, value)) is not None}
    data = cluster.data
    for location in reasons:
        data = _without(data, location)
    return cluster.with_data(data), [cluster.problem(where, why, warning=True) for where, why in reasons.items()]


def _reason(location: Location, value: Any) -> str | None:
    """Why the value changes nothing; None where it does, or is at fault."""
    match location, value:
        case ("managedNodeGroups", int(), "iam", "withAddonPolicies", str(policy)), True:
            return _BY_LOWER_CASE.get(policy.lower())
        case ("managedNodeGroups", int(), "ssh"), {"allow": True, **others} if others.keys() <= {"enableSsm"}:
            return (
                "names no key, so it opens nothing here (eksctl takes ~/.ssh/id_rsa.pub of whoever runs it); Session "
                "Manager reaches every node; for SSH write publicKeyName, a key pair of EC2"
            )
        case ("managedNodeGroups", int(), "propagateASGTags"), True:
            return "changes nothing; the cluster autoscaler asks EKS for the labels and taints of a managed group"
        case ("addons", int(), "podIdentityAssociations", int(), "namespace"), str():
            return "changes nothing; the role is for the namespace that EKS installs the add-on in"
        case ("iamIdentityMappings",), [*entries] if entries and all(_says_nothing(entry) for entry in entries):
            return "names nobody, and lets nobody in; write the arn of a role or user"
    return None


def _says_nothing(entry: Any) -> bool:
    return isinstance(entry, dict) and all(value is None for value in entry.values())


def _without(data: Any, location: Location) -> Any:
    """The data without the field at the location; what is around it is copied, not changed."""
    step, *rest = location
    if isinstance(data, list):
        return [_without(part, tuple(rest)) if index == step else part for index, part in enumerate(data)]
    if not rest:
        return {key: part for key, part in data.items() if key != step}
    return {key: _without(part, tuple(rest)) if key == step else part for key, part in data.items()}
