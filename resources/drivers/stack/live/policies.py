"""Resource policies of queues, topics, buckets and secrets. Source: their API references."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.stack.live.resource import LiveResource, Reader
from resources.model.errors import NotFound

_GIVEN = "__default_statement_ID"


def _queue_policy(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    queue = resource.told("Queues", 0)
    with aws_call(f"reading the policy of the queue {queue}"):
        answer = context.aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])
    return {"Queues": [queue], "PolicyDocument": _document(answer.get("Attributes", {}).get("Policy"), queue)}


def _topic_policy(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    topic = resource.told("Topics", 0)
    with aws_call(f"reading the policy of the topic {topic}"):
        answer = context.aws.client("sns").get_topic_attributes(TopicArn=topic)
    return {"Topics": [topic], "PolicyDocument": _document(answer["Attributes"].get("Policy"), topic)}


def _bucket_policy(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    bucket = resource.told("Bucket")
    with aws_call(f"reading the policy of the bucket {bucket}"):
        answer = context.aws.client("s3").get_bucket_policy(Bucket=bucket)
    return {"Bucket": bucket, "PolicyDocument": _document(answer.get("Policy"), bucket)}


def _secret_policy(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    secret = resource.told("SecretId")
    with aws_call(f"reading the policy of the secret {secret}"):
        answer = context.aws.client("secretsmanager").get_resource_policy(SecretId=secret)
    policy = _document(answer.get("ResourcePolicy"), secret)
    return {"SecretId": secret, "ResourcePolicy": policy}


def queue_policy(url: str, context: Context) -> Any:
    """The policy of a queue; None where it has none."""
    with aws_call(f"reading the policy of the queue {url}"):
        answer = context.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    return json.loads(answer.get("Attributes", {}).get("Policy") or "null")


def topic_policy(arn: str, context: Context) -> Any:
    """The policy of a topic; None where it is the one that SNS gives each, which lets in its owner's account alone."""
    with aws_call(f"reading the policy of the topic {arn}"):
        attributes = context.aws.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    policy = json.loads(attributes.get("Policy") or "null")
    statements = policy["Statement"] if policy else []
    return policy if any(one.get("Sid") != _GIVEN for one in statements) else None


def bucket_policy(name: str, context: Context) -> Any:
    """The policy of a bucket; None where it has none, or is gone."""
    try:
        with aws_call(f"reading the policy of the bucket {name}"):
            return json.loads(context.aws.client("s3").get_bucket_policy(Bucket=name)["Policy"])
    except NotFound:
        return None


def _document(text: str | None, owner: str) -> Any:
    if not text:
        raise NotFound(f"{owner} has no policy")
    return json.loads(text)


READERS: Mapping[str, Reader] = {
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::SQS::QueuePolicy": _queue_policy,
    "AWS::SecretsManager::ResourcePolicy": _secret_policy,
}
