"""Where the environment's people are told that something needs them, or is done."""

from __future__ import annotations

import hashlib

from troposphere import Ref, Template, sns

from eks_assets.graph.unit import unit
from resources.cloudformation import add_outputs, build_arn, policy_document, stack_tags, tls_only
from resources.config.environment import Environment
from resources.config.names import topic_name
from resources.model.outputs import Outputs
from resources.model.specs import Stack


class NotificationsOutputs(Outputs):
    """The SNS topic of the environment's notifications."""

    topic_arn: str


@unit(wave="infrastructure", minutes=1)
def notifications(env: Environment) -> Stack[NotificationsOutputs]:
    """The encrypted SNS topic of approvals, failures, successes and drift, with the environment's e-mail addresses.

    SNS writes to each new address once; nothing else reaches it until its owner has confirmed."""
    template = Template(Description=f"Notifications of {env.resource_prefix}")
    topic = sns.Topic(
        "Topic",
        TopicName=topic_name(env),
        DisplayName=topic_name(env),
        # AWS's own key serves whoever of this account may publish; a key of ours would need a policy and a grant more.
        KmsMasterKeyId="alias/aws/sns",
    )
    template.add_resource(topic)
    if not env.sandbox:  # its AWS is reached over plain HTTP
        template.add_resource(_policy(env, topic))
    for address in dict.fromkeys(env.email_subscriptions):
        template.add_resource(_subscription(topic, address))
    add_outputs(template, NotificationsOutputs, topic_arn=Ref(topic))
    return Stack[NotificationsOutputs](template=template.to_dict(), tags=stack_tags(env))


def _subscription(topic: sns.Topic, address: str) -> sns.SubscriptionResource:
    # Named after its address, not its place in the list: taking one off must not unsubscribe those behind it.
    name = f"Subscription{hashlib.sha256(address.encode()).hexdigest()[:12]}"
    return sns.SubscriptionResource(name, TopicArn=Ref(topic), Protocol="email", Endpoint=address)


def _policy(env: Environment, topic: sns.Topic) -> sns.TopicPolicy:
    # sns:* is "out of service scope" in a topic's policy; who may publish is left to IAM.
    document = policy_document(tls_only(["sns:Publish"], build_arn(env, "sns", topic_name(env))))
    return sns.TopicPolicy("TopicPolicy", Topics=[Ref(topic)], PolicyDocument=document)
