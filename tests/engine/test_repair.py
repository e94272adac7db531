"""Which findings of a drift run are repaired by themselves, and which never."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from eks_assets.engine.drift.repair import UnitRepair, choose_repairs
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.config.environment import Approval, Environment
from resources.config.settings.drift import Drift as Settings
from resources.model.outputs import NoOutputs, Outputs
from resources.model.specs import GitTree, Parameter
from resources.records.drift_runs import DriftRun, FoundDrift

AT = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
SETTLED = AT - dt.timedelta(hours=1)


class BranchOutputs(Outputs):
    """What a branch tells."""

    commit: str


@unit(wave="network")
def first(env: Environment) -> Parameter[NoOutputs]:
    """Before any gate."""
    return Parameter[NoOutputs](name="/first", value="1")


@unit(wave="network", reversibility="forward-only")
def kept(env: Environment) -> Parameter[NoOutputs]:
    """What cannot be taken back."""
    return Parameter[NoOutputs](name="/kept", value="1")


@unit(wave="applications")
def gated(env: Environment) -> Parameter[NoOutputs]:
    """Behind a gate, where there is one."""
    return Parameter[NoOutputs](name="/gated", value="1")


@unit(wave="applications")
def branch(env: Environment) -> GitTree[BranchOutputs]:
    """What people push to."""
    return GitTree[BranchOutputs](repository="r", branch="b")


REGISTRY = Registry.of([first, kept, gated, branch])


@pytest.fixture
def env(sandbox_env: Environment) -> Environment:
    return sandbox_env.model_copy(update={"drift": Settings(auto_repair=True)})


def found(name: str | None = "first", path: str = "value", **more: Any) -> FoundDrift:
    fields = {"layer": "parameter", "object": "/o", "kind": "changed", "found_at": SETTLED, **more}
    return FoundDrift(id=f"{hash((name, path)) % 16**12:012x}", unit=name, path=path, **fields)


def drift_run(*findings: FoundDrift, **more: Any) -> DriftRun:
    return DriftRun(environment="sandbox", at=AT, run="r", findings=findings, **more)


def reasons(env: Environment, run: DriftRun, now: dt.datetime = AT, granted: tuple[str, ...] = ()) -> dict[str, str]:
    return {repair.unit: repair.reason for repair in choose_repairs(REGISTRY, env, run, now, granted)}


def test_units_are_repaired_in_the_order_of_the_graph(env: Environment) -> None:
    """What no unit declares is nobody's to repair."""
    run = drift_run(found("gated"), found("first"), found(None, kind="undeclared"))
    assert list(reasons(env, run).items()) == [("first", ""), ("gated", "")]


@pytest.mark.parametrize(
    ("finding", "more", "reason"),
    [
        ({"name": "kept"}, {}, "it is forward-only"),
        ({"name": "branch"}, {}, "what people pushed"),
        ({"name": "gone"}, {}, "there is no such unit any more"),
        ({"by_hand": True}, {}, "only a person can put back /o: value"),
        ({}, {"ignored_in": ("first",)}, "drift.ignore"),
        ({}, {"unsettled": (found(path="other"),)}, "not all of it could be compared"),
    ],
)
def test_what_is_never_repaired(env: Environment, finding: Any, more: Any, reason: str) -> None:
    """A unit is repaired as a whole or not at all: one finding that must stay holds back the others."""
    extra = found(finding.get("name", "first"), path="beside")
    (told,) = reasons(env, drift_run(found(**finding), extra, **more)).values()
    assert reason in told


def test_nothing_is_repaired_where_the_file_does_not_ask(sandbox_env: Environment) -> None:
    """Off by default, with drift settings and without."""
    for settings in (None, Settings(cron="0 * * * *")):
        env = sandbox_env.model_copy(update={"drift": settings})
        assert reasons(env, drift_run(found())) == {"first": "auto_repair is off"}


def test_what_changed_a_moment_ago_settles_first(env: Environment) -> None:
    """By the time that the layer tells, or else since a run found it first; the newest change of the unit counts."""
    minutes = dt.timedelta(minutes=1)
    young = found(since=(AT - 3 * minutes).isoformat(), path="young")
    run = drift_run(found(since="2026-11-29T00:00:00Z"), young)
    assert "changed less than 10m ago, and settles at 2026-11-30 12:07:00 UTC" in reasons(env, run)["first"]
    assert reasons(env, run, AT + 7 * minutes) == {"first": ""}
    unknown = drift_run(found(found_at=AT - 9 * minutes, since="some day"))
    assert "settles at 2026-11-30 12:01:00" in reasons(env, unknown)["first"]
    assert reasons(env, unknown, AT + minutes) == {"first": ""}
    assert "settles at 2026-11-30 12:10:00" in reasons(env, drift_run(found(found_at=None)))["first"]
    later = drift_run(found(since="2099-01-01T00:00:00"))
    assert reasons(env, later, AT + 10 * minutes) == {"first": ""}, "a clock that is wrong holds nothing back for ever"


def test_gated_unit_waits_for_its_grant(env: Environment) -> None:
    """Before the gate nothing waits; behind it what no grant names."""
    own = env.model_copy(update={"approval": Approval(before="applications", approvers=1, allow=())})
    run = drift_run(found("first"), found("gated"))
    assert reasons(own, run) == {
        "first": "",
        "gated": f"it waits for approval: eks-assets deploy {env.name} asks for it",
    }
    assert reasons(own, run, granted=("gated",)) == {"first": "", "gated": ""}


def test_set_of_findings_has_a_name_of_its_own() -> None:
    """The same for the same findings, whatever their order; another where one came, went, or came back."""
    one, other = found(), found(path="other")
    same = {UnitRepair("first", findings).set_id for findings in ((one, other), (other, one))}
    others = (one,), (one, found(path="other", found_at=AT)), (one, other, found(path="third"))
    assert len(same) == 1
    assert len({*same, *(UnitRepair("first", findings).set_id for findings in others)}) == 4
    assert UnitRepair("other", (one, other)).set_id not in same
