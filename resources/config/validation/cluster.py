"""Checks between a ClusterConfig and its environment, and between the parts of a ClusterConfig. As all checks here,
they work on the raw documents (placeholders replaced) and skip what they cannot use."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from resources.config.eksctl.iam import CLUSTER_ADMIN_POLICY
from resources.config.names import cluster_name, resource_prefix
from resources.config.problems import Location, Problem, suggest_choices
from resources.config.validation.places import place_checks
from resources.config.yaml_document import Document

VPC_PLACEHOLDER = "${VPC_ID}"
_ACCESS_ENTRIES: Location = ("accessConfig", "accessEntries")
_ADMINISTRATOR = CLUSTER_ADMIN_POLICY.rpartition("/")[2]
_EVERYWHERE = ipaddress.IPv4Network("0.0.0.0/0")
_NOT_PUBLIC = [
    ipaddress.IPv4Network(block)
    for block in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
]
Block = tuple[Location, ipaddress.IPv4Network]


def cluster_checks(environment: Document, cluster: Document) -> Iterator[Problem]:
    """Every problem of a ClusterConfig that its own fields do not show."""
    yield from _metadata(environment, cluster)
    yield from _karpenter(environment, cluster)
    yield from _controllers_policy(environment, cluster)
    yield from _vpc(environment, cluster)
    yield from _blocks(environment, cluster)
    yield from _node_zones(environment, cluster)
    yield from place_checks(environment, cluster)
    yield from _release_versions(environment, cluster)
    yield from _administrator(environment, cluster)


def _metadata(environment: Document, cluster: Document) -> Iterator[Problem]:
    tenant, target = environment.at(("tenant",), str), environment.at(("target_env",), str)
    name = cluster_name(resource_prefix(tenant, target)) if tenant and target else None
    expected = {
        "name": (name, "${CLUSTER_NAME}"),
        "region": (environment.at(("region",), str), "${AWS_REGION}"),
        "version": (environment.at(("kubernetes_version",), str), "${KUBERNETES_VERSION}"),
    }
    for field, (wanted, placeholder) in expected.items():
        written = cluster.at(("metadata", field), str)
        # Text that still has a placeholder has been reported, or its field in the environment has.
        if written is not None and wanted is not None and written != wanted and "${" not in written:
            message = f"{written} is not the environment's; allowed: {placeholder}, which is {wanted}"
            yield cluster.problem(("metadata", field), message)


def _karpenter(environment: Document, cluster: Document) -> Iterator[Problem]:
    """What a ClusterConfig says of Karpenter agrees with what the environment installs."""
    location: Location = ("karpenter", "version")
    version, wanted = cluster.at(location, str), environment.at(("karpenter_version",), str)
    if version is not None and wanted is not None and version.removeprefix("v") != wanted and "${" not in version:
        message = f"{version} is not the environment's; allowed: ${{KARPENTER_VERSION}}, which is {wanted}"
        yield cluster.problem(location, message)
    if cluster.at(("karpenter",), dict) is not None:
        if _is_off(environment, "karpenter"):
            yield cluster.problem(("karpenter",), "is off in the environment file; allowed: one of them")
        elif cluster.at(("autoModeConfig", "enabled"), bool):
            yield cluster.problem(("karpenter",), "stands beside Auto Mode, which has its own; allowed: one of them")


def _controllers_policy(environment: Document, cluster: Document) -> Iterator[Problem]:
    """The load balancer controller's policy is its unit's to give, while that is on."""
    if not _is_off(environment, "aws_load_balancer_controller"):
        return
    for field in ("serviceAccounts", "podIdentityAssociations"):
        for index, entry in _entries(cluster, ("iam", field)):
            policies = entry.get("wellKnownPolicies")
            if isinstance(policies, dict) and policies.get("awsLoadBalancerController") is True:
                location = ("iam", field, index, "wellKnownPolicies", "awsLoadBalancerController")
                allowed = "the unit, or permissions of the account's own"
                message = f"is given by the unit aws_load_balancer_controller, which is off; allowed: {allowed}"
                yield cluster.problem(location, message)


def _is_off(environment: Document, unit: str) -> bool:
    switch = environment.at(("addons", unit, "enabled"), bool)
    return environment.at(("addons", unit), bool) is False or switch is False


def _vpc(environment: Document, cluster: Document) -> Iterator[Problem]:
    vpc, created = cluster.at(("vpc",), dict) or {}, environment.at(("network", "create"), dict)
    identifier = cluster.at(("vpc", "id"), str)
    if identifier is not None and identifier != VPC_PLACEHOLDER:
        allowed = f"{VPC_PLACEHOLDER}, the VPC of the environment's network"
        yield cluster.problem(("vpc", "id"), f"{identifier} is fixed; allowed: {allowed}")
    if created is not None:
        for field in ("subnets", "controlPlaneSubnetIDs"):
            if vpc.get(field):
                message = (
                    "names subnets, and network.create makes new ones; allowed: network.lookup, or no subnets here"
                )
                yield cluster.problem(("vpc", field), message)
    endpoints = cluster.at(("vpc", "clusterEndpoints"), dict) or {}
    if vpc.get("publicAccessCIDRs") and endpoints.get("publicAccess") is False:
        yield cluster.problem(("vpc", "publicAccessCIDRs"), "has no effect; allowed: with publicAccess: true")
    yield from _public_blocks(cluster, endpoints)


def _public_blocks(cluster: Document, endpoints: dict[str, Any]) -> Iterator[Problem]:
    """Blocks that the public endpoint answers. Source: EKS user guide, "Cluster API server endpoint"."""
    location: Location = ("vpc", "publicAccessCIDRs")
    blocks = [block_of(text) if isinstance(text, str) else None for text in cluster.at(location, list) or []]
    for index, block in enumerate(blocks):
        if block is not None and any(block.subnet_of(private) for private in _NOT_PUBLIC):
            message = f"{block} is no public network, and EKS refuses it; allowed: public addresses, such as a NAT's"
            yield cluster.problem((*location, index), message)
    is_limited = blocks and _EVERYWHERE not in blocks and endpoints.get("publicAccess") is not False
    if is_limited and endpoints.get("privateAccess") is not True:
        message = "keeps nodes from the API server, as they reach it by their NAT's address"
        yield cluster.problem(location, f"{message}; allowed: vpc.clusterEndpoints.privateAccess: true")


def _blocks(environment: Document, cluster: Document) -> Iterator[Problem]:
    """CIDR blocks that overlap, and a service range that EKS refuses."""
    subnets: list[Block] = []
    for kind in ("public", "private"):
        for name in cluster.at(("vpc", "subnets", kind), dict) or {}:
            location: Location = ("vpc", "subnets", kind, str(name), "cidr")
            block = block_of(cluster.at(location, str))
            subnets += [(location, block)] if block else []
    for (_, one), (location, other) in combinations(subnets, 2):
        if one.overlaps(other):
            yield cluster.problem(location, f"{other} overlaps {one}; allowed: blocks without a common address")
    subnet_blocks = [block for _, block in subnets]
    yield from _service_range(environment, cluster, subnet_blocks)
    yield from _remote_networks(environment, cluster, subnet_blocks)


def _service_range(environment: Document, cluster: Document, subnets: list[ipaddress.IPv4Network]) -> Iterator[Problem]:
    location: Location = ("kubernetesNetworkConfig", "serviceIPv4CIDR")
    service, vpc = block_of(cluster.at(location, str)), block_of(environment.at(("network", "create", "cidr"), str))
    if service is None:
        return
    if not 12 <= service.prefixlen <= 24 or not service.is_private:
        message = f"{service} does not fit; allowed: /24 to /12 in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        yield cluster.problem(location, message)
    for block in [*([vpc] if vpc else []), *subnets]:
        if service.overlaps(block):
            yield cluster.problem(location, f"{service} overlaps {block} of the VPC; allowed: another block")
            return


def _remote_networks(
    environment: Document, cluster: Document, subnets: list[ipaddress.IPv4Network]
) -> Iterator[Problem]:
    """Networks of hybrid nodes that EKS refuses beside the cluster's own."""
    service = block_of(cluster.at(("kubernetesNetworkConfig", "serviceIPv4CIDR"), str))
    vpc = block_of(environment.at(("network", "create", "cidr"), str))
    own = [block for block in (vpc, service, *subnets) if block]
    for field in ("remoteNodeNetworks", "remotePodNetworks"):
        for index, network in _entries(cluster, ("remoteNetworkConfig", field)):
            for position, text in enumerate(_list(network.get("cidrs"))):
                block = block_of(text) if isinstance(text, str) else None
                taken = next((each for each in own if block and block.overlaps(each)), None)
                if taken:
                    location = ("remoteNetworkConfig", field, index, "cidrs", position)
                    yield cluster.problem(location, f"{block} overlaps {taken} of the cluster; allowed: another block")


