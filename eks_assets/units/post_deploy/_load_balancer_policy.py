"""What the AWS Load Balancer Controller may do: AWSLoadBalancerControllerIAMPolicy as of its release 2.13 and later.

Source: AWS Load Balancer Controller, "Installation guide: configure IAM". The controller tags what it makes with
`elbv2.k8s.aws/cluster`; most rights end where that tag is missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from resources.cloudformation import Document, allow

_OURS_BY_REQUEST = {"aws:RequestTag/elbv2.k8s.aws/cluster": "false"}
_OURS_BY_RESOURCE = {"aws:ResourceTag/elbv2.k8s.aws/cluster": "false"}
_RETAGGING_OURS = {"aws:RequestTag/elbv2.k8s.aws/cluster": "true", **_OURS_BY_RESOURCE}

_DESCRIBE_EC2 = """
    AccountAttributes Addresses AvailabilityZones CoipPools Instances InternetGateways IpamPools NetworkInterfaces
    RouteTables SecurityGroups Subnets Tags VpcPeeringConnections Vpcs
"""
_DESCRIBE_BALANCERS = """
    CapacityReservation ListenerAttributes ListenerCertificates Listeners LoadBalancerAttributes LoadBalancers Rules
    SSLPolicies Tags TargetGroupAttributes TargetGroups TargetHealth TrustStores
"""
_CHANGE_OURS = """
    DeleteLoadBalancer DeleteTargetGroup ModifyCapacityReservation ModifyIpPools ModifyListenerAttributes
    ModifyLoadBalancerAttributes ModifyTargetGroup ModifyTargetGroupAttributes SetIpAddressType SetSecurityGroups
    SetSubnets
"""
_CHANGE_LISTENERS = """
    AddListenerCertificates ModifyListener ModifyRule RemoveListenerCertificates SetRulePriorities SetWebAcl
"""


def load_balancer_controller_statements(partition: str) -> list[Document]:
    """The policy's statements for a partition (`aws`, `aws-cn`, `aws-us-gov`)."""
    return [*_reading(), *_security_groups(partition), *_tagging(partition), *_balancing(partition)]


def _elb(names: str) -> list[str]:
    return _prefixed("elasticloadbalancing:", names.split())


def _prefixed(prefix: str, names: Iterable[str]) -> list[str]:
    return [prefix + name for name in names]


def _reading() -> list[Document]:
    """What the controller looks at, and the certificates, firewalls and shields that an Ingress may name."""
    elsewhere = [
        *_prefixed("acm:", ["DescribeCertificate", "ListCertificates"]),
        "cognito-idp:DescribeUserPoolClient",
        *_prefixed("iam:", ["GetServerCertificate", "ListServerCertificates"]),
        *_prefixed("shield:", ["CreateProtection", "DeleteProtection", "DescribeProtection", "GetSubscriptionState"]),
        *(
            f"{firewall}:{verb}"
            for firewall in ("waf-regional", "wafv2")
            for verb in ("AssociateWebACL", "DisassociateWebACL", "GetWebACL", "GetWebACLForResource")
        ),
    ]
    service = {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}
    return [
        allow(["iam:CreateServiceLinkedRole"], StringEquals=service),
        allow(
            [
                *_prefixed("ec2:Describe", _DESCRIBE_EC2.split()),
                "ec2:GetCoipPoolUsage",
                "ec2:GetSecurityGroupsForVpc",
                *_prefixed("elasticloadbalancing:Describe", _DESCRIBE_BALANCERS.split()),
            ]
        ),
        allow(elsewhere),
    ]


def _security_groups(partition: str) -> list[Document]:
    groups = f"arn:{partition}:ec2:*:*:security-group/*"
    rules = ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"]
    making = {"ec2:CreateAction": "CreateSecurityGroup"}
    return [
        allow(rules),  # also on the nodes' own groups, which the controller did not make
        allow(["ec2:CreateSecurityGroup"]),
        allow(["ec2:CreateTags"], groups, StringEquals=making, Null=_OURS_BY_REQUEST),
        allow(["ec2:CreateTags", "ec2:DeleteTags"], groups, Null=_RETAGGING_OURS),
        allow([*rules, "ec2:DeleteSecurityGroup"], Null=_OURS_BY_RESOURCE),
    ]


def _tagging(partition: str) -> list[Document]:
    head = f"arn:{partition}:elasticloadbalancing:*:*"
    balancers = [f"{head}:targetgroup/*/*", f"{head}:loadbalancer/net/*/*", f"{head}:loadbalancer/app/*/*"]
    listeners = [f"{head}:{kind}/{of}/*/*/*" for kind in ("listener", "listener-rule") for of in ("net", "app")]
    making = {"elasticloadbalancing:CreateAction": ["CreateTargetGroup", "CreateLoadBalancer"]}
    return [
        allow(_elb("AddTags RemoveTags"), balancers, Null=_RETAGGING_OURS),
        allow(_elb("AddTags RemoveTags"), listeners),
        allow(_elb("AddTags"), balancers, StringEquals=making, Null=_OURS_BY_REQUEST),
    ]


def _balancing(partition: str) -> list[Document]:
    return [
        allow(_elb("CreateLoadBalancer CreateTargetGroup"), Null=_OURS_BY_REQUEST),
        allow(_elb("CreateListener CreateRule DeleteListener DeleteRule")),
        allow(_elb(_CHANGE_OURS), Null=_OURS_BY_RESOURCE),
        allow(_elb("DeregisterTargets RegisterTargets"), f"arn:{partition}:elasticloadbalancing:*:*:targetgroup/*/*"),
        allow(_elb(_CHANGE_LISTENERS)),
    ]
