"""The CSI drivers that an environment's storage classes need: added where its ClusterConfig does not list them, as
eksctl adds its default add-ons. Without them every claim stays Pending."""

from __future__ import annotations

from typing import Any

from resources.config.eksctl.addons import DEFAULT_ROLES
from resources.config.problems import Location, Problem
from resources.config.yaml_document import Document

_ADDONS: Location = ("addons",)
_EBS, _EFS = "aws-ebs-csi-driver", "aws-efs-csi-driver"
# What uses volumes of each driver.
_USERS = {_EBS: ("storage_classes", "loki"), _EFS: ("storage_classes",)}
_ADDED_FOR = "addedFor"
_DEFAULT = "useDefaultPodIdentityAssociations"
_POLICIES = ("attachPolicyARNs", "attachPolicy", "wellKnownPolicies")
_ROLES = (_DEFAULT, "serviceAccountRoleARN", "podIdentityAssociations", *_POLICIES)


def add_storage_drivers(environment: Document, cluster: Document) -> tuple[Document, list[Problem]]:
    """The ClusterConfig with the drivers and their roles, and a warning for each that was not there. As it is, where
    the environment has no storage classes or the list is at fault."""
    if written := [index for index, addon in _entries(cluster) if _ADDED_FOR in addon]:
        return cluster, [cluster.problem((*_ADDONS, written[0], _ADDED_FOR), "is not a field; leave it out")]
    switches = environment.at(("addons",), dict) or {}
    listed = cluster.data.get("addons", [])
    if not _is_on(switches, "storage_classes") or not isinstance(listed, list):
        return cluster, []
    addons, problems = list(listed), []
    for driver in (_EFS,) if cluster.at(("autoModeConfig", "enabled"), bool) else (_EBS, _EFS):
        users = " and ".join(user for user in _USERS[driver] if _is_on(switches, user))
        index = next((i for i, addon in enumerate(addons) if _name(addon) == driver), None)
        if index is None:
            role = {} if _has_role(cluster, driver, {}) else {_DEFAULT: True}
            addons.append({"name": driver, **role, _ADDED_FOR: users})
            message = f"lacks {driver}, needed by {users}; it is added with a role of its own"
            problems.append(cluster.problem(_ADDONS, message, warning=True))
        elif not _has_role(cluster, driver, addons[index]):
            addons[index] = {**addons[index], _DEFAULT: True, _ADDED_FOR: users}
            message = f"{driver} has no role, and is needed by {users}; it gets {_DEFAULT}"
            problems.append(cluster.problem((*_ADDONS, index), message, warning=True))
    return (cluster.with_data({**cluster.data, "addons": addons}) if problems else cluster), problems


def _entries(cluster: Document) -> list[tuple[int, dict[str, Any]]]:
    return [(i, addon) for i, addon in enumerate(cluster.at(_ADDONS, list) or []) if isinstance(addon, dict)]


def _is_on(switches: dict[str, Any], unit: str) -> bool:
    switch = switches.get(unit)
    return switch is not False and not (isinstance(switch, dict) and switch.get("enabled") is False)


def _name(addon: Any) -> Any:
    return addon.get("name") if isinstance(addon, dict) else None


def _has_role(cluster: Document, driver: str, addon: dict[str, Any]) -> bool:
    """Whether the add-on, or an association of its service account, says which role it gets."""
    if any(addon.get(key) for key in _ROLES):
        return True
    if cluster.at(("addonsConfig", "autoApplyPodIdentityAssociations"), bool):
        return True
    account = ("kube-system", DEFAULT_ROLES[driver].service_account)
    entries = cluster.at(("iam", "podIdentityAssociations"), list) or []
    return any(isinstance(e, dict) and (e.get("namespace"), e.get("serviceAccountName")) == account for e in entries)
