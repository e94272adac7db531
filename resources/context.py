"""What a driver needs to act in one environment: AWS, the cluster, progress, and what its threads share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.kubernetes.access import ClusterAccess
from resources.model.change import Observed
from resources.support.memory_cache import MemoryCache

NO_RUN = "no run"  # what stands in the ledger where no run of Dagster's acts


def ignore_progress(_: str) -> None:
    """Progress that nobody reads."""


class Fence(Protocol):
    """What tells a run that another one has taken the environment over."""

    def check(self) -> None:
        """Raises LeaseHeld where the environment is no longer the run's."""


@dataclass
class Context:
    """One environment's reach. `progress` takes one line at a time; `run_id` is the run that acts, for the ledger;
    `launch`: what holds the environment for several runs together, where something does;
    `lease`: its hold on the environment, while it is held; `approved`: what was observed of the thing that people
    approved to change, None where there is no gate: a driver of what others can move meanwhile raises ApprovalStale
    where it is no longer that; `repairs`: the drift run, by its key in the ledger, whose findings alone are to be put
    back; `upgrades_to`: the minor version that a flow of an upgrade brings the cluster to, which nothing but such a
    flow may raise; `cache`: what was read once for all units of a plan, to be
    invalidated by whoever changes it; `hide`: takes secrets out of a document before a digest is made of it. Lives as
    long as one plan or one step."""

    env: Environment
    aws: Aws
    progress: Callable[[str], None] = ignore_progress
    run_id: str | None = None
    launch: str | None = None
    lease: Fence | None = field(default=None, repr=False)
    approved: Observed | None = field(default=None, repr=False)
    repairs: str | None = None
    upgrades_to: str | None = None
    cache: MemoryCache = field(default_factory=MemoryCache, repr=False)
    hide: Callable[[Any], Any] = field(default=lambda document: document, repr=False)

    @classmethod
    def of(
        cls,
        env: Environment,
        progress: Callable[[str], None] = ignore_progress,
        run_id: str | None = None,
        *,
        planning: bool = False,
        destroying: bool = False,
    ) -> Context:
        """The environment as the deployer; `planning`: as the planner, where it names one, who changes nothing;
        `destroying`: as the destroyer, where it names one."""
        return cls(env, Aws(env, planning=planning, destroying=destroying, run_id=run_id), progress, run_id)

    @cached_property
    def cluster(self) -> ClusterAccess:
        return ClusterAccess(self.aws)

    def before_change(self) -> None:
        """To be called right before each call that changes something. Raises LeaseHeld where another run has taken the
        environment over; without a lease there is nothing to lose."""
        if self.lease is not None:
            self.lease.check()
