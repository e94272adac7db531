"""Where the cluster is to be, what EC2 offers there, and whether its API server lets this machine in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from resources.aws.errors import aws_call
from resources.config.eksctl.nodes import ManagedNodeGroup
from resources.config.environment import Environment
from resources.config.validation.catalog import ZONES_WITHOUT_EKS
from resources.context import Context
from resources.doctor.checks import Line, account_check
from resources.kubernetes.way_in import describe_rules, is_closed, way_in
from resources.model.errors import AccessDenied, NotFound, Transient, Unreachable
from resources.probes.aws import ask_api_server


@account_check("network")
def check_zones(context: Context) -> Iterator[Line]:
    """The account has the zones, and EKS makes control planes in them."""
    env, create = context.env, context.env.network.create
    if create is None:
        yield Line.ok("the environment joins a VPC that exists; the plan looks for it")
        return
    with aws_call(f"listing the zones of {env.region}"):
        zones = context.aws.client("ec2").describe_availability_zones()["AvailabilityZones"]
    known = {
        zone["ZoneName"]: zone for zone in zones if zone.get("ZoneType", "availability-zone") == "availability-zone"
    }
    fix = f"write others under network.create.zones in the file of {env.name}: {', '.join(sorted(known))}"
    absent = [zone for zone in create.zones if zone not in known]
    if absent:
        yield Line.error(f"the account has no zone {', '.join(absent)}", fix)
    without_eks = [z for z in create.zones if z in known and known[z]["ZoneId"] == ZONES_WITHOUT_EKS.get(env.region)]
    if without_eks:
        yield Line.error(f"EKS makes no control plane in {without_eks[0]} ({known[without_eks[0]]['ZoneId']})", fix)
    impaired = [zone for zone in create.zones if zone in known and known[zone]["State"] != "available"]
    if impaired:
        yield Line.warning(
            f"{', '.join(impaired)}: AWS says {known[impaired[0]]['State']}", "aws health describe-events"
        )
    if not (absent or without_eks or impaired):
        yield Line.ok(f"{', '.join(create.zones)}: zones of the account, available, with EKS")


@account_check("node_groups")
def check_instance_types(context: Context) -> Iterator[Line]:
    """What EC2 offers in the zones of each node group."""
    groups, env = context.env.cluster.node_groups, context.env
    offered = _offerings(context, sorted({name for group in groups for name in group.types}))
    for group in groups:
        # In a VPC or in subnets that others made, the zones are not in the files.
        zones = _zones(env, group) or tuple(sorted({zone for places in offered.values() for zone in places}))
        nowhere = [name for name in group.types if not offered[name] & set(zones)]
        missing = [zone for zone in zones if not any(zone in offered[name] for name in group.types)]
        fix = f"write another instanceType for {group.name} in the ClusterConfig of {env.name}"
        where = f"{'; '.join(f'{name}: {_places(offered[name])}' for name in group.types)}"
        if len(nowhere) == len(group.types):
            yield Line.error(f"node group {group.name}: EC2 offers none of its types in its zones ({where})", fix)
        elif nowhere:
            yield Line.warning(f"node group {group.name}: EC2 does not offer {', '.join(nowhere)} in its zones", fix)
        elif missing and _zones(env, group):
            message = f"node group {group.name}: EC2 offers none of its types in {', '.join(missing)} ({where})"
            yield Line.warning(message, f"{fix}, or availabilityZones without it")
        else:
            yield Line.ok(f"node group {group.name}: EC2 offers {', '.join(group.types)} in {', '.join(zones)}")
    if not groups:
        yield Line.ok("the environment has no node groups of its own")


def _zones(env: Environment, group: ManagedNodeGroup) -> tuple[str, ...]:
    if group.availability_zones or group.subnets or env.network.create is None:
        return group.availability_zones
    return env.network.create.zones


def _places(zones: set[str]) -> str:
    return ", ".join(sorted(zones)) or "in no zone of the region"


def _offerings(context: Context, types: list[str]) -> dict[str, set[str]]:
    """The zones in which each type is offered."""
    offered: dict[str, set[str]] = defaultdict(set)
    if types:
        with aws_call(f"asking where EC2 offers {', '.join(types)}"):
            pages = context.aws.client("ec2").get_paginator("describe_instance_type_offerings")
            asked = pages.paginate(
                LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": types}]
            )
            for offering in (offering for page in asked for offering in page["InstanceTypeOfferings"]):
                offered[str(offering["InstanceType"])].add(offering["Location"])
    return offered


@account_check("cluster")
def check_way_in(context: Context) -> Iterator[Line]:
    """Whether the API server of a cluster that is to be made will let anybody in."""
    env, rules = context.env, describe_rules(context.env)
    if not is_closed(env):
        yield Line.ok(rules)
        return
    try:
        yield Line.ok(f"{rules}; {context.cluster.address.endpoint} is there already")
    except NotFound:
        yield Line.error(f"no rule lets this machine in: {rules}", way_in(env))


@account_check()
def check_api_server(context: Context) -> Iterator[Line]:
    """Whether the API server answers this machine."""
    env = context.env
    try:
        endpoint = context.cluster.address.endpoint
    except NotFound:
        yield Line.ok("there is no cluster yet")
        return
    try:
        result = ask_api_server(context)
    except AccessDenied as error:
        fix = f"eks-assets deploy {env.name}, whose unit access_entries lets planner and deployer in"
        yield Line.warning(f"{endpoint} can be reached, and does not know us: {error.message}", fix)
    except Unreachable as error:
        yield Line.error(error.message, error.next_step)
    except Transient as error:
        fix = f"look at the way there: curl -k {endpoint}/readyz"
        yield Line.error(f"{endpoint} does not answer this machine: {error.message}", fix)
    else:
        fix = f"eks-assets status {env.name}"
        yield Line.ok(result.detail) if result.passed else Line.warning(result.detail, fix)
