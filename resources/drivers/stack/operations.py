"""A stack's change in the one or two operations that AWS accepts: pure.

EKS refuses a new version of a cluster or a node group together with any other change of it; and a cluster that may not
be deleted would keep a creation that failed from being cleaned up. Source: EKS API, UpdateClusterVersion,
UpdateNodegroupVersion; CloudFormation, AWS::EKS::Nodegroup (Version), AWS::EKS::Cluster (DeletionProtection).
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.stack.cluster_guard import CLUSTER
from resources.drivers.stack.fields import SECRET
from resources.drivers.stack.parts import list_zones
from resources.model.errors import NotFound, OperationFailed
from resources.model.outputs import plain_document
from resources.model.specs import Stack

Kind = Literal["CREATE", "UPDATE", "IMPORT"]
NODE_GROUP = "AWS::EKS::Nodegroup"
VERSIONS = {CLUSTER: ("Version",), NODE_GROUP: ("Version", "ReleaseVersion")}


@dataclass(frozen=True)
class Step:
    """One operation on a stack. `imports`: identifiers by logical id, of a step of kind IMPORT. `keeps_failure`: a
    failed step is not rolled back, since a control plane that has been upgraded does not go back with the stack.
    `reverts_drift`: what differs from the template is put back as well, not only what the template changes.
    `leaves_cluster`: a cluster in it has the template's version already, and nothing else of it may change."""

    spec: Stack[Any]
    kind: Kind
    imports: Mapping[str, str] = field(default_factory=dict)
    keeps_failure: bool = False
    reverts_drift: bool = False
    leaves_cluster: bool = False


def create_steps(spec: Stack[Any], retained: Mapping[str, str]) -> tuple[Step, ...]:
    """The creation of the stack. What was `retained` (identifiers by logical id) is imported first, without the stack's
    tags and outputs, which an import may not bring; a cluster's protection follows once the cluster is there."""
    template = copy.deepcopy(plain_document(spec.template))
    resources = template.get("Resources", {})
    clusters = [resource["Properties"] for resource in resources.values() if resource.get("Type") == CLUSTER]
    if retained:
        kept = {name: resource for name, resource in resources.items() if name in retained}
        imported = {**template, "Resources": kept}
        imported.pop("Outputs", None)
        first = Step(spec.model_copy(update={"template": imported, "tags": {}}), "IMPORT", retained)
        return (first, Step(spec, "UPDATE"))
    if not [properties.pop("DeletionProtection") for properties in clusters if "DeletionProtection" in properties]:
        return (Step(spec, "CREATE"),)
    return (Step(spec.model_copy(update={"template": template}), "CREATE"), Step(spec, "UPDATE"))


def has_versions(spec: Stack[Any]) -> bool:
    """Whether the stack holds anything that has a Kubernetes version."""
    return any(resource.get("Type") in VERSIONS for resource in spec.template.get("Resources", {}).values())


def update_steps(
    spec: Stack[Any], live: Mapping[str, Any], moved_already: Collection[tuple[str, str]] = ()
) -> tuple[Step, ...]:
    """The update of the stack as the one or two that EKS accepts: everything but the versions, then the versions.
    `live`: template, parameters and tags as they are; `moved_already`: logical id and property of the versions that
    somebody has moved by hand to where they are wanted: only the stack has yet to say so."""
    wanted = plain_document(spec.template)
    held = copy.deepcopy(wanted)
    moved = [one for one in _moved(live["template"], wanted) if one[:2] not in moved_already]
    for logical_id, name, before in moved:
        properties = held["Resources"][logical_id]["Properties"]
        if before is None:
            del properties[name]
        else:
            properties[name] = before
    last = Step(
        spec,
        "UPDATE",
        keeps_failure=any(wanted["Resources"][logical_id]["Type"] == CLUSTER for logical_id, _, _ in moved),
    )
    others = (held, plain_document(spec.parameters), dict(spec.tags)) != (
        live["template"],
        live["parameters"],
        live["tags"],
    )
    if not moved or not others:
        return (last,)
    return (Step(spec.model_copy(update={"template": held}), "UPDATE"), last)


def _moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Logical id, property and former value of each version that an existing resource moves from. A node group under
    a new name is a new one, made with its version."""
    for logical_id, resource in after.get("Resources", {}).items():
        former = before.get("Resources", {}).get(logical_id, {})
        old, new = former.get("Properties", {}), resource.get("Properties", {})
        if former.get("Type") != resource.get("Type") or old.get("NodegroupName") != new.get("NodegroupName"):
            continue
        for name in VERSIONS.get(resource.get("Type"), ()):
            if old.get(name) != new.get(name):
                yield logical_id, name, old.get(name)


_RETAINED = ("Retain", "RetainExceptOnCreate")


def retained_resources(spec: Stack[Any]) -> dict[str, dict[str, Any]]:
    """The resources that outlive the stack, by logical id."""
    resources: dict[str, dict[str, Any]] = plain_document(spec.template).get("Resources", {})
    return {name: resource for name, resource in resources.items() if resource.get("DeletionPolicy") in _RETAINED}


def list_retained(spec: Stack[Any], context: Context) -> dict[str, str]:
    """Identifiers, by logical id, of what outlived an earlier stack of this name and is taken up again: secrets, whose
    names are taken, and the hosted zone, whose name servers its parent domain names.

    Raises OperationFailed for a secret that is scheduled for deletion, and for several zones of one name."""
    zones: dict[str, list[str]] = {}
    for logical_id, identifier in list_zones(spec, context):
        zones.setdefault(logical_id, []).append(identifier)
    for several in (identifiers for identifiers in zones.values() if len(identifiers) > 1):
        raise OperationFailed(
            f"stack {spec.name} has left several hosted zones: {', '.join(several)}",
            next_step="delete those whose name servers the parent domain does not name, then deploy again: "
            "aws route53 delete-hosted-zone --id ID",
        )
    kept = {logical_id: identifiers[0] for logical_id, identifiers in zones.items()}
    arns = ((logical_id, _arn(name, context)) for logical_id, name in _named(spec))
    return {**kept, **{logical_id: arn for logical_id, arn in arns if arn is not None}}


def _named(spec: Stack[Any]) -> Iterator[tuple[str, str]]:
    for logical_id, resource in retained_resources(spec).items():
        name = resource.get("Properties", {}).get("Name")
        if resource["Type"] == SECRET and isinstance(name, str):
            yield logical_id, name


def _arn(name: str, context: Context) -> str | None:
    try:
        with aws_call(f"looking for the secret {name}"):
            secret = context.aws.client("secretsmanager").describe_secret(SecretId=name)
    except NotFound:
        return None
    if "DeletedDate" in secret:
        raise OperationFailed(
            f"the secret {name} is scheduled for deletion, and its name is taken until then",
            next_step=f"aws secretsmanager restore-secret --secret-id {name}, then deploy again",
        )
    return str(secret["ARN"])
