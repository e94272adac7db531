"""The units of the wave `network`, as an environment renders them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest

from eks_assets.units.network._address_plan import plan_zones
from eks_assets.units.network.hosted_zone import HostedZoneOutputs, hosted_zone, zone_id_of
from eks_assets.units.network.network import NetworkOutputs, network
from eks_assets.units.network.security_groups import SecurityGroupsOutputs, security_groups
from eks_assets.units.network.zone_lookup import zone_lookup
from resources.config.environment import Environment
from resources.config.settings.network import Network
from resources.drivers.stack.driver import stack_outputs
from resources.model.errors import ConfigError
from resources.model.outputs import pending_fields, pending_outputs
from resources.model.specs import Lookup, Stack

Lint = Callable[[dict[str, Any]], list[str]]


def with_network(env: Environment, **create: Any) -> Environment:
    """The environment with other settings of the VPC that it makes."""
    assert env.network.create is not None
    changed = env.network.create.model_copy(update=create)
    return env.model_copy(update={"network": Network(create=changed)})


def stack_of(env: Environment) -> Stack[NetworkOutputs]:
    spec = network(env)
    assert isinstance(spec, Stack)
    return spec


def of_type(spec: Stack[Any], kind: str) -> dict[str, dict[str, Any]]:
    resources = {k: r for k, r in spec.template["Resources"].items() if r["Type"] == f"AWS::{kind}"}
    return {title: resource["Properties"] for title, resource in resources.items()}


def tags_of(properties: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in properties["Tags"]}


def test_vpc_has_the_environments_block_name_and_tags(sandbox_env: Environment) -> None:
    """Block, name and tags are the environment's."""
    spec = stack_of(sandbox_env)
    (vpc,) = of_type(spec, "EC2::VPC").values()
    assert spec.tags == {"eks-assets:environment": "sandbox"}
    assert vpc["CidrBlock"] == "10.0.0.0/16"
    assert tags_of(vpc)["Name"] == "demo-sandbox-vpc"


def test_subnets_carry_tags_that_kubernetes_selects(sandbox_env: Environment) -> None:
    """Load balancers and Karpenter find subnets by their tags."""
    subnets = of_type(stack_of(sandbox_env), "EC2::Subnet")
    private, public = tags_of(subnets["PrivateSubnetA"]), tags_of(subnets["PublicSubnetA"])
    assert private["kubernetes.io/role/internal-elb"] == "1"
    assert private["karpenter.sh/discovery"] == "demo-sandbox-cluster"
    assert public["kubernetes.io/role/elb"] == "1"
    assert "karpenter.sh/discovery" not in public
    assert subnets["PublicSubnetA"]["AvailabilityZone"] == "us-west-2a"
    assert [s["MapPublicIpOnLaunch"] for s in subnets.values()] == [False, False, True, True]


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "10.0.0.0/22"])
def test_subnets_lie_in_the_block_and_do_not_overlap(cidr: str) -> None:
    """Subnets of up to six zones fit into the VPC's block."""
    plans = plan_zones(cidr, tuple(f"us-east-1{letter}" for letter in "abcdef"))
    blocks = [ipaddress.IPv4Network(b) for p in plans for b in (p.private_cidr, p.public_cidr)]
    assert all(block.subnet_of(ipaddress.IPv4Network(cidr)) for block in blocks)
    assert not any(a.overlaps(b) for i, a in enumerate(blocks) for b in blocks[i + 1 :])
    assert min(16, *(block.num_addresses for block in blocks)) == 16  # AWS refuses subnets below /28


def test_subnets_stay_if_a_zone_is_added() -> None:
    """A subnet's block follows from its zone's letter, not from its place in the list."""
    before = plan_zones("10.0.0.0/16", ("us-west-2c", "us-west-2b"))
    after = plan_zones("10.0.0.0/16", ("us-west-2a", "us-west-2b", "us-west-2c"))
    assert set(before) < set(after)


