"""Checks of where pods run: whether there is a node for the pipeline's own, and what Fargate takes from them. On the
raw documents, as all checks across fields (`validation.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from resources.config.eksctl.addons import DEFAULT_ROLES
from resources.config.eksctl.node_settings import list_taints
from resources.config.eksctl.nodes import DEFAULT_NODES
from resources.config.pod_identities import POD_IDENTITIES
from resources.config.problems import Location, Problem
from resources.config.yaml_document import Document

_SYSTEM = "kube-system"
_CSI_DRIVERS = ("aws-ebs-csi-driver", "aws-efs-csi-driver", "aws-fsx-csi-driver")
_GROUPS: Location = ("managedNodeGroups",)
_PROFILES: Location = ("fargateProfiles",)
# The pool `system` of Auto Mode has the taint CriticalAddonsOnly.
_OPEN_POOL = "general-purpose"
PLACES = f"a managed node group with nodes and without taints, or Auto Mode with the node pool {_OPEN_POOL}"
_REPELS = ("NoSchedule", "NoExecute")


def place_checks(environment: Document, cluster: Document) -> Iterator[Problem]:
    """A cluster without a node for the pipeline's own pods, and Fargate profiles that take over pods which cannot work
    there."""
    yield from _somewhere_to_run(cluster)
    yield from _fargate(environment, cluster)


def _somewhere_to_run(cluster: Document) -> Iterator[Problem]:
    """A control plane alone is for the units to judge (`validation/units.py`).

    Source: EKS user guide, "Learn how EKS Pod Identity grants pods access" and "AWS Fargate considerations"."""
    auto = cluster.at(("autoModeConfig",), dict) or {}
    pools = auto.get("nodePools", [_OPEN_POOL])
    if auto.get("enabled") is True and (not isinstance(pools, list) or _OPEN_POOL in pools):
        return
    groups = cluster.at(_GROUPS, list) or []
    if cluster.data.get("nodeGroups") or not all(isinstance(group, dict) for group in groups):
        return  # their own fields say so
    allowed = PLACES
    if reasons := [_unusable(group) for group in groups]:
        if all(reasons):
            message = f"leaves the pipeline's own pods no node: {', '.join(filter(None, reasons))}"
            yield cluster.problem(_GROUPS, f"{message}; allowed: {allowed}")
    elif cluster.at(_PROFILES, list):
        missing = "Fargate has no Pod Identity, no DaemonSets and no EBS volumes, which the pipeline's own pods need"
        yield cluster.problem(_PROFILES, f"{missing}; allowed: beside them {allowed}")
    elif auto.get("enabled") is True:
        yield cluster.problem((), f"gives pods nowhere to run; allowed: {allowed}")


def _unusable(group: dict[str, Any]) -> str | None:
    """Why no pod of the pipeline's own can start in the group; None where one can."""
    taints = list_taints(group.get("taints"))
    for taint in taints if isinstance(taints, list) else []:
        if isinstance(taint, dict) and taint.get("effect") in _REPELS:
            return f"{group.get('name')} has the taint {taint.get('key')}:{taint['effect']}"
    given = (group.get(field) for field in ("desiredCapacity", "minSize"))
    desired = next((size for size in given if size is not None), DEFAULT_NODES)
    return f"{group.get('name')} begins with 0 nodes" if desired == 0 else None


def _fargate(environment: Document, cluster: Document) -> Iterator[Problem]:
    """Selectors without labels that match a namespace with service accounts of Pod Identity, whose pods would start
    without a role."""
    auto = cluster.at(("autoModeConfig", "enabled"), bool)
    # Auto Mode runs its own in kube-system, outside of the nodes.
    units = {name: namespace for name, namespace in _of_units(environment).items() if not auto or namespace != _SYSTEM}
    accounts = {**units, **_of_addons(cluster), **_of_associations(cluster)}
    for index, profile in enumerate(cluster.at(_PROFILES, list) or []):
        selectors = profile.get("selectors") if isinstance(profile, dict) else None
        for position, selector in enumerate(selectors if isinstance(selectors, list) else []):
            pattern = selector.get("namespace") if isinstance(selector, dict) else None
            if not isinstance(pattern, str) or selector.get("labels"):
                continue
            taken = sorted(name for name, namespace in accounts.items() if fnmatchcase(namespace, pattern))
            if taken:
                location = (*_PROFILES, index, "selectors", position, "namespace")
                message = f"{pattern} takes over {', '.join(taken)}, and Fargate has no Pod Identity"
                allowed = "namespaces without them, or labels that their pods do not have"
                yield cluster.problem(location, f"{message}; allowed: {allowed}")


def _of_units(environment: Document) -> dict[str, str]:
    """The namespace by service account of the units that are on."""
    addons = environment.at(("addons",), dict) or {}
    switches = {unit: addons.get(unit) for unit in POD_IDENTITIES}
    on = [unit for unit, switch in switches.items() if not _is_off(switch)]
    return {"/".join(POD_IDENTITIES[unit]): POD_IDENTITIES[unit].namespace for unit in on}


def _is_off(switch: Any) -> bool:
    return switch is False or (isinstance(switch, dict) and switch.get("enabled") is False)


def _of_addons(cluster: Document) -> dict[str, str]:
    """Those of EKS add-ons with a default role."""
    names = [addon.get("name") for addon in cluster.at(("addons",), list) or [] if isinstance(addon, dict)]
    roles = {name: DEFAULT_ROLES[name].service_account for name in names if name in _CSI_DRIVERS}
    return {f"{_SYSTEM}/{account}": _SYSTEM for account in roles.values()}


def _of_associations(cluster: Document) -> dict[str, str]:
    """Those of the ClusterConfig's own associations."""
    found = {}
    for entry in cluster.at(("iam", "podIdentityAssociations"), list) or []:
        if isinstance(entry, dict):
            namespace, name = entry.get("namespace"), entry.get("serviceAccountName")
            if isinstance(namespace, str) and isinstance(name, str):
                found[f"{namespace}/{name}"] = namespace
    return found
