"""What the catalog does not know and AWS may: a warning each, as AWS adds versions, add-ons and access policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from resources.config.aws_catalog import (
    ACCESS_POLICIES,
    CATALOG_DATE,
    EKS_ADDONS,
    access_policy_name,
    may_be_new_name,
    may_be_new_version,
)
from resources.config.problems import Location, Problem, did_you_mean
from resources.config.yaml_document import Document


def catalog_warnings(environment: Document, cluster: Document | None) -> Iterator[Problem]:
    """The names that were new to the catalog on its date. What their fields refuse is not among them."""
    version = environment.at(("kubernetes_version",), str)
    if version is not None and may_be_new_version(version):
        ask = "aws eks describe-cluster-versions"
        yield _warning(environment, ("kubernetes_version",), version, "Kubernetes version", (), ask)
    if cluster is not None:
        yield from _of_cluster(cluster)


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
            case ("accessConfig", "accessEntries", int(), "accessPolicies", int(), "policyARN"):
                name = access_policy_name(value)
                if name is not None and may_be_new_name(name, ACCESS_POLICIES):
                    ask = "aws eks list-access-policies"
                    yield _warning(cluster, location, name, "access policy", ACCESS_POLICIES, ask)


def _warning(document: Document, location: Location, name: str, what: str, known: Iterable[str], ask: str) -> Problem:
    message = f"EKS had no {what} {name} on {CATALOG_DATE}{did_you_mean(name, known)}; to ask AWS: {ask}"
    return document.problem(location, message, warning=True)
