"""Quotas against what the environment needs. Source: EC2, VPC and EKS service quotas in the AWS General Reference."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from resources.aws.errors import aws_call
from resources.cloudformation import ENVIRONMENT_TAG
from resources.context import Context
from resources.doctor.checks import Line, account_check
from resources.drivers.stack.status import describe_stack, must_be_recreated
from resources.model.errors import NotFound

# The families of instances that share a quota: of on-demand instances, and of Spot requests.
_FAMILIES = {
    "Standard": ("L-1216C47A", "L-34B43A08"),
    "F": ("L-74FC7D96", "L-88CF9481"),
    "G and VT": ("L-DB2E81BA", "L-3819A6DF"),
    "Inf": ("L-1945791B", "L-B5D1601B"),
    "P": ("L-417A185B", "L-7212CCBC"),
    "Trn": ("L-2C3B7624", "L-6B0D517C"),
    "X": ("L-7295265B", "L-E3A00192"),
}
_STANDARD = set("acdhimrtz")
_NAMED = {"g": "G and VT", "gr": "G and VT", "vt": "G and VT", "f": "F", "inf": "Inf", "p": "P", "trn": "Trn", "x": "X"}


@dataclass(frozen=True)
class Quota:
    """A quota of AWS by the codes that its API takes. `what`: in a reader's words."""

    service: str
    code: str
    what: str

    def value(self, context: Context) -> float:
        """What holds for the account and region. Raises AccessDenied, Transient."""
        client = context.aws.client("service-quotas")
        asked = {"ServiceCode": self.service, "QuotaCode": self.code}
        with aws_call(f"reading the quota {self.code} ({self.what})"):
            try:
                with aws_call("reading a quota"):
                    return float(client.get_service_quota(**asked)["Quota"]["Value"])
            except NotFound:  # nobody has raised it yet
                return float(client.get_aws_default_service_quota(**asked)["Quota"]["Value"])

    def raising(self, wanted: float, region: str) -> str:
        """The command that asks AWS for more."""
        what = f"--service-code {self.service} --quota-code {self.code} --desired-value {wanted:.0f}"
        return f"aws service-quotas request-service-quota-increase {what} --region {region}"


@account_check("network")
def check_address_quota(context: Context) -> Iterator[Line]:
    """Elastic IPs: one for each NAT gateway."""
    create = context.env.network.create
    gateways = 0 if create is None else 1 if create.nat == "single" else len(create.zones)
    yield _counted(context, Quota("ec2", "L-0263D0A3", "Elastic IPs"), gateways, "network", _foreign_addresses)


@account_check("network")
def check_vpc_quota(context: Context) -> Iterator[Line]:
    """The VPC, where the environment makes one."""
    wanted = int(context.env.network.create is not None)
    yield _counted(context, Quota("vpc", "L-F678F1CE", "VPCs"), wanted, "network", _foreign_vpcs)


@account_check("cluster")
def check_cluster_quota(context: Context) -> Iterator[Line]:
    """The cluster."""
    yield _counted(context, Quota("eks", "L-1194D53C", "clusters"), 1, "cluster", _foreign_clusters)


def _counted(context: Context, quota: Quota, wanted: int, unit: str, others: Callable[[Context], int]) -> Line:
    """`others`: how many there are that are not the environment's."""
    if not wanted:
        return Line.ok(f"the environment makes no {quota.what}")
    if _is_there(context, unit):
        return Line.ok(f"the environment has its {quota.what} already")
    used, value = others(context), quota.value(context)
    text = f"{quota.what}: {used} of {value:.0f} are used, and {wanted} more {'is' if wanted == 1 else 'are'} needed"
    if used + wanted > value:
        return Line.error(f"{text}: AWS refuses them", quota.raising(used + wanted, context.env.region))
    return Line.ok(text)


def _is_there(context: Context, unit: str) -> bool:
    stack = describe_stack(context, context.env.stack_name(unit))
    return stack is not None and not must_be_recreated(stack["StackStatus"])


def _foreign_addresses(context: Context) -> int:
    with aws_call("counting Elastic IPs"):
        return _count(context, [a.get("Tags", []) for a in context.aws.client("ec2").describe_addresses()["Addresses"]])


def _foreign_vpcs(context: Context) -> int:
    with aws_call("counting VPCs"):
        pages = context.aws.client("ec2").get_paginator("describe_vpcs").paginate()
        return _count(context, [vpc.get("Tags", []) for page in pages for vpc in page["Vpcs"]])


def _foreign_clusters(context: Context) -> int:
    with aws_call("counting clusters"):
        pages = context.aws.client("eks").get_paginator("list_clusters").paginate()
        return sum(name != context.env.cluster_name for page in pages for name in page["clusters"])


