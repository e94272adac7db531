"""Every error that this project raises on purpose.

    PipelineError
    ├── ConfigError          the user's input is wrong; nothing was changed (exit 2)
    │   └── GateNotAnchored  the file's approval gate is less than the anchored one, or no administrator anchored it
    ├── ToolMissing          a program that a driver needs is not on PATH (exit 2)
    ├── NotFound             something that must exist does not
    ├── AlreadyThere         a conditional write found that somebody else had written
    ├── WrongAccount         the credentials belong to another account or region (exit 2)
    ├── AccessDenied         AWS or Kubernetes refused the caller
    ├── Refused              the change is one that we never make by ourselves (exit 2)
    ├── OperationFailed      AWS, helm or Kubernetes carried it out and it failed
    │   ├── CommandFailed    a program ended with another exit code than 0
    │   └── Unreachable      the API server drops our connections: its rules let others in
    ├── WaitTimeout          a wait reached its deadline
    ├── ApprovalMissing      a gated unit would change and nobody has approved it (exit 3)
    │   └── ApprovalStale    what was approved is not what would change now
    ├── LeaseHeld            another run is writing to the same environment
    └── Transient            worth another try; carries `retry_after` seconds

Drivers translate failures of botocore, helm, git and Kubernetes into these at the edge; nobody else reads
message strings. A message says what failed, where and why; `next_step` says what to do.
"""

from __future__ import annotations

from collections.abc import Sequence


class PipelineError(Exception):
    """Base of all. `message`: what failed, where, why. `next_step`: what the reader can do about it. `bad_input`: it is
    the user's input that is wrong, though only AWS could tell (exit 2)."""

    exit_code = 1

    def __init__(self, message: str, *, next_step: str = "", bad_input: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        if bad_input:
            self.exit_code = 2

    def __str__(self) -> str:
        return f"{self.message}\nNext: {self.next_step}" if self.next_step else self.message


class ConfigError(PipelineError):
    """The user's input is wrong."""

    exit_code = 2


class GateNotAnchored(ConfigError):
    """An environment's file asks for less than the approval gate that an administrator anchored, or none is."""


class ToolMissing(PipelineError):
    """A program that a driver needs is not on PATH."""

    exit_code = 2


class NotFound(PipelineError):
    """Something that must exist does not."""


class AlreadyThere(PipelineError):
    """A conditional write found that somebody else had written."""


class WrongAccount(PipelineError):
    """The credentials at hand belong to another account than the environment names."""

    exit_code = 2


class AccessDenied(PipelineError):
    """AWS or Kubernetes refused the caller."""


class NotShown(AccessDenied):
    """The planner may not read something by design; whoever deploys may."""


class Refused(PipelineError):
    """A change that the pipeline never makes by itself, such as replacing a cluster."""

    exit_code = 2


class OperationFailed(PipelineError):
    """AWS, helm or Kubernetes carried out the operation and it failed."""


class CommandFailed(OperationFailed):
    """A program ended with an exit code other than 0. `stderr_tail` holds its last lines."""

    def __init__(self, argv: Sequence[str], code: int, stderr_tail: str, *, next_step: str = "") -> None:
        super().__init__(f"{' '.join(argv[:3])} failed (exit {code}): {stderr_tail}", next_step=next_step)
        self.argv = tuple(argv)
        self.code = code
        self.stderr_tail = stderr_tail


class Unreachable(OperationFailed):
    """The API server takes no connection from this machine, and rules limit whose it takes."""


class WaitTimeout(PipelineError):
    """A wait reached its deadline. The message holds what was last seen."""


class ApprovalMissing(PipelineError):
    """A unit behind an environment's approval gate would change, and nobody has approved it."""

    exit_code = 3


class ApprovalStale(ApprovalMissing):
    """What was approved is not what would change now, or not as things stand now."""


class LeaseHeld(PipelineError):
    """Another run is writing to the same environment."""


class Transient(PipelineError):
    """Throttling, a 5xx, a lost connection or a conflict: worth another try after `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float | None = None, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.retry_after = retry_after
