"""Which versions of add-ons and node images EKS offers for a Kubernetes version.

Source: EKS API, DescribeAddonVersions; EKS user guide, "Retrieve recommended Amazon Linux AMI IDs",
"Retrieve recommended Bottlerocket AMI IDs".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.model.change import Observed
from resources.model.errors import AccessDenied, ConfigError, NotFound
from resources.model.specs import Lookup

_AL2023 = "/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{variant}/recommended/release_version"
_BOTTLEROCKET = "/aws/service/bottlerocket/aws-k8s-{version}{variant}/latest/image_version"
# Where AWS publishes the newest release of each image type of a Kubernetes version.
_IMAGES = {
    "AL2023_x86_64_STANDARD": (_AL2023, "x86_64/standard"),
    "AL2023_x86_64_NVIDIA": (_AL2023, "x86_64/nvidia"),
    "AL2023_x86_64_NEURON": (_AL2023, "x86_64/neuron"),
    "AL2023_ARM_64_STANDARD": (_AL2023, "arm64/standard"),
    "AL2023_ARM_64_NVIDIA": (_AL2023, "arm64/nvidia"),
    "BOTTLEROCKET_x86_64": (_BOTTLEROCKET, "/x86_64"),
    "BOTTLEROCKET_x86_64_NVIDIA": (_BOTTLEROCKET, "-nvidia/x86_64"),
    "BOTTLEROCKET_ARM_64": (_BOTTLEROCKET, "/arm64"),
    "BOTTLEROCKET_ARM_64_NVIDIA": (_BOTTLEROCKET, "-nvidia/arm64"),
}


def find_eks_versions(spec: Lookup[Any], context: Context) -> Observed:
    """The versions that the query asks for. `kubernetes`: 1.34; `addons`: NAME=VERSION with commas between, where
    `default` and `latest` stand for AWS's; `images`: EKS's image types.

    Raises ConfigError for an add-on or a version that AWS does not offer, NotFound for an image, AccessDenied with what
    to do where an earlier bootstrap gave no right to ask."""
    query = spec.query
    wanted = [pair.split("=", 1) for pair in query["addons"].split(",") if pair]
    images = [t for t in query["images"].split(",") if t]
    try:
        addons = [f"{name}={_addon_version(context, name, version, query['kubernetes'])}" for name, version in wanted]
        releases = [f"{ami_type}={_release(context, ami_type, query['kubernetes'])}" for ami_type in images]
    except AccessDenied as error:
        command = f"eks-assets bootstrap {context.env.name} --apply"
        raise AccessDenied(error.message, next_step=f"an administrator gives the right with: {command}") from error
    fields: dict[str, Any] = {"addon_versions": tuple(addons), "node_releases": tuple(releases)}
    return Observed("found", dict(query), spec.outputs_type()(**fields))


def _addon_version(context: Context, name: str, wanted: str, kubernetes: str) -> str:
    client, offered, default = context.aws.client("eks"), list[str](), ""
    with aws_call(f"looking for the versions of the add-on {name} for Kubernetes {kubernetes}"):
        pages = client.get_paginator("describe_addon_versions").paginate(addonName=name, kubernetesVersion=kubernetes)
        addons = [addon for page in pages for addon in page["addons"]]
    for version in (version for addon in addons for version in addon["addonVersions"]):
        offered.append(version["addonVersion"])
        if any(c.get("defaultVersion") and c["clusterVersion"] == kubernetes for c in version["compatibilities"]):
            default = version["addonVersion"]
    offered.sort(key=sort_key, reverse=True)
    if wanted == "default" and default:
        return default
    if wanted in ("default", "latest") and offered:
        return offered[0]
    # EKS takes a version with and without its v.
    same = [version for version in offered if version.removeprefix("v") == wanted.removeprefix("v")]
    if same:
        return same[0]
    if not offered:
        raise ConfigError(
            f"AWS offers no add-on {name} for Kubernetes {kubernetes} in {context.env.region}",
            next_step=f"correct its name under addons in the ClusterConfig of {context.env.name}, or take it out",
        )
    raise ConfigError(
        f"AWS offers no version {wanted} of the add-on {name} for Kubernetes {kubernetes}; it offers "
        f"{', '.join(offered[:5])}{' and older ones' if len(offered) > 5 else ''}",
        next_step=f"name one of them under addons in the ClusterConfig of {context.env.name}, or leave it out",
    )


def sort_key(version: str) -> tuple[int, ...]:
    """Orders versions of add-ons."""
    # v1.21.1-eksbuild.3: AWS's own form for every add-on, which is none of the usual ones.
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _release(context: Context, ami_type: str, kubernetes: str) -> str:
    form, variant = _IMAGES[ami_type]
    name = form.format(version=kubernetes, variant=variant)
    with aws_call(f"looking for the newest image {ami_type} of Kubernetes {kubernetes}"):
        return str(context.aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def list_fits(context: Context, name: str) -> dict[str, frozenset[str]]:
    """The Kubernetes versions that each version of the add-on is offered for. Raises AccessDenied, Transient."""
    fits: dict[str, frozenset[str]] = {}
    with aws_call(f"looking for the versions of the add-on {name}"):
        pages = context.aws.client("eks").get_paginator("describe_addon_versions").paginate(addonName=name)
        for version in (v for page in pages for addon in page["addons"] for v in addon["addonVersions"]):
            fits[version["addonVersion"]] = frozenset(c["clusterVersion"] for c in version["compatibilities"])
    return fits


def live_addon_versions(context: Context, names: Iterable[str]) -> dict[str, str]:
    """The versions of those of the add-ons that the environment's cluster has. Raises AccessDenied, Transient."""
    cluster, versions = context.env.cluster_name, dict[str, str]()
    for name in names:
        with suppress(NotFound), aws_call(f"describing the add-on {name} of the EKS cluster {cluster}"):
            addon = context.aws.client("eks").describe_addon(clusterName=cluster, addonName=name)["addon"]
            versions[name] = str(addon["addonVersion"])
    return versions
