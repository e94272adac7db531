"""What every imitated controller is: something that reconciles when objects it cares about change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.stand_in.kube import KubeError, Object

SETTLE_SECONDS = 0.05
RESYNC_SECONDS = 1.0
RETRY_SECONDS = 1.0
FAILURES = (KubeError, BotoCoreError, ClientError, OSError)


class Log:
    """Lines on standard output, with the time and who says it; the same sentence is not said twice in a row."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, who: str, message: str) -> None:
        with self._lock:
            if self._last.get(who) == message:
                return
            self._last[who] = message
            print(f"{time.strftime('%H:%M:%S')} {who}: {message}", flush=True)


class Controller(Protocol):
    """One imitated controller. `resources` are those whose changes call `reconcile`.

    `reconcile` brings everything to what is wanted and may be called at any time; it raises KubeError or a botocore
    error when it could not, and is then called again.
    """

    name: str
    resources: tuple[str, ...]

    def reconcile(self) -> None: ...


@dataclass(frozen=True)
class Loop:
    """The thread body of one controller: reconcile after every change, and every second in any case.

    An error that is none of FAILURES is a defect: it stops the whole process, which then says so and is started again.
    """

    controller: Controller
    changed: threading.Event
    stopped: threading.Event
    log: Callable[[str, str], None]

    def run(self) -> None:
        try:
            self._run()
        finally:
            self.stopped.set()

    def _run(self) -> None:
        while not self.stopped.is_set():
            pause = RESYNC_SECONDS
            self.changed.clear()
            try:
                self.controller.reconcile()
            except FAILURES as error:
                self.log(self.controller.name, f"{error}; trying again")
                pause = RETRY_SECONDS
            self.changed.wait(pause)
            self.stopped.wait(SETTLE_SECONDS)


def for_each(things: Iterable[Object], act: Callable[[Object], None]) -> None:
    """Do `act` for every one, also after some failed; then raise the first failure."""
    failures: list[Exception] = []
    for thing in things:
        try:
            act(thing)
        except FAILURES as error:
            failures.append(error)
    if failures:
        raise failures[0]


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(thing: Object, kind: str) -> Object:
    """The status condition `kind` of `thing`; empty when it has none."""
    conditions: list[Object] = (thing.get("status") or {}).get("conditions") or []
    return next((found for found in conditions if found.get("type") == kind), {})


def owner_reference(owner: Object) -> Object:
    """The reference that makes a thing go with `owner`."""
    meta = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "blockOwnerDeletion": True,
    }


def label(thing: Object, name: str) -> str | None:
    """A label of `thing`."""
    value: str | None = (thing["metadata"].get("labels") or {}).get(name)
    return value


def annotation(thing: Object, name: str) -> str | None:
    """An annotation of `thing`."""
    value: str | None = (thing["metadata"].get("annotations") or {}).get(name)
    return value
