"""Where CI systems ask for a deploy."""

from __future__ import annotations

from troposphere import GetAtt, Ref, Template, sqs

from eks_assets.graph.unit import unit
from resources.cloudformation import add_outputs, deny, policy_document, stack_tags
from resources.config.environment import Environment
from resources.model.outputs import Outputs
from resources.model.specs import Stack

RECEIVED_AT_MOST = 3
DAY = 24 * 3600


class DeployRequests(Outputs):
    """URLs of the queue of requests, and of the one that keeps those nobody could read."""

    queue_url: str
    dead_letter_queue_url: str


@unit(wave="infrastructure", minutes=1)
def deploy_requests(env: Environment) -> Stack[DeployRequests]:
    """The encrypted SQS queue in which CI systems ask for a deploy; what cannot be read ends in a dead-letter queue.

    An identity of this account sends if its own IAM policies allow sqs:SendMessage on the queue."""
    template = Template(Description=f"Deploy requests of {env.resource_prefix}")
    dead = _queue("DeadLetterQueue", f"{queue_name(env)}-dlq", MessageRetentionPeriod=14 * DAY)
    redrive = sqs.RedrivePolicy(deadLetterTargetArn=GetAtt(dead, "Arn"), maxReceiveCount=RECEIVED_AT_MOST)
    queue = _queue("Queue", queue_name(env), MessageRetentionPeriod=4 * DAY, RedrivePolicy=redrive)
    for one in (queue, dead):
        template.add_resource(one)
        if not env.sandbox:  # whose AWS speaks plain HTTP
            template.add_resource(_tls_only(one))
    add_outputs(template, DeployRequests, queue_url=Ref(queue), dead_letter_queue_url=Ref(dead))
    return Stack[DeployRequests](
        name=env.stack_name("deploy_requests"), template=template.to_dict(), tags=stack_tags(env)
    )


def queue_name(env: Environment) -> str:
    """The queue's name, for those who have no outputs at hand: `<prefix>-deploy-requests`."""
    return f"{env.resource_prefix}-deploy-requests"


def _queue(title: str, name: str, **more: object) -> sqs.Queue:
    # A request that is lost with its stack can be sent again.
    return sqs.Queue(
        title,
        QueueName=name,
        SqsManagedSseEnabled=True,
        VisibilityTimeout=60,
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        **more,
    )


def _tls_only(queue: sqs.Queue) -> sqs.QueuePolicy:
    plain_text = deny(["sqs:*"], GetAtt(queue, "Arn"), Bool={"aws:SecureTransport": "false"})
    return sqs.QueuePolicy(
        f"{queue.title}Policy", Queues=[Ref(queue)], PolicyDocument=policy_document({**plain_text, "Principal": "*"})
    )
