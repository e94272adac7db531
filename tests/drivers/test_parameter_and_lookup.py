"""The Parameter and Lookup drivers on the embedded AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from eks_assets.graph.unit import AnyUnit, unit
from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.model.outputs import NoOutputs, Outputs
from resources.model.specs import Lookup, Parameter
from tests.helpers.materialization import Materialize, checks, failure, shown

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import TagTypeDef

pytestmark = pytest.mark.sandbox
NAME = "/demo/sandbox/driver-test"
TAG = {"Name": "driver-test"}
INTERNAL, EXTERNAL = "kubernetes.io/role/internal-elb", "kubernetes.io/role/elb"
MakeVpc = Callable[[str, dict[str, str]], str]


class StoredOutputs(Outputs):
    stored: str


class FoundOutputs(Outputs):
    vpc_id: str
    cidr_block: str
    private_subnet_ids: tuple[str, ...]
    public_subnet_ids: tuple[str, ...]
    zones: tuple[str, ...]


def parameter(value: str) -> AnyUnit:
    @unit(wave="infrastructure")
    def stored(env: Environment) -> Parameter[StoredOutputs]:
        """A parameter."""
        return Parameter[StoredOutputs](name=NAME, value=value)

    return stored


def lookup() -> AnyUnit:
    @unit(wave="cluster")
    def found(env: Environment) -> Lookup[FoundOutputs]:
        """A VPC."""
        return Lookup[FoundOutputs](kind="vpc", query=TAG)

    return found


@pytest.fixture
def ssm(admin: Aws) -> Iterator[Any]:
    client = admin.client("ssm")
    yield client
    client.delete_parameter(Name=NAME)


@pytest.fixture
def make_vpc(admin: Aws) -> Iterator[MakeVpc]:
    """Makes a VPC with the tag, and one subnet a zone with a role; removes them all."""
    ec2 = admin.client("ec2")
    made: list[tuple[str, list[str]]] = []

    def make(cidr: str, subnets: dict[str, str]) -> str:
        tags: list[TagTypeDef] = [{"Key": k, "Value": v} for k, v in TAG.items()]
        vpc = ec2.create_vpc(CidrBlock=cidr, TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])["Vpc"]["VpcId"]
        ids = []
        for number, (zone, role) in enumerate(subnets.items()):
            block = cidr.replace(".0.0/16", f".{number}.0/24")
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"]["SubnetId"]
            ec2.create_tags(Resources=[subnet], Tags=[{"Key": role, "Value": "1"}])
            ids.append(subnet)
        made.append((vpc, ids))
        return str(vpc)

    yield make
    for vpc, ids in made:
        for subnet in ids:
            ec2.delete_subnet(SubnetId=subnet)
        ec2.delete_vpc(VpcId=vpc)


def test_parameter_is_created_updated_and_left_alone(materialize: Materialize, ssm: Any) -> None:
    """Without changes the parameter gets no version."""
    created = materialize(parameter("one"))
    assert shown(created, "stored")["result"].startswith("created in")
    assert checks(created)["parameter_stored"][0]
    assert shown(materialize(parameter("one")), "stored")["result"].startswith("nothing to do")
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Version"] == 1
    updated = shown(materialize(parameter("two")), "stored")
    assert updated["result"].startswith("updated in")
    assert "| `value` | `one` | `two` |" in updated["changes"]
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Value"] == "two"


def test_lookup_finds_vpc_and_tells_subnets_apart(materialize: Materialize, make_vpc: MakeVpc) -> None:
    """Private and public subnets are told apart by their tags."""
    vpc = make_vpc("10.90.0.0/16", {"us-west-2a": INTERNAL, "us-west-2b": INTERNAL, "us-west-2c": EXTERNAL})
    metadata = shown(materialize(lookup()), "found")
    assert metadata["result"].startswith("nothing to do")
    assert f"| `vpc_id` | `{vpc}` |" in metadata["outputs"]
    assert "| `zones` | `us-west-2a, us-west-2b` |" in metadata["outputs"]


def test_lookup_of_missing_vpc_names_its_tags(materialize: Materialize, account: Environment) -> None:
    """The error names the tags and the setting."""
    said = failure(materialize(lookup()))
    assert "no VPC has the tags Name=driver-test" in said
    assert "network.lookup.tags" in said


def test_lookup_of_several_vpcs_lists_them(materialize: Materialize, make_vpc: MakeVpc) -> None:
    """Several matches are an error that lists them."""
    first, second = make_vpc("10.90.0.0/16", {}), make_vpc("10.91.0.0/16", {})
    said = failure(materialize(lookup()))
    assert "2 VPCs have the tags Name=driver-test" in said
    assert f"{first} (10.90.0.0/16)" in said
    assert f"{second} (10.91.0.0/16)" in said


def test_lookup_of_vpc_with_one_zone_is_refused(materialize: Materialize, make_vpc: MakeVpc) -> None:
    """A cluster needs private subnets in two zones."""
    vpc = make_vpc("10.90.0.0/16", {"us-west-2a": INTERNAL, "us-west-2b": EXTERNAL})
    said = failure(materialize(lookup()))
    assert f"{vpc} has private subnets (tag {INTERNAL}) in 1 zones; a cluster needs two or more" in said


def zone(zone_id: str, name: str) -> AnyUnit:
    @unit(wave="network")
    def looked_up(env: Environment) -> Lookup[NoOutputs]:
        """A hosted zone."""
        return Lookup[NoOutputs](kind="hosted_zone", query={"id": zone_id, "name": name})

    return looked_up


@pytest.fixture
def zone_id(admin: Aws) -> Iterator[str]:
    route53 = admin.client("route53")
    made = route53.create_hosted_zone(Name="owned.test", CallerReference="driver-test")["HostedZone"]["Id"]
    yield str(made).rpartition("/")[2]
    route53.delete_hosted_zone(Id=made)


@pytest.mark.parametrize("name", ["owned.test", "below.owned.test"])
def test_zone_that_holds_the_domain_passes_its_check(name: str, zone_id: str, materialize: Materialize) -> None:
    """The zone may be the domain's own or its parent's."""
    assert checks(materialize(zone(zone_id, name)))["found"][0]


def test_zone_of_another_domain_is_refused(zone_id: str, materialize: Materialize) -> None:
    """A zone that does not hold the domain is an error."""
    said = failure(materialize(zone(zone_id, "notowned.test")))
    assert f"the hosted zone {zone_id} is owned.test, which does not hold notowned.test" in said
    assert "hosted_zone.id or hosted_zone.name in the file of sandbox" in said


def test_missing_zone_is_named(materialize: Materialize, account: Environment) -> None:
    """A zone that does not exist is an error with its id."""
    assert "there is no hosted zone id=Z0NOTHERE, name=owned.test" in failure(
        materialize(zone("Z0NOTHERE", "owned.test"))
    )
