"""The events of what CloudFormation does for a stack: one for each resource that it makes, changes or deletes.

AWS writes one for each call of its resource handlers, often several a resource, with their parameters; the embedded one
makes no calls, so each event has the name of the call that matters most, the resource, and no parameters.
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services.cloudformation import stacks

from ..cloudformation.rights.decision import DENIALS
from ..iam.ssm_identity import acting_for
from .identity import stack_identity
from .named_resources import Named
from .recorder import Recorder

Verbs = tuple[str, str, str]
_CALLS: dict[str, Verbs] = {
    "AWS::EC2::EIP": ("AllocateAddress", "ModifyAddressAttribute", "ReleaseAddress"),
    "AWS::EC2::Route": ("CreateRoute", "ReplaceRoute", "DeleteRoute"),
    "AWS::EC2::SecurityGroup": ("CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "DeleteSecurityGroup"),
    "AWS::EC2::SecurityGroupIngress": (
        "AuthorizeSecurityGroupIngress",
        "ModifySecurityGroupRules",
        "RevokeSecurityGroupIngress",
    ),
    "AWS::EKS::Cluster": ("CreateCluster", "UpdateClusterConfig", "DeleteCluster"),
    "AWS::EKS::Nodegroup": ("CreateNodegroup", "UpdateNodegroupConfig", "DeleteNodegroup"),
    "AWS::IAM::ManagedPolicy": ("CreatePolicy", "CreatePolicyVersion", "DeletePolicy"),
    "AWS::IAM::OIDCProvider": (
        "CreateOpenIDConnectProvider",
        "UpdateOpenIDConnectProviderThumbprint",
        "DeleteOpenIDConnectProvider",
    ),
    "AWS::IAM::Policy": ("PutRolePolicy", "PutRolePolicy", "DeleteRolePolicy"),
    "AWS::SSM::Parameter": ("PutParameter", "PutParameter", "DeleteParameter"),
}
_SOURCES = {"efs": "elasticfilesystem", "elasticloadbalancingv2": "elasticloadbalancing", "certificatemanager": "acm"}

_ORIGIN = {name: "cloudformation.amazonaws.com" for name in ("sourceIPAddress", "userAgent")}

_ministack_create = stacks._provision_keeping_seed
_ministack_update = stacks._update_keeping_seed
_ministack_delete = stacks._delete_resource


def resource_names(kind: str, physical_id: str) -> Named:
    """The names under which a stack's resource is looked up: what belongs to a cluster has the cluster's too."""
    if kind.startswith("AWS::EKS::") and kind != "AWS::EKS::Cluster":
        cluster, _, name = physical_id.replace("|", "/").partition("/")
        return (("AWS::EKS::Cluster", cluster), (kind, name)) if name else ((kind, cluster),)
    return ((kind, physical_id),)


class StackCalls:
    """MiniStack's making, changing and deleting of a stack's resource, each with its event."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def create(self, kind: str, logical_id: str, props: dict[str, Any], stack: str, *more: Any) -> Any:
        """A resource's creation; what it returns names the resource first."""
        result = _ministack_create(kind, logical_id, props, stack, *more)
        self._write(0, kind, result[0][0], stack)
        return result

    def update(self, kind: str, physical_id: str, old: Any, new: Any, stack: str, *more: Any) -> Any:
        """A resource's change."""
        result = _ministack_update(kind, physical_id, old, new, stack, *more)
        self._write(1, kind, result[0][0], stack)
        return result

    def delete(self, kind: str, physical_id: str, props: Any, stack: str = "", *more: Any, **named: Any) -> Any:
        """A resource's deletion."""
        result = _ministack_delete(kind, physical_id, props, stack, *more, **named)
        self._write(2, kind, physical_id, stack)
        return result

    def _write(self, verb: int, kind: str, physical_id: Any, stack: str) -> None:
        _, service, noun = [*kind.split("::"), "", ""][:3]
        if not service or not noun or not physical_id:
            return
        name = _CALLS.get(kind, (f"Create{noun}", f"Update{noun}", f"Delete{noun}"))[verb]
        source = service.lower()
        who = stack_identity(acting_for(stack), get_account_id())
        names = resource_names(kind, str(physical_id))
        self._recorder.write(who, _SOURCES.get(source, source), name, None, names, **_ORIGIN)

    def write_denial(self, principal: str, action: str, message: str) -> None:
        """A call of a handler that IAM denied."""
        source, _, name = action.partition(":")
        error = {"errorCode": "AccessDenied", "errorMessage": message}
        self._recorder.write(stack_identity(principal, get_account_id()), source, name, None, (), **_ORIGIN, **error)


def record_stack_calls(recorder: Recorder) -> None:
    """Write an event for each resource that CloudFormation touches."""
    calls = StackCalls(recorder)
    replacements: dict[str, Callable[..., Any]] = {
        "_provision_keeping_seed": calls.create,
        "_update_keeping_seed": calls.update,
        "_delete_resource": calls.delete,
    }
    for name, replacement in replacements.items():
        setattr(stacks, name, replacement)
    DENIALS.append(calls.write_denial)
