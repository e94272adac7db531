"""EC2's instance types: which there are, where they are offered, and how many vCPUs each has.

Every type of the installed botocore is offered in every zone, but for what the account's limits file takes out.
MiniStack knows a dozen types, gives all but the smallest eight vCPUs, and has no offerings.
Source: API reference of EC2, DescribeInstanceTypes and DescribeInstanceTypeOfferings; the sizes of EC2's families.
"""

import re
from functools import lru_cache
from typing import Any

import botocore.session
from ministack.core.responses import get_region
from ministack.services import ec2

from .quotas.limits import types_not_offered

Query = dict[str, list[str]]
QueryResponse = tuple[int, dict[str, str], bytes]
_ZONES = "abc"
_SMALL = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}
_PAGE = 100


@lru_cache(maxsize=1)
def known_types() -> frozenset[str]:
    """The names of all instance types."""
    model: dict[str, Any] = (
        botocore.session.get_session().get_component("data_loader").load_service_model("ec2", "service-2")
    )
    return frozenset(model["shapes"]["InstanceType"]["enum"])


def count_vcpus(instance_type: str) -> int:
    """How many vCPUs a type has, by its size."""
    family, _, size = instance_type.partition(".")
    if match := re.match(r"(?:metal-)?(\d+)xl", size):
        return 4 * int(match[1])
    if size == "medium" and re.match(r"[a-z]+\d+g", family) and not family.startswith("t"):
        return 1
    return _SMALL.get(size, 96)


def _architecture(instance_type: str) -> str:
    family = instance_type.partition(".")[0]
    return "arm64" if re.match(r"[a-z]+\d+[a-z]*g", family) or family == "a1" else "x86_64"


def _describe(query: Query) -> QueryResponse:
    wanted = ec2._parse_member_list(query, "InstanceType") or sorted(known_types())
    unknown = [name for name in wanted if name not in known_types()]
    if unknown:
        message = f"The following supplied instance types do not exist: [{', '.join(unknown)}]"
        refusal: QueryResponse = ec2._error("InvalidInstanceType", message, 400)
        return refusal
    filtered = ec2._parse_filters(query).get("instance-type")
    wanted = [name for name in wanted if not filtered or name in filtered]
    start = int(ec2._p(query, "NextToken") or 0)
    page = wanted[start : start + _PAGE]
    more = f"<nextToken>{start + _PAGE}</nextToken>" if start + _PAGE < len(wanted) else ""
    items = "".join(_item(name) for name in page)
    response: QueryResponse = ec2._xml(
        200, "DescribeInstanceTypesResponse", f"<instanceTypeSet>{items}</instanceTypeSet>{more}"
    )
    return response


def _item(name: str) -> str:
    vcpus = count_vcpus(name)
    return (
        f"<item><instanceType>{name}</instanceType><currentGeneration>true</currentGeneration>"
        "<supportedUsageClasses><item>on-demand</item><item>spot</item></supportedUsageClasses>"
        f"<bareMetal>{'true' if '.metal' in name else 'false'}</bareMetal><hypervisor>nitro</hypervisor>"
        f"<processorInfo><supportedArchitectures><item>{_architecture(name)}</item></supportedArchitectures>"
        f"</processorInfo><vCpuInfo><defaultVCpus>{vcpus}</defaultVCpus></vCpuInfo>"
        f"<memoryInfo><sizeInMiB>{vcpus * 4096}</sizeInMiB></memoryInfo></item>"
    )


def _offerings(query: Query) -> QueryResponse:
    kind, region = ec2._p(query, "LocationType") or "region", get_region()
    places = [region] if kind == "region" else [f"{region}{letter}" for letter in _ZONES]
    if kind == "availability-zone-id":
        places = [ec2._az_id_for_zone_name(zone) for zone in places]
    filters = ec2._parse_filters(query)
    types, locations = filters.get("instance-type"), filters.get("location")
    items = "".join(
        f"<item><instanceType>{name}</instanceType><locationType>{kind}</locationType>"
        f"<location>{place}</location></item>"
        for place in places
        if not locations or place in locations
        for name in sorted(known_types())
        if (not types or name in types) and name not in types_not_offered(place)
    )
    response: QueryResponse = ec2._xml(
        200, "DescribeInstanceTypeOfferingsResponse", f"<instanceTypeOfferingSet>{items}</instanceTypeOfferingSet>"
    )
    return response


def install() -> None:
    """Answer in the place of MiniStack."""
    ec2._ACTION_MAP["DescribeInstanceTypes"] = _describe
    ec2._ACTION_MAP["DescribeInstanceTypeOfferings"] = _offerings
