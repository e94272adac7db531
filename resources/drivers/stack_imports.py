"""What an earlier stack of the same name retained, and the new one takes up again.

CloudFormation finds most of it by name (ImportExistingResources). A secret it cannot find so, since its identifier is
the ARN, which no template holds: it is imported first, and the rest of the stack follows as an update. Source:
CloudFormation user guide, "Import AWS resources into a CloudFormation stack"; schema of AWS::SecretsManager::Secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from resources.aws_errors import aws_call
from resources.drivers.stack_fields import SECRET
from resources.model.errors import NotFound, OperationFailed
from resources.model.outputs import plain
from resources.model.specs import Stack
from resources.world import World

_RETAINED = ("Retain", "RetainExceptOnCreate")


def retained_resources(spec: Stack[Any]) -> dict[str, dict[str, Any]]:
    """The resources that outlive the stack, by logical id."""
    resources: dict[str, dict[str, Any]] = plain(spec.template).get("Resources", {})
    return {name: found for name, found in resources.items() if found.get("DeletionPolicy") in _RETAINED}


def retained_secrets(spec: Stack[Any], world: World) -> dict[str, str]:
    """ARNs, by logical id, of the stack's secrets that exist already.

    Raises OperationFailed for one that is scheduled for deletion: its name is taken, and it cannot be imported."""
    return {logical_id: arn for logical_id, name in _named(spec) if (arn := _arn(name, world)) is not None}


def _named(spec: Stack[Any]) -> Iterator[tuple[str, str]]:
    for logical_id, resource in retained_resources(spec).items():
        name = resource.get("Properties", {}).get("Name")
        if resource["Type"] == SECRET and isinstance(name, str):
            yield logical_id, name


def _arn(name: str, world: World) -> str | None:
    try:
        with aws_call(f"looking for the secret {name}"):
            found = world.aws.client("secretsmanager").describe_secret(SecretId=name)
    except NotFound:
        return None
    if "DeletedDate" in found:
        raise OperationFailed(
            f"the secret {name} is scheduled for deletion, and its name is taken until then",
            next_step=f"aws secretsmanager restore-secret --secret-id {name}, then deploy again",
        )
    return str(found["ARN"])
