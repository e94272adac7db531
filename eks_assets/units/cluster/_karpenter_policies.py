"""IAM policy documents of Karpenter's controller: pure.

Source: Karpenter, "Reference > CloudFormation" (v1.14), whose six policies and statement ids these are.
"""

from __future__ import annotations

from typing import Any

Statement = dict[str, Any]
POLICY_NAMES = ("NodeLifecycle", "IAMIntegration", "EKSIntegration", "Interruption", "ZonalShift", "ResourceDiscovery")
_TAGGED = ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")


def controller_policies(cluster: str, node_role_arn: Any, queue_arn: Any) -> dict[str, dict[str, Any]]:
    """Policy documents by the short name in `KarpenterController<name>Policy-<cluster>`."""
    statements: dict[str, list[Statement]] = {
        "NodeLifecycle": _node_lifecycle(cluster),
        "IAMIntegration": _iam_integration(cluster, node_role_arn),
        "EKSIntegration": [
            _allow("AllowAPIServerEndpointDiscovery", ["eks:DescribeCluster"], _sub(_cluster_arn(cluster))),
        ],
        "Interruption": [
            _allow(
                "AllowInterruptionQueueActions",
                ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
                queue_arn,
            )
        ],
        "ZonalShift": [
            _allow(
                "AllowZonalShiftStatusReadOnly",
                ["arc-zonal-shift:GetManagedResource"],
                "*",
                {"StringEquals": {"arc-zonal-shift:ResourceIdentifier": _sub(_cluster_arn(cluster))}},
            )
        ],
        "ResourceDiscovery": _resource_discovery(),
    }
    return {name: {"Version": "2012-10-17", "Statement": listed} for name, listed in statements.items()}


def policy_name(short: str, cluster: str) -> str:
    """The name of one of POLICY_NAMES in IAM."""
    return f"KarpenterController{short}Policy-{cluster}"


def _sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


def _cluster_arn(cluster: str) -> str:
    return "arn:${AWS::Partition}:eks:${AWS::Region}:${AWS::AccountId}:cluster/" + cluster


def _ec2(*kinds: str, account: str = "*") -> list[dict[str, str]]:
    return [_sub("arn:${AWS::Partition}:ec2:${AWS::Region}:" + f"{account}:{kind}/*") for kind in kinds]


def _allow(sid: str, actions: list[str], resource: Any, condition: dict[str, Any] | None = None) -> Statement:
    statement: Statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
    return statement | {"Condition": condition} if condition else statement


def _owned(where: str, cluster: str, **more: Any) -> dict[str, Any]:
    """Tagged as Karpenter's own for this cluster; `where` is RequestTag or ResourceTag."""
    return {f"aws:{where}/kubernetes.io/cluster/{cluster}": "owned"} | more


def _node_lifecycle(cluster: str) -> list[Statement]:
    pool = {"StringLike": {"aws:ResourceTag/karpenter.sh/nodepool": "*"}}
    new_pool = {"StringLike": {"aws:RequestTag/karpenter.sh/nodepool": "*"}}
    requested = _owned("RequestTag", cluster) | {"aws:RequestTag/eks:eks-cluster-name": cluster}
    owned = {"StringEquals": _owned("ResourceTag", cluster)}
    created_by = {"ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"]}
    return [
        _allow(
            "AllowScopedEC2InstanceAccessActions",
            ["ec2:RunInstances", "ec2:CreateFleet"],
            _ec2("image", "snapshot", account="")
            + _ec2("security-group", "subnet", "capacity-reservation", "placement-group"),
        ),
        _allow(
            "AllowScopedEC2LaunchTemplateAccessActions",
            ["ec2:RunInstances", "ec2:CreateFleet"],
            _ec2("launch-template"),
            owned | pool,
        ),
        _allow(
            "AllowScopedEC2InstanceActionsWithTags",
            ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
            _ec2(*_TAGGED),
            {"StringEquals": requested} | new_pool,
        ),
        _allow(
            "AllowScopedResourceCreationTagging",
            ["ec2:CreateTags"],
            _ec2(*_TAGGED),
            {"StringEquals": requested | created_by} | new_pool,
        ),
        _allow(
            "AllowScopedResourceTagging",
            ["ec2:CreateTags"],
            _ec2("instance"),
            owned
            | pool
            | {
                "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": cluster},
                "ForAllValues:StringEquals": {
                    "aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]
                },
            },
        ),
        _allow(
            "AllowScopedDeletion",
            ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
            _ec2("instance", "launch-template"),
            owned | pool,
        ),
    ]


def _iam_integration(cluster: str, node_role_arn: Any) -> list[Statement]:
    profiles = _sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:instance-profile/*")
    region = _sub("${AWS::Region}")
    requested = _owned("RequestTag", cluster) | {
        "aws:RequestTag/eks:eks-cluster-name": cluster,
        "aws:RequestTag/topology.kubernetes.io/region": region,
    }
    owned = _owned("ResourceTag", cluster) | {"aws:ResourceTag/topology.kubernetes.io/region": region}
    requested_class = {"aws:RequestTag/karpenter.k8s.aws/ec2nodeclass": "*"}
    owned_class = {"aws:ResourceTag/karpenter.k8s.aws/ec2nodeclass": "*"}
    return [
        _allow(
            "AllowPassingInstanceRole",
            ["iam:PassRole"],
            node_role_arn,
            {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}},
        ),
        _allow(
            "AllowScopedInstanceProfileCreationActions",
            ["iam:CreateInstanceProfile"],
            profiles,
            {"StringEquals": requested, "StringLike": requested_class},
        ),
        _allow(
            "AllowScopedInstanceProfileTagActions",
            ["iam:TagInstanceProfile"],
            profiles,
            {"StringEquals": owned | requested, "StringLike": owned_class | requested_class},
        ),
        _allow(
            "AllowScopedInstanceProfileActions",
            ["iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"],
            profiles,
            {"StringEquals": owned, "StringLike": owned_class},
        ),
    ]


def _resource_discovery() -> list[Statement]:
    described = (
        "CapacityReservations",
        "Images",
        "Instances",
        "InstanceStatus",
        "InstanceTypeOfferings",
        "InstanceTypes",
        "LaunchTemplates",
        "PlacementGroups",
        "SecurityGroups",
        "SpotPriceHistory",
        "Subnets",
    )
    return [
        _allow(
            "AllowRegionalReadActions",
            [f"ec2:Describe{kind}" for kind in described],
            "*",
            {"StringEquals": {"aws:RequestedRegion": _sub("${AWS::Region}")}},
        ),
        _allow(
            "AllowSSMReadActions",
            ["ssm:GetParameter"],
            _sub("arn:${AWS::Partition}:ssm:${AWS::Region}::parameter/aws/service/*"),
        ),
        _allow("AllowPricingReadActions", ["pricing:GetProducts"], "*"),
        _allow("AllowUnscopedInstanceProfileListAction", ["iam:ListInstanceProfiles"], "*"),
        _allow(
            "AllowInstanceProfileReadActions",
            ["iam:GetInstanceProfile"],
            _sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:instance-profile/*"),
        ),
    ]
