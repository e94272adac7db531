"""Which part of the VPC's block belongs to which subnet."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True)
class ZonePlan:
    """The two subnets of one availability zone. `letter` ("A") names its resources in the template."""

    zone: str
    letter: str
    private_cidr: str
    public_cidr: str


def plan_zones(cidr: str, zones: tuple[str, ...]) -> tuple[ZonePlan, ...]:
    """The subnets of each zone, in the order of their letters. `cidr`: a block of /16 to /22.

    A zone's place follows from its letter, a to f: adding a zone, or writing the zones in another order, moves no
    subnet. Private: the zone's own eighth of the block. Public: an eighth of the seventh eighth, as only load
    balancers and NAT gateways live there. The last eighth stays free.
    """
    eighths = list(ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=3))
    public = list(eighths[6].subnets(prefixlen_diff=3))
    places = [(zone, ord(zone[-1]) - ord("a")) for zone in sorted(zones)]
    return tuple(ZonePlan(zone, zone[-1].upper(), str(eighths[place]), str(public[place])) for zone, place in places)
