"""The parts of the network's template: VPC, subnets, ways out, flow logs, private endpoints."""

from __future__ import annotations

import re
from collections.abc import Sequence

from troposphere import GetAtt, Ref, Tags, Template, ec2, iam, logs

from eks_assets.units.network._address_plan import ZonePlan
from resources.cloudformation import allow, build_role, service_trust
from resources.config.environment import Environment
from resources.config.settings.network import CreateNetwork

GATEWAY_ENDPOINTS = ("s3", "dynamodb")
# Source: CloudWatch Logs API reference, PutRetentionPolicy.
LOG_RETENTIONS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


def add_vpc(template: Template, env: Environment, cidr: str) -> ec2.VPC:
    """The VPC and its internet gateway."""
    vpc = ec2.VPC(
        "Vpc",
        CidrBlock=cidr,
        EnableDnsHostnames=True,
        EnableDnsSupport=True,
        Tags=Tags({"Name": env.vpc_name, f"kubernetes.io/cluster/{env.cluster_name}": "shared"}),
    )
    gateway = ec2.InternetGateway("InternetGateway", Tags=Tags(Name=env.vpc_name))
    attachment = ec2.VPCGatewayAttachment("InternetGatewayAttachment", VpcId=Ref(vpc), InternetGatewayId=Ref(gateway))
    for resource in (vpc, gateway, attachment):
        template.add_resource(resource)
    return vpc


def add_subnets(
    template: Template, env: Environment, plans: Sequence[ZonePlan]
) -> tuple[list[ec2.Subnet], list[ec2.Subnet]]:
    """The private and the public subnet of each zone, tagged for load balancers and Karpenter."""
    private = [_subnet(env, "Private", p.zone, p.letter, p.private_cidr) for p in plans]
    public = [_subnet(env, "Public", p.zone, p.letter, p.public_cidr) for p in plans]
    for subnet in (*private, *public):
        template.add_resource(subnet)
    return private, public


def _subnet(env: Environment, kind: str, zone: str, letter: str, cidr: str) -> ec2.Subnet:
    is_public = kind == "Public"
    tags = {
        "Name": f"{env.resource_prefix}-{kind.lower()}-{zone}",
        f"kubernetes.io/cluster/{env.cluster_name}": "shared",
        "kubernetes.io/role/elb" if is_public else "kubernetes.io/role/internal-elb": "1",
    }
    if not is_public:
        tags["karpenter.sh/discovery"] = env.cluster_name
    return ec2.Subnet(
        f"{kind}Subnet{letter}",
        VpcId=Ref("Vpc"),
        AvailabilityZone=zone,
        CidrBlock=cidr,
        MapPublicIpOnLaunch=is_public,
        Tags=Tags(tags),
    )


def add_routes(template: Template, env: Environment, settings: CreateNetwork, plans: Sequence[ZonePlan]) -> None:
    """Public subnets reach the internet through the gateway, private ones through NAT: one for all, or one a zone."""
    template.add_resource(
        ec2.RouteTable("PublicRoutes", VpcId=Ref("Vpc"), Tags=Tags(Name=f"{env.resource_prefix}-public"))
    )
    template.add_resource(
        ec2.Route(
            "PublicDefaultRoute",
            RouteTableId=Ref("PublicRoutes"),
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=Ref("InternetGateway"),
            DependsOn="InternetGatewayAttachment",
        )
    )
    per_zone = settings.nat == "per_zone"
    for plan in plans if per_zone else plans[:1]:
        _add_nat(template, env, plan)
    for plan in plans:
        _add_zone_routes(template, env, plan, nat=plan.letter if per_zone else plans[0].letter)


def _add_nat(template: Template, env: Environment, plan: ZonePlan) -> None:
    name = Tags(Name=f"{env.resource_prefix}-nat-{plan.zone}")
    address = ec2.EIP(f"NatAddress{plan.letter}", Domain="vpc", DependsOn="InternetGatewayAttachment", Tags=name)
    nat = ec2.NatGateway(
        f"Nat{plan.letter}",
        AllocationId=GetAtt(address, "AllocationId"),
        SubnetId=Ref(f"PublicSubnet{plan.letter}"),
        Tags=name,
        DependsOn="PublicDefaultRoute",
    )
    template.add_resource(address)
    template.add_resource(nat)


