"""What a driver needs to act in one environment: AWS, the cluster, and somewhere to say what goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock, RLock
from typing import Any, Protocol

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.kubernetes.access import ClusterAccess


def silent(_: str) -> None:
    """Progress that nobody reads."""


class Fence(Protocol):
    """What tells a run that another one has taken the environment over."""

    def check(self) -> None:
        """Raises LeaseHeld where the environment is no longer the run's."""


@dataclass
class _Shared:
    value: Any = None
    made: bool = False
    lock: RLock = field(default_factory=RLock)


@dataclass
class Context:
    """One environment's reach. `progress` takes one line at a time; `run_id` is the run that acts, for the ledger;
    `launch`: what holds the environment for several runs together, where something does;
    `lease`: its hold on the environment, while it is held. Lives as long as one plan or one step."""

    env: Environment
    aws: Aws
    progress: Callable[[str], None] = silent
    run_id: str | None = None
    launch: str | None = None
    lease: Fence | None = field(default=None, repr=False)
    lock: Lock = field(default_factory=Lock, repr=False)
    memory: dict[str, _Shared] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        env: Environment,
        progress: Callable[[str], None] = silent,
        run_id: str | None = None,
        *,
        planning: bool = False,
    ) -> Context:
        """The environment as the deployer; `planning`: as the planner, where it names one, who changes nothing."""
        return cls(env, Aws(env, planning=planning), progress, run_id)

    @cached_property
    def cluster(self) -> ClusterAccess:
        return ClusterAccess(self.aws)

    def before_change(self) -> None:
        """To be called right before each call that changes something. Raises LeaseHeld where another run has taken the
        environment over; without a lease there is nothing to lose."""
        if self.lease is not None:
            self.lease.check()

    def once(self, key: str, make: Callable[[], Any]) -> Any:
        """The value made under that key the first time; for what many units share in one plan. While it is made, only
        threads that want the same key wait. A value that could not be made is tried again."""
        with self.lock:
            shared = self.memory.setdefault(key, _Shared())
        with shared.lock:
            if not shared.made:
                shared.value, shared.made = make(), True
            return shared.value

    def forget(self, key: str) -> None:
        """Drop a shared listing after something changed."""
        with self.lock:
            self.memory.pop(key, None)

    def forget_all(self) -> None:
        """Drop every shared value: what was seen before the environment was held may not be so any more."""
        with self.lock:
            self.memory.clear()
