"""Security groups that several units share."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Tags, Template, ec2

from eks_assets.graph.unit import unit
from eks_assets.units.network.network import NetworkOutputs
from resources.cloudformation import add_outputs, stack_tags, text_parameter
from resources.config.environment import Environment
from resources.model.outputs import Outputs
from resources.model.specs import Stack


class SecurityGroupsOutputs(Outputs):
    """Who may reach the file system, the load balancers and the nodes."""

    efs_security_group_id: str
    load_balancer_security_group_id: str
    node_security_group_id: str


@unit(wave="network", minutes=1)
def security_groups(env: Environment, network: NetworkOutputs) -> Stack[SecurityGroupsOutputs]:
    """Shared security groups: NFS from the VPC to EFS, HTTP and HTTPS to load balancers, load balancers to nodes."""
    template = Template(Description=f"Shared security groups of {env.cluster_name}")
    vpc_id = text_parameter(template, "VpcId", "VPC of the groups")
    cidr = text_parameter(template, "CidrBlock", "Addresses of the VPC")

    def group(
        title: str, description: str, rules: list[ec2.SecurityGroupRule], tags: dict[str, str]
    ) -> ec2.SecurityGroup:
        added: ec2.SecurityGroup = template.add_resource(
            ec2.SecurityGroup(
                title, GroupDescription=description, VpcId=vpc_id, SecurityGroupIngress=rules, Tags=Tags(tags)
            )
        )
        return added

    def named(name: str) -> dict[str, str]:
        return {"Name": f"{env.resource_prefix}-{name}"}

    efs = group("EfsSecurityGroup", "NFS from the VPC", [_rule(2049, "NFS from the VPC", CidrIp=cidr)], named("efs"))
    web = [_rule(port, f"{what} from anywhere", CidrIp="0.0.0.0/0") for port, what in ((80, "HTTP"), (443, "HTTPS"))]
    balancer = group("LoadBalancerSecurityGroup", "Web traffic to load balancers", web, named("load-balancer"))
    # No kubernetes.io/cluster tag: the load balancer controller refuses a node with two groups that carry it.
    node = group(
        "NodeSecurityGroup",
        "Load balancers to pods and node ports",
        [_rule((1024, 65535), "from load balancers", SourceSecurityGroupId=GetAtt(balancer, "GroupId"))],
        {**named("node"), "karpenter.sh/discovery": env.cluster_name},
    )
    add_outputs(
        template,
        SecurityGroupsOutputs,
        efs_security_group_id=GetAtt(efs, "GroupId"),
        load_balancer_security_group_id=GetAtt(balancer, "GroupId"),
        node_security_group_id=GetAtt(node, "GroupId"),
    )
    return Stack[SecurityGroupsOutputs](
        template=template.to_dict(),
        parameters={"VpcId": network.vpc_id, "CidrBlock": network.cidr_block},
        tags=stack_tags(env),
    )


def _rule(ports: int | tuple[int, int], description: str, **source: Any) -> ec2.SecurityGroupRule:
    first, last = (ports, ports) if isinstance(ports, int) else ports
    return ec2.SecurityGroupRule(IpProtocol="tcp", FromPort=first, ToPort=last, Description=description, **source)