def _count(context: Context, tags: list[Any]) -> int:
    """A stack of ours that failed may have left some, which a deploy removes first."""
    own = {"Key": ENVIRONMENT_TAG, "Value": context.env.name}
    return sum(own not in tags_of_one for tags_of_one in tags)


@dataclass
class _Need:
    """vCPUs: to begin with, and with every group at its largest."""

    first: int = 0
    most: int = 0


@account_check("node_groups")
def check_vcpu_quotas(context: Context) -> Iterator[Line]:
    """vCPUs by family. A new account has none of the families with GPUs."""
    env = context.env
    there = _is_there(context, "node_groups")
    for (family, spot), need in _vcpus(context).items():
        kind = "Spot" if spot else "on-demand"
        quota = Quota("ec2", _FAMILIES[family][spot], f"vCPUs of {kind} instances of the family {family}")
        value = quota.value(context)
        text = f"{quota.what}: {value:.0f} are allowed, {need.first} are needed to begin with and {need.most} at most"
        if need.first > value and not there:
            yield Line.error(f"{text}: the nodes never start", quota.raising(need.most, env.region))
        elif need.most > value:
            yield Line.warning(f"{text}: groups cannot grow to their maxSize", quota.raising(need.most, env.region))
        else:
            yield Line.ok(text)
    if not env.cluster.node_groups:
        yield Line.ok("the environment has no node groups; Auto Mode and Karpenter take vCPUs as pods need them")


def _vcpus(context: Context) -> dict[tuple[str, bool], _Need]:
    """By family and Spot; of several types the smallest, which is what a group needs at least."""
    groups = context.env.cluster.node_groups
    sizes = _sizes(context, sorted({name for group in groups for name in group.types}))
    needs: dict[tuple[str, bool], _Need] = defaultdict(_Need)
    for group in groups:
        known, families = [sizes[n] for n in group.types if n in sizes], {family_of(n) for n in group.types}
        family = families.pop()
        # Of a group with types of several families nobody knows whose quota it takes.
        if families or family is None or not known:
            continue
        need, (_, desired, largest) = needs[family, group.spot], group.size
        need.first += desired * min(known)
        need.most += largest * min(known)
    return needs


def _sizes(context: Context, types: list[str]) -> dict[str, int]:
    """vCPUs by type. A filter, since AWS refuses the whole question for a type that it does not know."""
    if not types:
        return {}
    with aws_call(f"reading the vCPUs of {', '.join(types)}"):
        pages = context.aws.client("ec2").get_paginator("describe_instance_types")
        found_types = pages.paginate(Filters=[{"Name": "instance-type", "Values": types}])
        return {t["InstanceType"]: t["VCpuInfo"]["DefaultVCpus"] for page in found_types for t in page["InstanceTypes"]}


def family_of(instance_type: str) -> str | None:
    """The family whose quota the type counts for; None for one that is not among ours."""
    letters = re.match(r"[a-z]+", instance_type)
    name = letters[0] if letters else ""
    if name in _NAMED:
        return _NAMED[name]
    return "Standard" if name and (name[0] in _STANDARD and not name.startswith("hpc")) else None


@account_check()
def check_running_vcpus(context: Context) -> Iterator[Line]:
    """What others run counts for the same quota as the nodes that are not there yet."""
    if _is_there(context, "node_groups"):
        yield Line.ok("the node groups are there, with the vCPUs that they need")
        return
    used = _running(context)
    for (family, spot), need in _vcpus(context).items():
        kind = "Spot" if spot else "on-demand"
        quota = Quota("ec2", _FAMILIES[family][spot], f"vCPUs of {kind} instances of the family {family}")
        running, value = used[family, spot], quota.value(context)
        text = f"{quota.what}: {running} of {value:.0f} run already, {need.first} more are needed to begin with"
        if need.first <= value < running + need.first:
            yield Line.warning(text, quota.raising(running + need.most, context.env.region))
        else:
            yield Line.ok(text)


def _running(context: Context) -> dict[tuple[str, bool], int]:
    counts: dict[tuple[str, bool], int] = defaultdict(int)
    with aws_call("counting running instances"):
        pages = (
            context.aws.client("ec2")
            .get_paginator("describe_instances")
            .paginate(Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}])
        )
        instances = [i for page in pages for r in page["Reservations"] for i in r["Instances"]]
    sizes = _sizes(context, sorted({i["InstanceType"] for i in instances}))
    for instance in instances:
        if (family := family_of(instance["InstanceType"])) is not None:
            spot = instance.get("InstanceLifecycle") == "spot"
            counts[family, spot] += sizes.get(instance["InstanceType"], 0)
    return counts