def test_nat_gateways_are_one_for_all_zones_or_one_each(sandbox_env: Environment, prod_env: Environment) -> None:
    """Private routes lead through one NAT gateway or through each zone's own."""

    def ways_out(env: Environment) -> list[str]:
        routes = of_type(stack_of(env), "EC2::Route")
        return [r["NatGatewayId"]["Ref"] for title, r in routes.items() if title.startswith("Private")]

    assert ways_out(sandbox_env) == ["NatA", "NatA"]
    assert ways_out(prod_env) == ["NatA", "NatB", "NatC"]


def test_endpoints_are_gateways_or_interfaces(prod_env: Environment) -> None:
    """S3 is a gateway endpoint in all route tables, others are interfaces in each zone."""
    endpoints = of_type(stack_of(prod_env), "EC2::VPCEndpoint")
    assert endpoints["S3Endpoint"]["VpcEndpointType"] == "Gateway"
    assert len(endpoints["S3Endpoint"]["RouteTableIds"]) == 4
    assert endpoints["EcrApiEndpoint"]["ServiceName"] == "com.amazonaws.eu-west-1.ecr.api"
    assert endpoints["EcrApiEndpoint"]["PrivateDnsEnabled"] is True
    assert len(endpoints["EcrApiEndpoint"]["SubnetIds"]) == 3


@pytest.mark.parametrize(("asked", "kept"), [(7, 7), (8, 14), (5000, 3653)])
def test_flow_logs_are_kept_at_least_as_long_as_asked(sandbox_env: Environment, asked: int, kept: int) -> None:
    """The retention is the next that CloudWatch offers."""
    (group,) = of_type(stack_of(with_network(sandbox_env, flow_log_days=asked)), "Logs::LogGroup").values()
    assert group["RetentionInDays"] == kept


def test_network_outputs_are_read_back(sandbox_env: Environment) -> None:
    """What the stack outputs as joined text is read as tuples."""
    spec = stack_of(sandbox_env)
    outputs = spec.template["Outputs"]
    assert outputs["Zones"]["Value"] == "us-west-2a,us-west-2b"
    assert outputs["PrivateSubnetIds"]["Value"] == {
        "Fn::Join": [",", [{"Ref": "PrivateSubnetA"}, {"Ref": "PrivateSubnetB"}]]
    }
    read = stack_outputs(spec, [{"OutputKey": key, "OutputValue": f"{key}-1,{key}-2"} for key in outputs])
    assert isinstance(read, NetworkOutputs)
    assert read.public_subnet_ids == ("PublicSubnetIds-1", "PublicSubnetIds-2")


def test_existing_vpc_is_looked_up_by_name_or_by_tags(sandbox_env: Environment) -> None:
    """A VPC that exists is a lookup with the same outputs as the stack."""

    def query(lookup: dict[str, Any]) -> dict[str, str]:
        changed = Network.model_validate({"lookup": lookup})
        spec = network(sandbox_env.model_copy(update={"network": changed}))
        assert isinstance(spec, Lookup)
        assert spec.outputs_type() is NetworkOutputs
        return spec.query

    assert query({}) == {"Name": "demo-sandbox-vpc"}
    assert query({"tags": {"team": "platform"}}) == {"team": "platform"}


def test_hosted_zone_is_made_if_the_environment_owns_it(
    sandbox_env: Environment, prod_env: Environment, lint: Lint
) -> None:
    """The zone is created where the environment says so, and checked for being served."""
    assert hosted_zone.is_enabled(sandbox_env)
    assert not hosted_zone.is_enabled(prod_env)
    spec = hosted_zone(sandbox_env)
    assert of_type(spec, "Route53::HostedZone")["HostedZone"]["Name"] == "sandbox.test"
    assert set(spec.template["Outputs"]) == {"ZoneId", "NameServers"}
    assert [check.name for check in hosted_zone.checks] == ["stack_complete", "zone_served"]
    assert lint(spec.template) == []


