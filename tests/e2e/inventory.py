"""All that there is in the embedded AWS: every service's state, as it writes it to disk, not what some lists show."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from resources.config.sandbox_state import sandbox_state
from sandbox.paths import StateDirectory

# What is written down about resources, and stays when they are gone, as AWS's own records of them do.
RECORDS = {
    "cloudformation": {"stack_events", "change_sets"},
    "cloudwatch": {"metrics"},
    "ec2": {"default_initialized_scopes"},
    "elasticache": {"param_groups", "param_group_params"},  # the defaults of every account
    "iam": {"aws_managed_attachment_counts"},
    "route53": {"changes"},
    "s3": {"object_retention", "object_versions"},
    "sns": {"messages"},
    "ssm": {"parameter_history"},
}
# Shown for an hour or for days after its end, and nothing is left of it.
ENDED = {"DELETE_COMPLETE", "deleted", "terminated"}


@dataclass(frozen=True)
class Inventory:
    """`resources`: `service/store/key` of each; `waiting`: those of them that wait for the day of their deletion."""

    resources: frozenset[str]
    waiting: frozenset[str]

    @property
    def services(self) -> frozenset[str]:
        return frozenset(name.partition("/")[0] for name in self.resources)


def take_inventory(state: StateDirectory) -> Inventory:
    """What there is now, of all accounts and regions."""
    save = urllib.request.Request(f"{sandbox_state().aws_endpoint}/_ministack/save", method="POST")
    urllib.request.urlopen(save, timeout=30).close()
    folder = state.embedded_aws / "state"
    found = [
        each for file in sorted(folder.glob("*.json")) for each in _resources(file.stem, _payload(file.read_text()))
    ]
    return Inventory(frozenset(name for name, _ in found), frozenset(name for name, waits in found if waits))


def _payload(text: str) -> dict[str, Any]:
    payload = json.loads(text).get("payload")
    return payload if isinstance(payload, dict) else {}


def _resources(service: str, payload: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    for store, content in payload.items():
        if store in RECORDS.get(service, ()) or "tags" in store or not isinstance(content, dict):
            continue
        for key, value in content.get("data", content).items():
            if key.startswith("__") or _state_of(value) in ENDED:
                continue
            where = key.replace("\0", " ").replace("'", "")
            yield f"{service}/{store}/{where}", _waits(value)


def _state_of(resource: Any) -> Any:
    if not isinstance(resource, dict):
        return None
    state = resource.get("StackStatus") or resource.get("State")
    return state.get("Name") if isinstance(state, dict) else state


def _waits(resource: Any) -> bool:
    return isinstance(resource, dict) and bool(
        resource.get("KeyState") == "PendingDeletion" or resource.get("DeletedDate")
    )
