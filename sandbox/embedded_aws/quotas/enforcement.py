"""EC2's refusal of one more address or VPC than the account's limits file allows.

Quotas that the file does not name do not stop anything: tests make more networks in one account than AWS's own five.
Source: API reference of EC2, "Error codes": AddressLimitExceeded, VpcLimitExceeded.
"""

from collections.abc import Callable

from ministack.services import ec2

from ..cloudformation.resource_handlers import Create, Created, Properties, refuse, wrap_create
from .limits import ADDRESSES, VPCS, set_quotas

Query = dict[str, list[str]]
QueryResponse = tuple[int, dict[str, str], bytes]
Refusal = Callable[[], tuple[str, str] | None]


def _addresses() -> tuple[str, str] | None:
    if len(ec2._addresses) >= set_quotas().get(ADDRESSES, float("inf")):
        return "AddressLimitExceeded", "The maximum number of addresses has been reached."
    return None


def _vpcs() -> tuple[str, str] | None:
    if len(ec2._vpcs) >= set_quotas().get(VPCS, float("inf")):
        return "VpcLimitExceeded", "The maximum number of VPCs has been reached."
    return None


def _guard(action: str, kind: str, refusal: Refusal) -> None:
    original: Callable[[Query], QueryResponse] = ec2._ACTION_MAP[action]

    def guarded(query: Query) -> QueryResponse:
        problem = refusal()
        response: QueryResponse = ec2._error(*problem, 400) if problem else original(query)
        return response

    def create(make: Create, logical_id: str, props: Properties, stack: str) -> Created:
        if problem := refusal():
            raise refuse(f"{problem[1]} ({problem[0]})", "Ec2")
        return make(logical_id, props, stack)

    ec2._ACTION_MAP[action] = guarded
    wrap_create(kind, create)


def install() -> None:
    """Put the limits in front of the EC2 API and of the CloudFormation types."""
    _guard("AllocateAddress", "AWS::EC2::EIP", _addresses)
    _guard("CreateVpc", "AWS::EC2::VPC", _vpcs)