def test_zone_lookup_reads_named_zone_of_own_account(sandbox_env: Environment, prod_env: Environment) -> None:
    """A named zone is looked up unless it is in another account."""
    named = prod_env.model_copy(update={"hosted_zone": prod_env.hosted_zone.model_copy(update={"role": None})})
    assert zone_lookup(named).query == {"id": named.hosted_zone.id, "name": named.hosted_zone.name}
    assert zone_lookup.is_enabled(named)
    assert not zone_lookup.is_enabled(sandbox_env)
    assert prod_env.hosted_zone.role is not None
    assert not zone_lookup.is_enabled(prod_env)


def test_zone_id_is_made_or_named(sandbox_env: Environment, prod_env: Environment) -> None:
    """The id comes from the made zone or from the file; a zone switched off is an error."""
    made = HostedZoneOutputs(zone_id="ZMADE", name_servers=("ns-1",))
    assert zone_id_of(sandbox_env, made) == "ZMADE"
    assert zone_id_of(prod_env, None) == "Z0123456789PRODACME"
    with pytest.raises(ConfigError, match="hosted_zone is switched off"):
        zone_id_of(sandbox_env, None)


def test_security_groups_admit_only_declared_ports(sandbox_env: Environment) -> None:
    """NFS from the VPC, web from everywhere, nodes from the load balancer."""
    spec = security_groups(sandbox_env, pending_outputs(NetworkOutputs, "network"))
    groups = of_type(spec, "EC2::SecurityGroup")
    (nfs,) = groups["EfsSecurityGroup"]["SecurityGroupIngress"]
    assert (nfs["FromPort"], nfs["ToPort"], nfs["CidrIp"]) == (2049, 2049, {"Ref": "CidrBlock"})
    web = groups["LoadBalancerSecurityGroup"]["SecurityGroupIngress"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in web] == [(80, 80), (443, 443)]
    (node,) = groups["NodeSecurityGroup"]["SecurityGroupIngress"]
    assert node["SourceSecurityGroupId"] == {"Fn::GetAtt": ["LoadBalancerSecurityGroup", "GroupId"]}
    assert tags_of(groups["NodeSecurityGroup"])["karpenter.sh/discovery"] == "demo-sandbox-cluster"


def test_security_groups_take_the_vpc_as_parameters(sandbox_env: Environment) -> None:
    """The template is the same whether the VPC is known or not."""
    unknown = security_groups(sandbox_env, pending_outputs(NetworkOutputs, "network"))
    assert pending_fields(unknown.parameters) == ("network.cidr_block", "network.vpc_id")
    assert pending_fields(unknown.template) == ()
    known = NetworkOutputs(
        vpc_id="vpc-1", cidr_block="10.0.0.0/16", private_subnet_ids=(), public_subnet_ids=(), zones=()
    )
    assert security_groups(sandbox_env, known).parameters == {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}
    assert security_groups(sandbox_env, known).template == unknown.template
    keys = unknown.template["Outputs"]
    assert stack_outputs(unknown, [{"OutputKey": key, "OutputValue": key} for key in keys]) == SecurityGroupsOutputs(
        efs_security_group_id="EfsSecurityGroupId",
        load_balancer_security_group_id="LoadBalancerSecurityGroupId",
        node_security_group_id="NodeSecurityGroupId",
    )


@pytest.mark.parametrize("which", ["sandbox_env", "prod_env"])
def test_network_templates_pass_cfn_lint(which: str, request: pytest.FixtureRequest, lint: Lint) -> None:
    """cfn-lint has no findings in the wave's templates."""
    env: Environment = request.getfixturevalue(which)
    assert lint(stack_of(env).template) == []
    assert lint(security_groups(env, pending_outputs(NetworkOutputs, "network")).template) == []
