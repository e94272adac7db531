"""KMS keys that the ClusterConfig names: usable, and granted to whom starts nodes with them."""

from __future__ import annotations

from collections.abc import Iterator

from resources.aws.errors import aws_call
from resources.config.key_grants import scaling_grant, scaling_role
from resources.context import Context
from resources.doctor.checks import Line, account_check
from resources.model.errors import NotFound


@account_check()
def check_cluster_key(context: Context) -> Iterator[Line]:
    """The key of the cluster's Secrets."""
    encryption = context.env.cluster.secrets_encryption
    if encryption is None or encryption.key_arn is None:
        yield Line.ok("the ClusterConfig names no key for Secrets: the cluster's stack makes one")
    elif (fault := _fault(context, encryption.key_arn)) is not None:
        yield fault
    else:
        yield Line.ok(f"the key of Secrets {encryption.key_arn} can be used")


@account_check()
def check_volume_keys(context: Context) -> Iterator[Line]:
    """The keys of nodes' volumes: EC2 Auto Scaling starts no node without a grant, or a key policy that names it."""
    keys = _volume_keys(context)
    for key in keys:
        if (fault := _fault(context, key)) is not None:
            yield fault
        elif _may_scale(context, key):
            yield Line.ok(f"EC2 Auto Scaling may use the key of volumes {key}")
        else:
            fix = scaling_grant(key, scaling_role(context.env.account, context.env.partition))
            yield Line.error(f"EC2 Auto Scaling may not use the key of volumes {key}: no node starts", fix)
    if not keys:
        yield Line.ok("the ClusterConfig names no key for nodes' volumes: AWS's own is used")


def _volume_keys(context: Context) -> list[str]:
    groups = context.env.cluster.node_groups
    named = [(g.volume_kms_key_id, *(volume.volume_kms_key_id for volume in g.additional_volumes)) for g in groups]
    return sorted({key for keys in named for key in keys if key})


def _fault(context: Context, key: str) -> Line | None:
    try:
        with aws_call(f"reading the key {key}"):
            state = context.aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    except NotFound:
        return Line.error(
            f"there is no key {key} in {context.env.region}", "aws kms list-keys; correct the ClusterConfig"
        )
    if state == "Enabled":
        return None
    fix = f"aws kms enable-key --key-id {key}" if state == "Disabled" else f"aws kms cancel-key-deletion --key-id {key}"
    return Line.error(f"the key {key} is {state}: nothing can be encrypted with it", fix)


def _may_scale(context: Context, key: str) -> bool:
    """By a grant, or by the key's own policy."""
    kms, role = context.aws.client("kms"), scaling_role(context.env.account, context.env.partition)
    with aws_call(f"reading the grants of the key {key}"):
        if kms.list_grants(KeyId=key, GranteePrincipal=role)["Grants"]:
            return True
        return role in str(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
