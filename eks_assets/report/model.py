"""What the report's pages say, before anybody draws them. Pure: no AWS, no HTML.

`page.py` and `fleet.py` fill it; the templates only lay it out."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from resources.config.field_types import Model

# The worst first.
Level = Literal["failed", "warning", "waiting", "ok"]
LEVELS: tuple[Level, ...] = get_args(Level)
STATES = ("failed", "unknown", "pending", "waiting", "in_sync", "disabled")


def worst_of(levels: Iterable[Level]) -> Level:
    """The worst of the levels; ok where there is none."""
    return min(levels, key=LEVELS.index, default="ok")


def count_states(states: Iterable[str]) -> dict[str, int]:
    """How many units are in each state that there is, the worst first."""
    counted = Counter(states)
    return {state: counted[state] for state in STATES if counted[state]}


class Attention(Model):
    """Something that is not as it should be. `section`: where on the page more of it stands; `fix`: what to do."""

    level: Level
    what: str
    section: str
    detail: str = ""
    fix: str = ""


class CheckRow(Model):
    """A health check of a unit."""

    name: str
    passed: bool
    expected: str
    detail: str
    since: str = ""


class UnitRow(Model):
    """A unit as it is now. `detail`: what is wrong with it or would change, else what its last check has seen."""

    unit: str
    state: str
    level: Level
    detail: str
    checks: tuple[CheckRow, ...] = ()

    @property
    def failed_checks(self) -> int:
        """How many of its checks fail."""
        return sum(not check.passed for check in self.checks)


class WaveRows(Model):
    """The units of a wave."""

    wave: str
    units: tuple[UnitRow, ...]

    @property
    def level(self) -> Level:
        """The worst of its units."""
        return worst_of(unit.level for unit in self.units)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many units are in each state that there is."""
        return count_states(unit.state for unit in self.units)


class ChangeRow(Model):
    """What a deploy would change in one unit. `fields`: where and from what to what; `more`: how many are left out."""

    unit: str
    action: str
    reason: str
    is_gated: bool
    fields: tuple[str, ...] = ()
    more: int = 0


class DriftRow(Model):
    """A finding of the last drift run."""

    unit: str
    kind: str
    place: str
    culprit: str
    since: str


class Drift(Model):
    """What the last drift run found."""

    at: dt.datetime
    age: str
    findings: tuple[DriftRow, ...]
    unknown: int
    ignored: int


class ApprovalRow(Model):
    """An approval request and how it stands. `commands`: how to decide on it while it is waiting."""

    status: str
    level: Level
    line: str
    asked: str
    commands: tuple[str, ...] = ()


class Bar(Model):
    """One change in a run: `begin` and `seconds` from the run's first moment on."""

    unit: str
    begin: float
    seconds: float
    is_done: bool
    is_critical: bool


class Run(Model):
    """What one run changed. `critical`: the units whose changes decided how long it took, in order."""

    run: str
    at: dt.datetime
    seconds: float
    bars: tuple[Bar, ...]
    critical: tuple[str, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """The units that failed in it, and did not succeed later in the same run."""
        ends = {bar.unit: bar.is_done for bar in sorted(self.bars, key=lambda bar: bar.begin + bar.seconds)}
        return tuple(unit for unit, is_done in ends.items() if not is_done)

    def part(self, seconds: float) -> float:
        """A duration as percent of the run's."""
        return round(100 * seconds / self.seconds, 3) if self.seconds else 0.0


class VersionRow(Model):
    """What runs in which version; `note`: when support ends, or what differs."""

    what: str
    version: str
    level: Level = "ok"
    note: str = ""


class EndpointRow(Model):
    """An address of the platform, and the unit that makes it known."""

    unit: str
    what: str
    address: str


class CostRow(Model):
    """What a unit's resources cost a month. `dollars`: of those whose price is known, None where none is; `unknown`:
    how many of each type have no known price."""

    unit: str
    dollars: float | None
    unknown: Mapping[str, int]


class Cost(Model):
    """What the stacks that exist cost a month, by list prices."""

    rows: tuple[CostRow, ...]
    prices_of: str

    @property
    def dollars(self) -> float:
        """Of what is known."""
        return round(sum(row.dollars or 0.0 for row in self.rows), 2)

    @property
    def unknown(self) -> int:
        """How many resources have no known price."""
        return sum(sum(row.unknown.values()) for row in self.rows)


class EventRow(Model):
    """Something that happened."""

    at: dt.datetime
    what: str
    level: Level
    unit: str
    who: str
    detail: str


class EnvironmentPage(Model):
    """The page of one environment. `unreadable`: why nothing of it could be read; `unread`: by section, why that one
    could not be read; `offers`: what EKS says of its versions."""

    environment: str
    account: str
    region: str
    at: dt.datetime
    seconds: float = 0.0
    unreadable: str = ""
    unread: Mapping[str, str] = {}
    attention: tuple[Attention, ...] = ()
    waves: tuple[WaveRows, ...] = ()
    counts: Mapping[str, int] = {}
    changes: tuple[ChangeRow, ...] = ()
    drift: Drift | None = None
    gate: str = ""
    approvals: tuple[ApprovalRow, ...] = ()
    runs: tuple[Run, ...] = ()
    versions: tuple[VersionRow, ...] = ()
    offers: tuple[str, ...] = ()
    endpoints: tuple[EndpointRow, ...] = ()
    cost: Cost | None = None
    since: dt.datetime | None = None
    events: tuple[EventRow, ...] = ()

    @property
    def level(self) -> Level:
        """The worst of all that it says."""
        return "failed" if self.unreadable else worst_of(each.level for each in self.attention)


class FleetRow(Model):
    """One environment of several, by what was recorded of it. `attention`: what is wrong, the worst first."""

    environment: str
    account: str
    region: str
    kubernetes: str
    attention: tuple[Attention, ...] = ()
    is_readable: bool = True
    last_run: str = ""
    drift: str = ""
    validation: str = ""

    @property
    def level(self) -> Level:
        """The worst of all that is wrong."""
        return worst_of(each.level for each in self.attention)


class FleetPage(Model):
    """All environments, the worst first."""

    at: dt.datetime
    seconds: float
    rows: tuple[FleetRow, ...]

    @property
    def counts(self) -> Mapping[Level, int]:
        """How many environments are of each level that there is, the worst first."""
        numbers = {level: sum(row.level == level for row in self.rows) for level in LEVELS}
        return {level: number for level, number in numbers.items() if number}
