"""What Karpenter needs in AWS, as the stack `Karpenter-<cluster>` (specification, "Karpenter Stack Deployment").

Source: Karpenter, "Reference > CloudFormation" (v1.14).
"""

from typing import Any

from troposphere import GetAtt, Ref, Template
from troposphere.events import Rule, Target
from troposphere.iam import ManagedPolicy, Role
from troposphere.sqs import Queue, QueuePolicy

from eks_assets.graph.unit import unit
from eks_assets.units.cluster._karpenter_policies import controller_policies, policy_name
from resources.cloudformation import add_outputs, aws_policy, boundary_properties, cluster_tags, tls_only, trust_policy
from resources.config.environment import Environment
from resources.model.outputs import Outputs
from resources.model.specs import Stack


class KarpenterOutputs(Outputs):
    """The role of Karpenter's nodes, and the queue that tells it of interruptions."""

    node_role_arn: str
    node_role_name: str
    queue_name: str


_NODE_POLICIES = (
    "AmazonEKS_CNI_Policy",
    "AmazonEKSWorkerNodePolicy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
)
_EVENTS = {
    "ScheduledChangeRule": ("aws.health", "AWS Health Event"),
    "SpotInterruptionRule": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "RebalanceRule": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "InstanceStateChangeRule": ("aws.ec2", "EC2 Instance State-change Notification"),
    "CapacityReservationInterruptionRule": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
}


@unit(wave="cluster", minutes=1, when=lambda env: not env.cluster.auto_mode)
def karpenter_stack(env: Environment) -> Stack[KarpenterOutputs]:
    """Karpenter's node role, controller policies, interruption queue and event rules."""
    template = Template(Description=f"Resources used by Karpenter in {env.cluster_name}")
    role = template.add_resource(
        Role(
            "KarpenterNodeRole",
            RoleName=f"KarpenterNodeRole-{env.cluster_name}",
            AssumeRolePolicyDocument=trust_policy({"Service": "ec2.amazonaws.com"}),
            ManagedPolicyArns=[aws_policy(env, name) for name in _NODE_POLICIES],
            **boundary_properties(env),
        )
    )
    queue = template.add_resource(
        Queue(
            "KarpenterInterruptionQueue",
            QueueName=env.cluster_name,
            MessageRetentionPeriod=300,
            SqsManagedSseEnabled=True,
            # Messages live five minutes: nothing to keep.
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        )
    )
    documents = controller_policies(env.cluster_name, GetAtt(role, "Arn").to_dict(), GetAtt(queue, "Arn").to_dict())
    for name, document in documents.items():
        full_name = policy_name(name, env.cluster_name)
        template.add_resource(ManagedPolicy(f"{name}Policy", ManagedPolicyName=full_name, PolicyDocument=document))
    template.add_resource(
        QueuePolicy("KarpenterInterruptionQueuePolicy", Queues=[Ref(queue)], PolicyDocument=_queue_policy(queue))
    )
    for name, (source, detail) in _EVENTS.items():
        pattern = {"source": [source], "detail-type": [detail]}
        target = Target(Id="KarpenterInterruptionQueueTarget", Arn=GetAtt(queue, "Arn"))
        template.add_resource(Rule(name, EventPattern=pattern, Targets=[target]))
    values = {
        "node_role_arn": GetAtt(role, "Arn"),
        "node_role_name": Ref(role),
        "queue_name": GetAtt(queue, "QueueName"),
    }
    add_outputs(template, KarpenterOutputs, **values)
    # A name of its own: people know it from Karpenter's guide.
    return Stack[KarpenterOutputs](name=env.karpenter_stack, template=template.to_dict(), tags=cluster_tags(env))


def _queue_policy(queue: Queue) -> dict[str, Any]:
    arn = GetAtt(queue, "Arn")
    return {
        "Version": "2012-10-17",
        "Id": "EC2InterruptionPolicy",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["events.amazonaws.com", "sqs.amazonaws.com"]},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            },
            {"Sid": "DenyHTTP", **tls_only("sqs:*", arn)},
        ],
    }
