"""The service-linked roles that no service makes by itself."""

from __future__ import annotations

from botocore.exceptions import ClientError

from resources.aws.errors import aws_call, error_code, error_message
from resources.config.environment import Environment
from resources.context import Context

SPOT = "spot.amazonaws.com"


def needed_linked_roles(env: Environment) -> tuple[str, ...]:
    """The services whose role the environment's nodes need. An account that never asked for Spot has none, and then
    gets on-demand capacity for ever (Karpenter, "Troubleshooting": missing service-linked role)."""
    asks_for_spot = env.addon("karpenter").enabled or any(group.spot for group in env.cluster.node_groups)
    return (SPOT,) if asks_for_spot else ()


def make_linked_roles(context: Context) -> None:
    """Make those that the account lacks. There is at most one of each in an account, so none is ever removed.

    Raises AccessDenied, OperationFailed, Transient."""
    for service in needed_linked_roles(context.env):
        with aws_call(f"making the service-linked role of {service}"):
            try:
                context.aws.client("iam").create_service_linked_role(AWSServiceName=service)
            except ClientError as error:
                if error_code(error) != "InvalidInput" or "has been taken" not in error_message(error):
                    raise
            else:
                context.progress(f"made the service-linked role of {service}")
