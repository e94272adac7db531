"""What EKS offers now: the Kubernetes version with its support, and the versions of add-ons and node images."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from resources.aws.errors import aws_call
from resources.config.environment import Environment
from resources.context import Context
from resources.doctor.checks import Line, account_check
from resources.drivers.eks_versions import find_eks_versions
from resources.model.errors import AccessDenied, PipelineError, Transient
from resources.model.outputs import Outputs
from resources.model.specs import Lookup

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import ClusterVersionInformationTypeDef

_SOON = dt.timedelta(days=60)


class Support(NamedTuple):
    """The last days of a Kubernetes version's standard and extended support; None where AWS has not said."""

    standard: dt.date | None
    extended: dt.date | None


@account_check()
def check_kubernetes_version(context: Context) -> Iterator[Line]:
    """Its support dates, asked of EKS. Source: API, DescribeClusterVersions."""
    with aws_call("listing the Kubernetes versions of EKS"):
        pages = context.aws.client("eks").get_paginator("describe_cluster_versions").paginate()
        offered = {v["clusterVersion"]: v for page in pages for v in page["clusterVersions"]}
    yield describe_support(context.env, {name: _support(version) for name, version in offered.items()})


def _support(version: ClusterVersionInformationTypeDef) -> Support:
    return Support(_day(version.get("endOfStandardSupportDate")), _day(version.get("endOfExtendedSupportDate")))


def describe_support(env: Environment, offered: Mapping[str, Support]) -> Line:
    """How long the environment's Kubernetes version is supported, of those that EKS offers."""
    version = env.kubernetes_version
    newest = max(offered, key=lambda name: [int(part) for part in name.split(".")], default=version)
    fix = f"kubernetes_version in the file of {env.name}, one minor version at a time up to {newest}"
    if version not in offered:
        return Line.error(f"EKS offers no Kubernetes {version}; it offers {', '.join(sorted(offered))}", fix)
    standard, extended = offered[version]
    dates = f"standard support until {standard or 'an unknown day'}, extended until {extended or 'an unknown day'}"
    today, policy = dt.datetime.now(dt.UTC).date(), env.cluster.upgrade_policy.support_type
    if extended and extended < today:
        return Line.error(f"Kubernetes {version} has no support any more ({dates})", fix)
    if standard and standard < today + _SOON:
        then = "EKS then upgrades the cluster" if policy == "STANDARD" else "it then costs six times as much"
        return Line.warning(f"Kubernetes {version}: {dates}; {then}", fix)
    return Line.ok(f"Kubernetes {version}: {dates}")


def _day(time: dt.datetime | None) -> dt.date | None:
    return time.date() if time else None


class _Versions(Outputs):
    addon_versions: tuple[str, ...]
    node_releases: tuple[str, ...]


@account_check()
def check_addon_versions(context: Context) -> Iterator[Line]:
    """EKS offers each add-on for the Kubernetes version, in the version that the ClusterConfig pins."""
    questions = [
        _Question(
            {"addons": f"{addon.name}={addon.version or 'default'}"},
            f"addons in the ClusterConfig; aws eks describe-addon-versions --addon-name {addon.name}",
        )
        for addon in sorted(context.env.cluster.addons, key=lambda addon: addon.name)
    ]
    offered = yield from _ask(context, questions)
    if offered:
        yield Line.ok(f"EKS offers {', '.join(offered)}")


@account_check()
def check_node_images(context: Context) -> Iterator[Line]:
    """AWS publishes an image for each node group that pins none."""
    env = context.env
    types = sorted({group.ami_type for group in env.cluster.node_groups if not group.release_version})
    fix = f"another instance type, or kubernetes_version of {env.name}: there is no image"
    offered = yield from _ask(context, [_Question({"images": each}, f"{fix} {each}") for each in types])
    if offered or not types:
        yield Line.ok(f"the newest node images: {', '.join(offered) or 'none is asked for'}")


class _Question(NamedTuple):
    """One of the queries of `find_eks_versions`, and what to do where EKS has no answer."""

    query: dict[str, str]
    fix: str


def _ask(context: Context, questions: Iterable[_Question]) -> Generator[Line, None, list[str]]:
    """What EKS answers to all of them, and a line for each that it cannot. Raises AccessDenied, Transient."""
    offered: list[str] = []
    for question in questions:
        query = {"kubernetes": context.env.kubernetes_version, "addons": "", "images": "", **question.query}
        try:
            outputs = find_eks_versions(Lookup[_Versions](kind="eks_versions", query=query), context).outputs
        except (AccessDenied, Transient):
            raise
        except PipelineError as error:
            yield Line.error(error.message, error.next_step or question.fix)
        else:
            assert isinstance(outputs, _Versions)
            offered += (*outputs.addon_versions, *outputs.node_releases)
    return offered
