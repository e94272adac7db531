"""What the catalog does not know and AWS may: a warning each, as AWS adds versions, add-ons and access policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from resources.config.aws_catalog import (
    ACCESS_POLICIES,
    CATALOG_DATE,
    EKS_ADDONS,
    KUBERNETES_VERSIONS,
    SANDBOX_KUBERNETES_VERSIONS,
    access_policy_name,
    may_be_new_name,
    may_be_new_version,
)
from resources.config.key_grants import scaling_grant
from resources.config.problems import Location, Problem, did_you_mean
from resources.config.yaml_document import Document

# Zones in which EKS makes no control plane, by region (source: EKS user guide, "VPC and subnet requirements"). Which
# letter such a zone has differs from account to account.
ZONES_WITHOUT_EKS = {"us-east-1": "use1-az3", "us-west-1": "usw1-az2", "ca-central-1": "cac1-az3"}
# Quotas that AWS raises when asked (source: EKS user guide, "Service quotas").
_MOST_GROUPS, _MOST_NODES, _MOST_PROFILES = 30, 450, 10


def catalog_warnings(environment: Document, cluster: Document | None, today: date | None = None) -> Iterator[Problem]:
    """The names that were new to the catalog on its date, and what only the account can answer: zones and quotas. What
    their fields refuse is not among them. `today`: also the version whose support has ended by then."""
    version = environment.at(("kubernetes_version",), str)
    is_sandboxs_own = environment.at(("sandbox",), bool) and version in SANDBOX_KUBERNETES_VERSIONS
    if version is not None and may_be_new_version(version) and not is_sandboxs_own:
        ask = "aws eks describe-cluster-versions"
        yield _warning(environment, ("kubernetes_version",), version, "Kubernetes version", (), ask)
    yield from _zones_without_eks(environment)
    if cluster is not None:
        yield from _of_cluster(cluster)
        yield from _quotas(cluster)
        yield from _closed_api_server(cluster)
        if today is not None:
            yield from _support(environment, cluster, today)


def _support(environment: Document, cluster: Document, today: date) -> Iterator[Problem]:
    """Source: EKS user guide, "Understand the Kubernetes version lifecycle"."""
    location: Location = ("kubernetes_version",)
    version = environment.at(location, str) or ""
    known = KUBERNETES_VERSIONS.get(version)
    if known is None or environment.at(("sandbox",), bool):
        return
    policy = cluster.at(("upgradePolicy", "supportType"), str) or "STANDARD"
    if known.extended_ends and known.extended_ends < today:
        message = (
            f"extended support of {version} ended on {known.extended_ends}: EKS makes no such cluster, and upgrades"
        )
        yield environment.problem(location, f"{message} those that exist; a newer version is needed", warning=True)
    elif known.standard_ends and known.standard_ends < today and policy == "STANDARD":
        message = (
            f"standard support of {version} ended on {known.standard_ends}, and upgradePolicy is STANDARD, so that"
        )
        way = "write a newer version, or upgradePolicy.supportType: EXTENDED (six times the price)"
        yield environment.problem(location, f"{message} EKS upgrades the cluster by itself; {way}", warning=True)


def _zones_without_eks(environment: Document) -> Iterator[Problem]:
    region, location = environment.at(("region",), str) or "", ("network", "create", "zones")
    if environment.at(location, list) and (zone := ZONES_WITHOUT_EKS.get(region)):
        message = f"EKS makes no control plane in {zone}, whose letter differs from account to account; to see it: aws"
        ask = f"ec2 describe-availability-zones --region {region} --zone-ids {zone}"
        yield environment.problem(location, f"{message} {ask}", warning=True)


def _quotas(cluster: Document) -> Iterator[Problem]:
    for field, most in (("managedNodeGroups", _MOST_GROUPS), ("fargateProfiles", _MOST_PROFILES)):
        if (count := len(cluster.at((field,), list) or [])) > most:
            yield _quota(cluster, (field,), f"has {count}", most, "a cluster")
    for index in range(len(cluster.at(("managedNodeGroups",), list) or [])):
        location: Location = ("managedNodeGroups", index, "maxSize")
        if (size := cluster.at(location, int) or 0) > _MOST_NODES:
            yield _quota(cluster, location, f"{size} nodes", _MOST_NODES, "a node group")


def _closed_api_server(cluster: Document) -> Iterator[Problem]:
    """Source: EKS user guide, "Cluster API server endpoint". Of a cluster that exists somebody may have let us in."""
    location: Location = ("vpc", "clusterEndpoints", "publicAccess")
    ways = [cluster.at(("vpc", field), list) for field in ("extraCIDRs", "controlPlaneSecurityGroupIDs")]
    if cluster.at(location, bool) is False and not any(ways):
        message = "no rule lets anybody in but the cluster's own nodes, so nothing inside of it can be deployed; write"
        yield cluster.problem(location, f"{message} vpc.extraCIDRs: where the pipeline and the VPN are", warning=True)


def _quota(cluster: Document, location: Location, what: str, most: int, of: str) -> Problem:
    message = f"{what}, and AWS allows {most} {of} unless the account's quota has been raised"
    return cluster.problem(
        location, f"{message}; to see it: aws service-quotas list-service-quotas --service-code eks", warning=True
    )


def _of_cluster(cluster: Document) -> Iterator[Problem]:
    for location, value in cluster.parts():
        if not isinstance(value, str):
            continue
        match location:
            case ("addons", int(), "name"):
                # Marketplace add-ons are called vendor_product; AWS's own never have an underscore.
                if "_" not in value and may_be_new_name(value, EKS_ADDONS):
                    ask = f"aws eks describe-addon-versions --addon-name {value}"
                    yield _warning(cluster, location, value, "add-on", EKS_ADDONS, ask)
            case ("managedNodeGroups", int(), "volumeKmsKeyID") | (
                "managedNodeGroups",
                int(),
                "additionalVolumes",
                int(),
                "volumeKmsKeyID",
            ):
                message = f"EC2 Auto Scaling needs a grant, or no node starts: {scaling_grant(value)}"
                yield cluster.problem(location, message, warning=True)
            case ("accessConfig", "accessEntries", int(), "accessPolicies", int(), "policyARN"):
                name = access_policy_name(value)
                if name is not None and may_be_new_name(name, ACCESS_POLICIES):
                    ask = "aws eks list-access-policies"
                    yield _warning(cluster, location, name, "access policy", ACCESS_POLICIES, ask)


def _warning(document: Document, location: Location, name: str, what: str, known: Iterable[str], ask: str) -> Problem:
    message = f"EKS had no {what} {name} on {CATALOG_DATE}{did_you_mean(name, known)}; to ask AWS: {ask}"
    return document.problem(location, message, warning=True)
