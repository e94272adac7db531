"""What a check of `doctor` is, and the list of all of them.

A check is a function with a decorator, in the file of its topic: a new one touches that file alone. It yields a line
for each thing that it has looked at. What it raises becomes a line too (`examination.py`): it need not catch anything.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from resources.config.environment import Environment
from resources.context import Context

Level = Literal["ok", "warning", "error"]
Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Line:
    """What one look found. `fix`: the command, or the change of a file, that puts it right; empty where all is well."""

    level: Level
    message: str
    fix: str = ""

    @classmethod
    def ok(cls, message: str) -> Line:
        """All is well."""
        return cls("ok", message)

    @classmethod
    def warning(cls, message: str, fix: str) -> Line:
        """It may go wrong, or could not be asked."""
        return cls("warning", message, fix)

    @classmethod
    def error(cls, message: str, fix: str) -> Line:
        """It goes wrong for certain."""
        return cls("error", message, fix)


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """`guards`: the units that AWS would refuse where the check has an error. `deploy` asks such a check first, where
    it is about to change one of them."""

    name: str
    run: Callable[[Subject], Iterator[Line]]
    guards: tuple[str, ...] = ()


MachineCheck = Check[Environment | None]
AccountCheck = Check[Context]
_machine: list[MachineCheck] = []
_account: list[AccountCheck] = []
Run = Callable[[Subject], Iterator[Line]]


def machine_check(run: Run[Environment | None]) -> Run[Environment | None]:
    """Makes a function a check of this machine. It is given the environment, None where none was named."""
    _machine.append(Check(_name(run), run))
    return run


def account_check(*guards: str) -> Callable[[Run[Context]], Run[Context]]:
    """Makes a function a check of the environment's account, which only reads. `guards`: as in `Check`."""

    def declare(run: Run[Context]) -> Run[Context]:
        _account.append(Check(_name(run), run, guards))
        return run

    return declare


def _name(run: Callable[..., object]) -> str:
    return run.__name__.removeprefix("check_").replace("_", " ")


@functools.cache
def list_checks() -> tuple[tuple[MachineCheck, ...], tuple[AccountCheck, ...]]:
    """Those of this machine and those of the account, by topic and then in the order of their files."""
    package = importlib.import_module(__package__ or "")
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
    return tuple(_machine), tuple(_account)
