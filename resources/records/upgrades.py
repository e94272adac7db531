"""Upgrades of a cluster, in the ledger: `upgrades/<time>-<id>/`, one folder an upgrade, one object an event.

`begun.json` says from where to where and by whom; an event of a step has the step in its key, so that it is written
once, whoever comes back to it. Where an upgrade stands is observed; from here come only times that AWS does not keep
(when a bake began) and what people ordered (a pause).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from resources.context import Context
from resources.model.errors import NotFound
from resources.records.ledger import list_keys, read_key, write_once

PREFIX = "upgrades/"
Order = Literal["paused", "resumed", "cancelled"]
Kind = Literal["begun", "ended", "stopped", "paused", "resumed", "cancelled", "done", "rolled back"]
_ENDS = ("done", "cancelled", "rolled back")


class _Recorded(BaseModel):
    """Later versions may write more into it than this one reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class UpgradeBegun(_Recorded):
    """From which Kubernetes version to which; `red`: the checks that were red before, which nobody holds against it."""

    environment: str
    id: str
    at: AwareDatetime
    who: str
    before: str
    target: str
    run: str = ""
    red: tuple[str, ...] = ()


class UpgradeEvent(_Recorded):
    """What happened to the upgrade, or what somebody ordered; `minor` and `step` where it is about one."""

    at: AwareDatetime
    kind: Kind
    minor: str = ""
    step: str = ""
    who: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Upgrade:
    """An upgrade as the ledger has it. `folder`: its keys' beginning; `events`: in the order in which they happened."""

    folder: str
    begun: UpgradeBegun
    events: tuple[UpgradeEvent, ...] = ()

    @property
    def minors(self) -> tuple[str, ...]:
        """The versions on the way, the target last."""
        first, last = (int(version.partition(".")[2]) for version in (self.begun.before, self.begun.target))
        return tuple(f"1.{minor}" for minor in range(first + 1, last + 1))

    @property
    def end(self) -> UpgradeEvent | None:
        """How it ended for good; None while it can be continued."""
        return next((event for event in self.events if event.kind in _ENDS and not event.step), None)

    @property
    def order(self) -> UpgradeEvent | None:
        """What was ordered last: a pause, or to go on."""
        return next((e for e in reversed(self.events) if e.kind in ("paused", "resumed")), None)

    @property
    def is_paused(self) -> bool:
        return self.order is not None and self.order.kind == "paused"

    @property
    def last_step(self) -> UpgradeEvent | None:
        """The step that began last."""
        return next((event for event in reversed(self.events) if event.kind == "begun"), None)

    @property
    def stop(self) -> UpgradeEvent | None:
        """Why it stands still since the step that began last; None where it does not."""
        after = [e for e in self.events if e.kind in ("begun", "stopped", "resumed")]
        return after[-1] if after and after[-1].kind == "stopped" else None

    def find(self, kind: Kind, minor: str, step: str) -> UpgradeEvent | None:
        """The event of that step."""
        events = (e for e in self.events if (e.kind, e.minor, e.step) == (kind, minor, step))
        return next(events, None)

    def minor_began(self, minor: str) -> dt.datetime | None:
        """When the first step of that version began."""
        return min((e.at for e in self.events if e.kind == "begun" and e.minor == minor), default=None)


def begin_upgrade(context: Context, who: str, before: str, target: str, red: Iterable[str]) -> Upgrade:
    """Record that it begins. Raises LeaseHeld where another run holds the environment, NotFound where it has not been
    bootstrapped, AccessDenied, Transient."""
    now, name = dt.datetime.now(dt.UTC), uuid4().hex[:12]
    begun = UpgradeBegun(
        environment=context.env.name,
        id=name,
        at=now,
        who=who,
        before=before,
        target=target,
        run=context.run_id or "",
        red=tuple(red),
    )
    folder = f"{PREFIX}{now.isoformat(timespec='milliseconds')}-{name}/"
    context.before_change()
    write_once(context, f"{folder}begun.json", begun.model_dump(mode="json"))
    return Upgrade(folder, begun)


def record_event(
    context: Context,
    upgrade: Upgrade,
    kind: Kind,
    *,
    minor: str = "",
    step: str = "",
    who: str = "",
    detail: str = "",
    at: dt.datetime | None = None,
) -> bool:
    """Record it, unless it stands there already: what begins, ends or is over does so once. Whether it was written.
    Raises as `begin_upgrade`."""
    now = at or dt.datetime.now(dt.UTC)
    event = UpgradeEvent(at=now, kind=kind, minor=minor, step=step, who=who, detail=detail)
    if kind in ("begun", "ended"):
        key = f"steps/{minor}/{step}/{kind}.json"
    elif kind in _ENDS:
        key = "end.json"
    else:
        key = f"events/{now.isoformat(timespec='milliseconds')}-{kind}.json"
    context.before_change()
    return write_once(context, upgrade.folder + key, event.model_dump(mode="json"))


def reload_upgrade(context: Context, upgrade: Upgrade) -> Upgrade:
    """The same upgrade as the ledger has it now. Raises AccessDenied, Transient."""
    return _read(context, upgrade.folder, list_keys(context, upgrade.folder)) or upgrade


def last_upgrade(context: Context) -> Upgrade | None:
    """The newest upgrade of the environment, whether it has ended or not; None where there is none, and where the
    environment has not been bootstrapped. Raises AccessDenied, Transient."""
    try:
        keys = list_keys(context, PREFIX)
    except NotFound:
        return None
    if not keys:
        return None
    folder = keys[-1][: keys[-1].index("/", len(PREFIX)) + 1]
    return _read(context, folder, [key for key in keys if key.startswith(folder)])


def find_beginning(context: Context, minor: str) -> dt.datetime | None:
    """When the newest upgrade to that minor version began it; None where the ledger has none. Raises NotFound,
    AccessDenied, Transient."""
    key = next((k for k in reversed(list_keys(context, PREFIX)) if f"/steps/{minor}/" in k), None)
    if key is None:
        return None
    folder = key[: key.index("/", len(PREFIX)) + 1]
    upgrade = _read(context, folder, list_keys(context, folder))
    return upgrade.minor_began(minor) if upgrade else None


def open_upgrade(context: Context) -> Upgrade | None:
    """The newest upgrade, where it has not ended. Raises as `last_upgrade`."""
    upgrade = last_upgrade(context)
    return upgrade if upgrade and upgrade.end is None else None


def end_open_upgrade(context: Context, who: str) -> None:
    """Record that nobody continues the upgrade that is open, where one is. Raises as `begin_upgrade`."""
    if (upgrade := open_upgrade(context)) is not None:
        record_event(context, upgrade, "cancelled", who=who)


def _read(context: Context, folder: str, keys: Iterable[str]) -> Upgrade | None:
    begun: UpgradeBegun | None = None
    events: list[UpgradeEvent] = []
    for key in keys:
        try:
            if key == f"{folder}begun.json":
                begun = UpgradeBegun.model_validate_json(read_key(context, key))
            else:
                events.append(UpgradeEvent.model_validate_json(read_key(context, key)))
        except ValidationError:
            context.progress(f"{key!a} of the ledger is no record of an upgrade")
    # A step that ended in the millisecond in which the next one began ended first.
    return Upgrade(folder, begun, tuple(sorted(events, key=lambda e: (e.at, e.kind == "begun")))) if begun else None