def _node_zones(environment: Document, cluster: Document) -> Iterator[Problem]:
    zones = [zone for zone in environment.at(("network", "create", "zones"), list) or [] if isinstance(zone, str)]
    lookup = environment.at(("network", "lookup"), dict) is not None
    for index, group in _entries(cluster, ("managedNodeGroups",)):
        if lookup and group.get("availabilityZones"):
            message = "has no effect with network.lookup; allowed: subnets, the ids of those in the zones"
            yield cluster.problem(("managedNodeGroups", index, "availabilityZones"), message)
        for position, zone in enumerate(_list(group.get("availabilityZones"))):
            if zones and isinstance(zone, str) and zone not in zones:
                location = ("managedNodeGroups", index, "availabilityZones", position)
                message = f"{zone} is not a zone of the environment's network; {suggest_choices(zone, zones)}"
                yield cluster.problem(location, message)


def _release_versions(environment: Document, cluster: Document) -> Iterator[Problem]:
    """A kubelet is never newer than the API server, and at most three minors older."""
    version = _minor(environment.at(("kubernetes_version",), str))
    for index, group in _entries(cluster, ("managedNodeGroups",)):
        # Bottlerocket counts its own releases.
        release = None if group.get("amiFamily") == "Bottlerocket" else _minor(group.get("releaseVersion"))
        if version is not None and release is not None and not version - 3 <= release <= version:
            message = f"is of Kubernetes 1.{release}; allowed: 1.{version - 3} to 1.{version} with this cluster"
            yield cluster.problem(("managedNodeGroups", index, "releaseVersion"), message)


