"""Changes of roles, policies, keys, and of what holds secrets."""

from __future__ import annotations

import json
from typing import Any

from tests.injections.aws_injection import Act, AwsInjection, Client, Held, declares

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ANYBODY = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _of_role(operation: str, **arguments: Any) -> Act:
    return lambda client, role: getattr(client("iam"), operation)(RoleName=role.physical_id, **arguments)


def _attached_undone(client: Client, role: Held) -> None:
    """Of a role whose template declares no policies of that kind nobody but a person takes one away."""
    if "ManagedPolicyArns" not in role.properties:
        client("iam").detach_role_policy(RoleName=role.physical_id, PolicyArn=ADMINISTRATOR)


def _inline_undone(client: Client, role: Held) -> None:
    if "Policies" not in role.properties:
        client("iam").delete_role_policy(RoleName=role.physical_id, PolicyName="theirs")


def _policy_detached(client: Client, role: Held) -> None:
    client("iam").detach_role_policy(RoleName=role.physical_id, PolicyArn=str(role.first_of("ManagedPolicyArns")))


def _inline(role: Held) -> dict[str, str]:
    return {"RoleName": role.physical_id, "PolicyName": role.first_of("Policies")["PolicyName"]}


def _inline_widened(client: Client, role: Held) -> None:
    client("iam").put_role_policy(**_inline(role), PolicyDocument=document(EVERYTHING))


def _inline_deleted(client: Client, role: Held) -> None:
    client("iam").delete_role_policy(**_inline(role))


def _is_free(role: Held) -> bool:
    """Whether nothing but its inline policies hangs on it."""
    return "RoleName" not in role.properties and "Policies" in role.properties


def _role_deleted(client: Client, role: Held) -> None:
    for name in client("iam").list_role_policies(RoleName=role.physical_id)["PolicyNames"]:
        client("iam").delete_role_policy(RoleName=role.physical_id, PolicyName=name)
    client("iam").delete_role(RoleName=role.physical_id)


def _policy_widened(client: Client, policy: Held) -> None:
    arn, widened = policy.physical_id, document(EVERYTHING)
    client("iam").create_policy_version(PolicyArn=arn, PolicyDocument=widened, SetAsDefault=True)


def _client_added(client: Client, provider: Held) -> None:
    arn = provider.physical_id
    client("iam").add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="theirs")


def _client_removed(client: Client, provider: Held) -> None:
    arn, name = provider.physical_id, provider.first_of("ClientIdList")
    client("iam").remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=name)


def _key_opened(client: Client, key: Held) -> None:
    everybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    client("kms").put_key_policy(KeyId=key.physical_id, PolicyName="default", Policy=document(everybody))


def _secret_opened(client: Client, policy: Held) -> None:
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    client("secretsmanager").put_resource_policy(
        SecretId=_secret_of(client, policy), ResourcePolicy=document(everybody)
    )


def _secret_unprotected(client: Client, policy: Held) -> None:
    client("secretsmanager").delete_resource_policy(SecretId=_secret_of(client, policy))


def _secret_of(client: Client, policy: Held) -> str:
    name = policy.properties["SecretId"]["Ref"]
    answer = client("cloudformation").describe_stack_resource(StackName=policy.stack, LogicalResourceId=name)
    return str(answer["StackResourceDetail"]["PhysicalResourceId"])


def _secret(**arguments: Any) -> Act:
    return lambda client, secret: client("secretsmanager").update_secret(SecretId=secret.physical_id, **arguments)


def _parameter(value: str) -> Act:
    return lambda client, one: client("ssm").put_parameter(
        Name=one.physical_id, Value=value, Type="String", Overwrite=True
    )


IDENTITY = (
    AwsInjection(
        "administrator attached",
        "IAM::Role",
        _of_role("attach_role_policy", PolicyArn=ADMINISTRATOR),
        "ManagedPolicyArns",
        undo=_attached_undone,
    ),
    AwsInjection(
        "inline policy added",
        "IAM::Role",
        _of_role("put_role_policy", PolicyName="theirs", PolicyDocument=document(EVERYTHING)),
        "Policies",
        undo=_inline_undone,
    ),
    AwsInjection("policy detached", "IAM::Role", _policy_detached, "ManagedPolicyArns", declares("ManagedPolicyArns")),
    AwsInjection("inline policy widened", "IAM::Role", _inline_widened, "Policies", declares("Policies")),
    AwsInjection("inline policy deleted", "IAM::Role", _inline_deleted, "Policies", declares("Policies")),
    AwsInjection(
        "trust in anybody",
        "IAM::Role",
        _of_role("update_assume_role_policy", PolicyDocument=document(ANYBODY)),
        "AssumeRolePolicyDocument",
    ),
    AwsInjection("boundary removed", "IAM::Role", _of_role("delete_role_permissions_boundary"), "PermissionsBoundary"),
    AwsInjection(
        "boundary replaced",
        "IAM::Role",
        _of_role("put_role_permissions_boundary", PermissionsBoundary=ADMINISTRATOR),
        "PermissionsBoundary",
    ),
    AwsInjection("role deleted", "IAM::Role", _role_deleted, "", _is_free),
    AwsInjection("policy widened", "IAM::ManagedPolicy", _policy_widened, "PolicyDocument"),
    AwsInjection("client id added", "IAM::OIDCProvider", _client_added, "ClientIdList"),
    AwsInjection("client id removed", "IAM::OIDCProvider", _client_removed, "ClientIdList"),
    AwsInjection(
        "rotation off",
        "KMS::Key",
        lambda client, key: client("kms").disable_key_rotation(KeyId=key.physical_id),
        "EnableKeyRotation",
    ),
    AwsInjection("key opened", "KMS::Key", _key_opened, "KeyPolicy"),
    AwsInjection(
        "description of a key",
        "KMS::Key",
        lambda client, key: client("kms").update_key_description(KeyId=key.physical_id, Description="theirs"),
        "Description",
    ),
    AwsInjection("description of a secret", "SecretsManager::Secret", _secret(Description="theirs"), "Description"),
    AwsInjection("secret opened", "SecretsManager::ResourcePolicy", _secret_opened, "ResourcePolicy"),
    AwsInjection("policy of a secret deleted", "SecretsManager::ResourcePolicy", _secret_unprotected, ""),
    AwsInjection("value of a parameter", "SSM::Parameter", _parameter("theirs"), "Value"),
    AwsInjection(
        "parameter deleted",
        "SSM::Parameter",
        lambda client, one: client("ssm").delete_parameter(Name=one.physical_id),
        "",
    ),
)
