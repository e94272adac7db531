"""A load balancer lies in the VPC of its subnets, which MiniStack does not look up."""

from collections.abc import Callable

from ministack.services import alb, ec2

Query = dict[str, list[str]]
QueryResponse = tuple[int, dict[str, str], bytes]


def _in_vpc_of_subnets(create: Callable[[Query], QueryResponse]) -> Callable[[Query], QueryResponse]:
    def created(query: Query) -> QueryResponse:
        response = create(query)
        for balancer in alb._lbs.values():
            subnet = next((ec2._subnets[name] for name in balancer["Subnets"] if name in ec2._subnets), None)
            if subnet is not None:
                balancer["VpcId"] = subnet["VpcId"]
        return response

    return created


def install() -> None:
    """Put it behind MiniStack's own creation."""
    alb._ACTION_MAP["CreateLoadBalancer"] = _in_vpc_of_subnets(alb._ACTION_MAP["CreateLoadBalancer"])
