"""The lease of a flow: held over its steps, given back while nothing is changed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from resources.context import Context
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER, hold_lease


@dataclass
class Hold:
    """Holds the environment between `take` and `release`, as often as wanted; as a context manager until it ends."""

    context: Context
    who: str
    wait: float = OUTLIVES_A_DEAD_HOLDER
    _held: ExitStack | None = field(default=None, repr=False)

    def take(self) -> None:
        """Raises LeaseHeld where another run holds it, NotFound, AccessDenied, Transient."""
        if self._held is None:
            stack = ExitStack()
            stack.enter_context(hold_lease(self.context, who=self.who, wait=self.wait, keep=False))
            self._held = stack

    def release(self) -> None:
        """Let others have it."""
        if self._held is not None:
            held, self._held = self._held, None
            held.close()

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