def _administrator(environment: Document, cluster: Document) -> Iterator[Problem]:
    """EKS makes nobody an administrator by itself, so the pipeline would lock itself out of its own cluster."""
    roles = environment.data.get("roles", {})
    if not isinstance(roles, dict) or roles.get("deployer") or roles.get("pipeline"):
        return
    mappings = _entries(cluster, ("iamIdentityMappings",))
    groups = [group for _, mapping in mappings for group in _list(mapping.get("groups"))]
    if "system:masters" in groups or any(_administers(e) for _, e in _entries(cluster, _ACCESS_ENTRIES)):
        return
    allowed = f"roles.deployer or roles.pipeline, or an access entry with {_ADMINISTRATOR} for whoever deploys"
    yield environment.problem(("roles",), f"names nobody who may administer the cluster; allowed: {allowed}")


def _administers(entry: dict[str, Any]) -> bool:
    policies = [policy for policy in _list(entry.get("accessPolicies")) if isinstance(policy, dict)]
    return any(str(policy.get("policyARN")).endswith(f"/{_ADMINISTRATOR}") for policy in policies)


def _minor(version: Any) -> int | None:
    parts = version.split(".") if isinstance(version, str) else []
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None


def _entries(cluster: Document, location: Location) -> Iterator[tuple[int, dict[str, Any]]]:
    for index, entry in enumerate(cluster.at(location, list) or []):
        if isinstance(entry, dict):
            yield index, entry


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def block_of(text: str | None) -> ipaddress.IPv4Network | None:
    """The CIDR block, or None where the text is none (its own field says so)."""
    try:
        return ipaddress.IPv4Network(text) if text is not None else None
    except ValueError:
        return None
