"""EKS capabilities. They are kept on the cluster's record; no controller of theirs runs here."""

import uuid

from ministack.core.responses import get_account_id, get_region
from ministack.services import eks

from .records import EksRefusal, Record, Response, answer, body_of, cluster_of, now, require_role

_TYPES = ("ACK", "KRO", "ARGOCD")


def create_capability(cluster_name: str, body: Record) -> Response:
    """CreateCapability. Its role gets an access entry, unless it has one, and what the
    type needs in the cluster. Raises EksRefusal for a role that is not
    there, a name in use, and a second one of a type."""
    cluster = cluster_of(cluster_name)
    if cluster["status"] not in ("ACTIVE", "UPDATING"):
        raise EksRefusal("InvalidRequestException", f"Cluster '{cluster_name}' is not in ACTIVE status")
    capabilities = cluster.setdefault("_capabilities", {})
    name, kind, role = (str(body.get(member) or "") for member in ("capabilityName", "type", "roleArn"))
    if not name or kind not in _TYPES or body.get("deletePropagationPolicy") != "RETAIN":
        raise EksRefusal("InvalidParameterException", "A capability needs a name, a type and what happens at its end.")
    if any(name == other or kind == record["type"] for other, record in capabilities.items()):
        raise EksRefusal("ResourceInUseException", f"Capability {name} of type {kind} already exists", 409)
    require_role(role, "Capability role")
    if kind != "ARGOCD":
        _let_in(cluster_name, role, f"AmazonEKS{kind}Policy")
    region, account = get_region(), get_account_id()
    arn = f"arn:aws:eks:{region}:{account}:capability/{cluster_name}/{kind.lower()}/{name}/{uuid.uuid4()}"
    capabilities[name] = {
        "capabilityName": name,
        "arn": arn,
        "clusterName": cluster_name,
        "type": kind,
        "roleArn": role,
        "status": "ACTIVE",
        "deletePropagationPolicy": "RETAIN",
        "createdAt": now(),
        "modifiedAt": now(),
        "tags": dict(body.get("tags") or {}),
        "health": {"issues": []},
    }
    return answer({"capability": capabilities[name]})


def _let_in(cluster_name: str, role: str, policy: str) -> None:
    if eks._ae_key(cluster_name, role) not in eks._access_entries:
        _require_success(eks._create_access_entry(cluster_name, {"principalArn": role, "type": "STANDARD"}))
    arn = f"arn:aws:eks::aws:cluster-access-policy/{policy}"
    everywhere = {"policyArn": arn, "accessScope": {"type": "cluster", "namespaces": []}}
    _require_success(eks._associate_access_policy(cluster_name, role, everywhere))


def _require_success(response: Response) -> None:
    if response[0] >= 400:
        raise EksRefusal("InvalidRequestException", str(body_of(response).get("message")), response[0])


def capability_of(cluster_name: str, name: str) -> Record:
    """The capability's record. Raises EksRefusal when there is none."""
    capability: Record | None = cluster_of(cluster_name).get("_capabilities", {}).get(name)
    if capability is None:
        raise EksRefusal("ResourceNotFoundException", f"No capability found for name: {name}.", 404)
    return capability


def describe_capability(cluster_name: str, name: str) -> Response:
    """DescribeCapability."""
    return answer({"capability": capability_of(cluster_name, name)})


def list_capabilities(cluster_name: str) -> Response:
    """ListCapabilities."""
    members = ("capabilityName", "arn", "type", "status", "createdAt", "modifiedAt")
    records = cluster_of(cluster_name).get("_capabilities", {}).values()
    return answer({"capabilities": [{member: record[member] for member in members} for record in records]})


def change_role(cluster_name: str, name: str, role: str) -> None:
    """The part of UpdateCapability that a template reaches. Raises EksRefusal for a role that is not there."""
    capability = capability_of(cluster_name, name)
    require_role(role, "Capability role")
    capability.update({"roleArn": role, "modifiedAt": now()})


def delete_capability(cluster_name: str, name: str) -> Response:
    """DeleteCapability. What it managed stays, its role's access entry goes."""
    capability = capability_of(cluster_name, name)
    del cluster_of(cluster_name)["_capabilities"][name]
    eks._delete_access_entry(cluster_name, capability["roleArn"])
    return answer({"capability": {**capability, "status": "DELETING"}})
