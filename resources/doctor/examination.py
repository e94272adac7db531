"""Runs the checks side by side until a deadline, and reports: what `doctor --json` prints.

`docs/doctor.schema.json` is made from `DoctorReport`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Described

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.doctor.checks import Check, Level, Line, Subject, list_checks
from resources.model.errors import AccessDenied, ConfigError, NotFound, PipelineError
from resources.support.background import in_background

SECONDS = 18.0  # with the start of the program less than 20
_SECONDS_TO_OPEN = 8.0
_LOG_IN = "aws sso login, or set AWS_PROFILE; aws sts get-caller-identity says who you are"
_Running = tuple[str, "Future[None]", list[Line]]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Diagnosis(_Model):
    """What one look at the machine or the account found."""

    check: str = Described(description="What was looked at.")
    level: Level = Described(description="ok; warning: it may go wrong, or could not be asked; error: it goes wrong.")
    message: str = Described(description="What is so, and why.")
    fix: str = Described(
        description="The command, or the change of a file, that puts it right; empty where all is well."
    )


class DoctorReport(_Model):
    """Whether this machine, and an environment's account, are ready."""

    environment: str | None = Described(description="Null where this machine alone was looked at.")
    diagnoses: tuple[Diagnosis, ...] = Described(description="By check; those of the machine come first.")
    seconds: float

    @property
    def exit_code(self) -> int:
        """1 with an error, else 0."""
        return int(any(diagnosis.level == "error" for diagnosis in self.diagnoses))


def doctor_schema() -> dict[str, Any]:
    """The JSON Schema of what `doctor --json` prints."""
    return DoctorReport.model_json_schema(mode="serialization")


def run_checks(env: Environment | None, seconds: float = SECONDS) -> DoctorReport:
    """Look at this machine, and at the environment's account where one is named. What has not answered within the
    seconds is a warning. Changes nothing and raises nothing."""
    began = time.monotonic()
    machine, account = list_checks()
    of_machine, of_account = _begin(machine, env), list[_Running]()
    identity: list[Diagnosis] = []
    if env is not None:
        context, lines = open_account(env, min(_SECONDS_TO_OPEN, seconds))
        identity = [_diagnosis("identity", line) for line in lines]
        of_account = _begin(account, context) if context is not None else []
    left = began + seconds - time.monotonic()
    wait([future for _, future, _ in (*of_machine, *of_account)], timeout=max(0.0, left))
    return DoctorReport(
        environment=env.name if env else None,
        diagnoses=(*_collect(of_machine, seconds), *identity, *_collect(of_account, seconds)),
        seconds=round(time.monotonic() - began, 1),
    )


def open_account(env: Environment, seconds: float) -> tuple[Context | None, list[Line]]:
    """The account as the first of planner, deployer and the caller that it can be read as, and why the others could
    not: before bootstrap, an administrator finds no role."""
    faults: list[tuple[str, str]] = []
    end = time.monotonic() + seconds
    for who, open_as in _readers(env).items():
        try:
            aws = open_as()
            arn = in_background(aws.check_account, f"open as {who}").result(timeout=end - time.monotonic())
        except TimeoutError:
            faults.append((f"AWS does not answer {who} within {seconds:.0f} s", "reach AWS from here, by a proxy"))
            break
        except PipelineError as error:
            faults.append((f"{who} cannot read the account: {error.message}", error.next_step or _LOG_IN))
            if isinstance(error, ConfigError):  # no credentials, no sandbox: so it is for the others
                break
        else:
            lines = [Line.warning(message, fix) for message, fix in faults]
            return Context(env, aws), [*lines, Line.ok(f"reads account {env.account} as {who}: {arn}")]
    lines = [Line.error(message, fix) for message, fix in faults]
    return None, [*lines, Line.warning(f"nothing else of account {env.account} could be asked", faults[-1][1])]


def _readers(env: Environment) -> dict[str, Callable[[], Aws]]:
    return {
        **({"the planner": lambda: Aws(env, planning=True)} if env.roles.planner else {}),
        **({"the deployer": lambda: Aws(env)} if env.roles.deployer else {}),
        "the caller": lambda: Aws(env, as_deployer=False),
    }


def _begin(checks: Sequence[Check[Subject]], subject: Subject) -> list[_Running]:
    running: list[_Running] = []
    for check in checks:
        lines: list[Line] = []
        running.append((check.name, in_background(partial(_run, check, subject, lines), check.name), lines))
    return running


def _run(check: Check[Subject], subject: Subject, lines: list[Line]) -> None:
    try:
        for line in check.run(subject):
            lines.append(line)
    except PipelineError as error:
        lines.append(_line_of(error, subject.env.name if isinstance(subject, Context) else ""))
    except Exception as error:
        # Whatever is wrong with one check, the others are read.
        lines.append(Line.warning(f"unexpected {type(error).__name__}: {error}", "report it, with this line"))


def _line_of(error: PipelineError, environment: str) -> Line:
    """Input that is wrong is an error; what AWS does not let us ask, or does not answer, is a warning."""
    if isinstance(error, AccessDenied):
        return Line.warning(
            f"could not be asked: {error.message}", f"an administrator gives the right with: {_bootstrap(environment)}"
        )
    if error.exit_code == 2 or isinstance(error, NotFound):
        return Line.error(error.message, error.next_step or _bootstrap(environment))
    return Line.warning(
        f"could not be asked: {error.message}", error.next_step or f"eks-assets doctor {environment}".rstrip()
    )


def _bootstrap(environment: str) -> str:
    return f"eks-assets bootstrap {environment} --apply"


def _collect(running: list[_Running], seconds: float) -> Iterator[Diagnosis]:
    for name, future, lines in running:
        is_late = not future.done()
        yield from (_diagnosis(name, line) for line in list(lines))
        if is_late:
            fix = "look at the network, then run it again"
            yield _diagnosis(name, Line.warning(f"no answer within {seconds:.0f} s", fix))


def _diagnosis(check: str, line: Line) -> Diagnosis:
    return Diagnosis(check=check, level=line.level, message=line.message, fix=line.fix)
