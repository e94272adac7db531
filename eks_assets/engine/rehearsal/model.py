"""What a rehearsal says: what `rehearse --json` prints. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Copied(_Model):
    """What the copy holds. `objects`: of the cluster, beside what its own deploy has made; `masked`: values of Secrets
    that are stand-ins; `made_up`: Secrets that the planner may not read, not copied; `unread`: kinds that it may not
    list; `refused`: objects that the copy's API server did not take, each with its reason."""

    objects: int
    masked: int
    made_up: tuple[str, ...]
    unread: tuple[str, ...]
    refused: Mapping[str, str]


class Rehearsed(_Model):
    """How one unit of the plan went on the copy; `failed` is empty where it went well."""

    unit: str
    seconds: float
    failed: str = ""


class Rehearsal(_Model):
    """`mapped`: what the copy has otherwise than the environment, and why; `plan_differs`: what beside that is
    different in the plan of the copy; `unnamed`: objects that changed and that no unit of the plan makes; `vanished`:
    APIs that were served before, and no longer are; `not_shown`: what no copy can show."""

    environment: str
    kubernetes_version: str
    digest: str
    copied: Copied
    mapped: Mapping[str, str]
    plan_differs: tuple[str, ...]
    units: tuple[Rehearsed, ...]
    unnamed: tuple[str, ...]
    vanished: tuple[str, ...]
    seconds: Mapping[str, float]
    not_shown: tuple[str, ...] = (
        "containers do not run, so what a program does with a new version is not seen",
        "AWS's capacity, quotas and durations",
        "data: volumes, buckets and databases are empty",
    )

    @property
    def failed(self) -> tuple[Rehearsed, ...]:
        return tuple(unit for unit in self.units if unit.failed)

    @property
    def differences(self) -> int:
        return len(self.plan_differs) + len(self.unnamed) + len(self.vanished)

    @property
    def exit_code(self) -> int:
        """1 where something failed or was refused, 4 for differences, else 0."""
        return 1 if self.failed else 4 if self.differences else 0
