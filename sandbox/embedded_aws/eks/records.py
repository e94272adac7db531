"""Shared terms of the EKS modules: responses, records and the stores of MiniStack that hold them."""

import json
import time
from collections.abc import Callable
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.services import ec2, eks, iam

from ..supervisor_client import supervisor

Response = tuple[int, dict[str, str], bytes]
Record = dict[str, Any]


class EksRefusal(Exception):
    """A request that EKS refuses; `response` is what the API answers."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.response: Response = eks._error(status, code, message)


def answer(body: Record) -> Response:
    """The 200 response with this JSON body."""
    response: Response = eks._json_resp(200, body)
    return response


def body_of(response: Response) -> Record:
    """The JSON body of a response."""
    body: Record = json.loads(response[2] or b"{}")
    return body


def cluster_of(name: str) -> Record:
    """The cluster's record in the caller's account and region. Raises EksRefusal when there is none."""
    cluster: Record | None = eks._clusters.get(name)
    if cluster is None:
        raise EksRefusal("ResourceNotFoundException", f"No cluster found for name: {name}.", 404)
    return cluster


def nodegroups_of(cluster_name: str) -> list[Record]:
    """The records of the cluster's node groups."""
    return [group for key, group in list(eks._nodegroups.items()) if key.startswith(f"{cluster_name}/")]


def nodegroup_of(cluster_name: str, name: str) -> Record:
    """The node group's record. Raises EksRefusal when there is none."""
    group: Record | None = eks._nodegroups.get(f"{cluster_name}/{name}")
    if group is None:
        raise EksRefusal("ResourceNotFoundException", f"No node group found for name: {name}.", 404)
    return group


def addon_of(cluster_name: str, name: str) -> Record:
    """The add-on's record. Raises EksRefusal when there is none."""
    addon: Record | None = eks._addons.get(f"{cluster_name}/{name}")
    if addon is None:
        raise EksRefusal("ResourceNotFoundException", f"No addon: {name} found in cluster: {cluster_name}", 404)
    return addon


def minor(version: str) -> int:
    """The minor number of a Kubernetes version: 34 for "1.34". Raises EksRefusal when it is not one."""
    parts = str(version).split(".")
    if len(parts) < 2 or not parts[1].isdigit():
        raise EksRefusal("InvalidParameterException", f"unsupported Kubernetes version {version}")
    return int(parts[1])


def require_role(arn: str, what: str) -> None:
    """Raises EksRefusal unless the IAM role `arn` exists."""
    name = arn.rsplit("/", 1)[-1]
    if ":role/" not in arn or name not in iam._roles:
        raise EksRefusal(
            "InvalidParameterException",
            f"{what} with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not "
            "correct",
        )


def require_subnets(subnet_ids: list[str]) -> list[Record]:
    """The records of these subnets. Raises EksRefusal when one does not exist."""
    missing = [subnet_id for subnet_id in subnet_ids if subnet_id not in ec2._subnets]
    if missing:
        raise EksRefusal("InvalidParameterException", f"The subnet ID '{missing[0]}' does not exist")
    return [ec2._subnets[subnet_id] for subnet_id in subnet_ids]


def start(job: Callable[..., None], *arguments: Any) -> None:
    """Run a job that talks to the supervisor on a thread of its own; at once when there is no supervisor."""
    if supervisor() is None:
        job(*arguments)
    else:
        spawn_background(job, *arguments, thread_name=f"embedded-aws-{job.__name__}")


def now() -> float:
    """Seconds since the epoch, as EKS reports times."""
    return round(time.time(), 3)


def public(record: Record) -> Record:
    """The record without what only the embedded AWS needs (keys that begin with an underscore)."""
    return {key: value for key, value in record.items() if not key.startswith("_")}
