"""Things that are only read: an existing VPC, an existing DNS zone, the versions that EKS offers."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.base import ReadOnly
from resources.drivers.eks_versions import find_eks_versions
from resources.model.change import NOTHING_TO_DO, Change, Observed
from resources.model.errors import ConfigError, NotFound, PipelineError
from resources.model.outputs import NoOutputs
from resources.model.specs import Lookup, Probes

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, SubnetTypeDef

INTERNAL, EXTERNAL = "kubernetes.io/role/internal-elb", "kubernetes.io/role/elb"


class LookupDriver(ReadOnly[Lookup[Any]]):
    """Observes a `Lookup`; there is never anything to apply."""

    def observe(self, spec: Lookup[Any], context: Context) -> Observed | None:
        """What the query finds; None for nothing, PipelineError for several."""
        return _FINDERS[spec.kind](spec, context)

    def plan(self, spec: Lookup[Any], observed: Observed | None) -> Change:
        """Nothing to do; a lookup that finds nothing raises NotFound, saying what was asked for."""
        if observed is None:
            what, next_step = _MISSING[spec.kind]
            raise NotFound(f"{what} {_words(spec.query)}", next_step=next_step, bad_input=True)
        return NOTHING_TO_DO


def _words(query: dict[str, str]) -> str:
    return ", ".join(f"{k}={v}" for k, v in sorted(query.items()))


def _find_vpc(spec: Lookup[Any], context: Context) -> Observed | None:
    ec2 = context.aws.client("ec2")
    filters: list[FilterTypeDef] = [{"Name": f"tag:{k}", "Values": [v]} for k, v in spec.query.items()]
    with aws_call(f"looking for the VPC with the tags {_words(spec.query)}"):
        vpcs = ec2.describe_vpcs(Filters=filters)["Vpcs"]
        if len(vpcs) > 1:
            ids = ", ".join(f"{v['VpcId']} ({v['CidrBlock']})" for v in vpcs)
            raise PipelineError(
                f"{len(vpcs)} VPCs have the tags {_words(spec.query)}: {ids}",
                next_step="make the tags unique, or name more of them under network.lookup.tags",
                bad_input=True,
            )
        if not vpcs:
            return None
        vpc_id = vpcs[0]["VpcId"]
        subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    by_zone = sorted(subnets, key=lambda s: (s["AvailabilityZone"], s["SubnetId"]))
    tagged = {s["SubnetId"]: {t["Key"] for t in s.get("Tags", [])} for s in by_zone}
    private = tuple(s for s, tags in tagged.items() if INTERNAL in tags)
    public = tuple(s for s, tags in tagged.items() if EXTERNAL in tags)
    zones = tuple(sorted({s["AvailabilityZone"] for s in subnets if s["SubnetId"] in private}))
    if len(zones) < 2:
        raise PipelineError(
            f"{vpc_id} has private subnets (tag {INTERNAL}) in {len(zones)} zones; a cluster needs two or more",
            next_step="tag the private subnets, or add one in another zone",
        )
    fields: dict[str, Any] = {
        "vpc_id": vpc_id,
        "cidr_block": vpcs[0]["CidrBlock"],
        "private_subnet_ids": private,
        "public_subnet_ids": public,
        "zones": zones,
    }
    return Observed("found", dict(spec.query), spec.outputs_type()(**fields), {"vpc_id": vpc_id})


def _find_zone(spec: Lookup[Any], context: Context) -> Observed | None:
    """Raises ConfigError where the zone is another domain's."""
    zone_id, name = spec.query["id"], spec.query["name"]
    try:
        with aws_call(f"reading the hosted zone {zone_id}"):
            zone = context.aws.client("route53").get_hosted_zone(Id=zone_id)["HostedZone"]
    except NotFound:
        return None
    domain = str(zone["Name"]).rstrip(".")
    if name != domain and not name.endswith(f".{domain}"):
        raise ConfigError(
            f"the hosted zone {zone_id} is {domain}, which does not hold {name}",
            next_step=f"correct hosted_zone.id or hosted_zone.name in the file of {context.env.name}",
        )
    return Observed("found", {"zone": domain}, NoOutputs())


def _find_control_plane(spec: Lookup[Any], context: Context) -> Observed:
    """Where it is; nowhere, as long as there is none."""
    name, eks = spec.query["cluster"], context.aws.client("eks")
    ids: list[str] = []
    subnets: list[SubnetTypeDef] = []
    with suppress(NotFound), aws_call(f"describing the EKS cluster {name}"):
        ids = list(eks.describe_cluster(name=name)["cluster"]["resourcesVpcConfig"].get("subnetIds", []))
    if ids:
        with aws_call(f"describing the subnets of the EKS cluster {name}"):
            subnets = context.aws.client("ec2").describe_subnets(SubnetIds=ids)["Subnets"]
    # In the order of the VPC's own: another one would be a change of the stack.
    by_zone = sorted(subnets, key=lambda s: (s["AvailabilityZone"], s["SubnetId"]))
    fields: dict[str, Any] = {
        "subnet_ids": tuple(subnet["SubnetId"] for subnet in by_zone),
        "zones": tuple(sorted({subnet["AvailabilityZone"] for subnet in by_zone})),
    }
    return Observed("found", dict(spec.query), spec.outputs_type()(**fields))


_FINDERS = {
    "vpc": _find_vpc,
    "hosted_zone": _find_zone,
    "eks_versions": find_eks_versions,
    "control_plane": _find_control_plane,
}
_MISSING = {
    "vpc": (
        "no VPC has the tags",
        "create it (network.create), or name the tags of an existing one (network.lookup.tags)",
    ),
    "hosted_zone": (
        "there is no hosted zone",
        "correct hosted_zone.id, or let this environment create it (hosted_zone.create)",
    ),
}


class ProbesDriver(ReadOnly[Probes]):
    """Observes `Probes`: the unit is its health checks."""

    def observe(self, spec: Probes, context: Context) -> Observed | None:
        """Always there."""
        return Observed("probes", {}, NoOutputs())
