"""Where CI systems ask for a deploy."""

from __future__ import annotations

from troposphere import GetAtt, Ref, Template, sqs

from eks_assets.graph.unit import unit
from resources.cloudformation import add_outputs, policy_document, stack_tags, tls_only
from resources.config.environment import Environment
from resources.config.names import queue_name
from resources.model.outputs import Outputs
from resources.model.specs import Stack

RECEIVED_AT_MOST = 3
DAY = 24 * 3600


class DeployRequestsOutputs(Outputs):
    """URLs of the queue of requests, and of the one that keeps those nobody could read."""

    queue_url: str
    dead_letter_queue_url: str


@unit(wave="infrastructure", minutes=1)
def deploy_requests(env: Environment) -> Stack[DeployRequestsOutputs]:
    """The encrypted SQS queue in which CI systems ask for a deploy; what cannot be read ends in a dead-letter queue.

    An identity of this account sends if its own IAM policies allow sqs:SendMessage on the queue."""
    template = Template(Description=f"Deploy requests of {env.resource_prefix}")
    dead = _queue("DeadLetterQueue", f"{queue_name(env)}-dlq", MessageRetentionPeriod=14 * DAY)
    redrive = sqs.RedrivePolicy(deadLetterTargetArn=GetAtt(dead, "Arn"), maxReceiveCount=RECEIVED_AT_MOST)
    queue = _queue("Queue", queue_name(env), MessageRetentionPeriod=4 * DAY, RedrivePolicy=redrive)
    for one in (queue, dead):
        template.add_resource(one)
        if not env.sandbox:  # its AWS is reached over plain HTTP
            template.add_resource(_policy(one))
    add_outputs(template, DeployRequestsOutputs, queue_url=Ref(queue), dead_letter_queue_url=Ref(dead))
    return Stack[DeployRequestsOutputs](template=template.to_dict(), tags=stack_tags(env))


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


def _policy(queue: sqs.Queue) -> sqs.QueuePolicy:
    document = policy_document(tls_only(["sqs:*"], GetAtt(queue, "Arn")))
    return sqs.QueuePolicy(f"{queue.title}Policy", Queues=[Ref(queue)], PolicyDocument=document)