def _add_zone_routes(template: Template, env: Environment, plan: ZonePlan, *, nat: str) -> None:
    letter = plan.letter
    routes = ec2.RouteTable(
        f"PrivateRoutes{letter}", VpcId=Ref("Vpc"), Tags=Tags(Name=f"{env.resource_prefix}-private-{plan.zone}")
    )
    default = ec2.Route(
        f"PrivateDefaultRoute{letter}",
        RouteTableId=Ref(routes),
        DestinationCidrBlock="0.0.0.0/0",
        NatGatewayId=Ref(f"Nat{nat}"),
    )
    template.add_resource(routes)
    template.add_resource(default)
    for kind, table in (("Public", Ref("PublicRoutes")), ("Private", Ref(routes))):
        template.add_resource(
            ec2.SubnetRouteTableAssociation(
                f"{kind}SubnetRoutes{letter}", RouteTableId=table, SubnetId=Ref(f"{kind}Subnet{letter}")
            )
        )


def add_flow_logs(template: Template, env: Environment, days: int) -> None:
    """Every connection in the VPC, kept for `days` (rounded up to what CloudWatch Logs offers, at most ten years)."""
    # A log group without a name of its own: what is retained then never blocks the name of its successor.
    group = logs.LogGroup(
        "FlowLogGroup",
        RetentionInDays=next((offered for offered in LOG_RETENTIONS if offered >= days), LOG_RETENTIONS[-1]),
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )
    write = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    writer: iam.Role = build_role(
        env,
        "FlowLogRole",
        service_trust(env, "vpc-flow-logs.amazonaws.com"),
        [allow(write, GetAtt(group, "Arn")), allow(["logs:DescribeLogGroups"])],
    )
    flow_log = ec2.FlowLog(
        "FlowLog",
        ResourceId=Ref("Vpc"),
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogGroupName=Ref(group),
        DeliverLogsPermissionArn=GetAtt(writer, "Arn"),
        Tags=Tags(Name=env.vpc_name),
    )
    for resource in (group, writer, flow_log):
        template.add_resource(resource)


def add_endpoints(template: Template, env: Environment, settings: CreateNetwork, plans: Sequence[ZonePlan]) -> None:
    """AWS services without a way through the internet: `s3` and `dynamodb` as gateways, the others as interfaces."""
    if any(service not in GATEWAY_ENDPOINTS for service in settings.endpoints):
        template.add_resource(_endpoint_group(env, settings.cidr))
    for service in settings.endpoints:
        name = service if service.startswith(("com.", "cn.")) else f"com.amazonaws.{env.region}.{service}"
        title = "".join(part.capitalize() for part in re.split(r"[^a-z0-9]", service)) + "Endpoint"
        if service in GATEWAY_ENDPOINTS:
            tables = [Ref("PublicRoutes"), *(Ref(f"PrivateRoutes{p.letter}") for p in plans)]
            endpoint = ec2.VPCEndpoint(
                title, VpcId=Ref("Vpc"), ServiceName=name, VpcEndpointType="Gateway", RouteTableIds=tables
            )
        else:
            endpoint = ec2.VPCEndpoint(
                title,
                VpcId=Ref("Vpc"),
                ServiceName=name,
                VpcEndpointType="Interface",
                PrivateDnsEnabled=True,
                SubnetIds=[Ref(f"PrivateSubnet{p.letter}") for p in plans],
                SecurityGroupIds=[Ref("EndpointSecurityGroup")],
            )
        template.add_resource(endpoint)


def _endpoint_group(env: Environment, cidr: str) -> ec2.SecurityGroup:
    return ec2.SecurityGroup(
        "EndpointSecurityGroup",
        GroupDescription="AWS services reached from inside the VPC",
        VpcId=Ref("Vpc"),
        SecurityGroupIngress=[
            ec2.SecurityGroupRule(
                IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp=cidr, Description="HTTPS from the VPC"
            )
        ],
        Tags=Tags(Name=f"{env.resource_prefix}-endpoints"),
    )
