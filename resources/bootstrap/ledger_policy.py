"""What the ledger's bucket refuses, whatever else an identity may do: to overwrite, to erase, to be set up anew.

Conditional writes are S3's own way to refuse overwriting: a write without `If-None-Match` is denied, and one with it
fails where the key exists. Source: S3 user guide, "Enforce conditional writes on Amazon S3 buckets".
"""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Sub

from resources.cloudformation import Document, build_arn, deny
from resources.config.environment import Environment
from resources.config.names import cloudformation_role, deployer_role, destroyer_role, pipeline_role, planner_role

# What takes an object or its retention away, and what writes objects without PutObject.
_ERASING = """
    s3:BypassGovernanceRetention s3:DeleteObject s3:DeleteObjectVersion s3:PutObjectLegalHold s3:PutObjectRetention
    s3:ReplicateDelete s3:ReplicateObject
"""
# A lifecycle expires objects; with another policy, or without versions, the rules above are gone.
_SETTINGS = ["s3:DeleteBucket*", "s3:PutBucket*", "s3:Put*Configuration"]


def append_only(env: Environment, title: str) -> list[Document]:
    """Statements for the policy of the bucket with that logical id. Whoever must erase something, such as a secret that
    got there, is an administrator and takes the policy away first."""
    bucket, objects = GetAtt(title, "Arn"), Sub(f"${{{title}.Arn}}/*")
    # The parts of an upload cannot carry the condition; the request that completes it does.
    unconditional = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    pipeline = {"ArnLike": {"aws:PrincipalArn": _pipeline_roles(env)}}
    statements = [
        deny(["s3:PutObject"], objects, **unconditional),
        deny(_ERASING.split(), objects),
        deny(_SETTINGS, bucket, **pipeline),
    ]
    return [{**statement, "Principal": "*"} for statement in statements]


def _pipeline_roles(env: Environment) -> list[Any]:
    roles = (pipeline_role(env), deployer_role(env), planner_role(env), cloudformation_role(env), destroyer_role(env))
    return [build_arn(env, "iam", f"role{role.path}{role.name}", region="") for role in roles if role is not None]
