"""Units that fit together, and those that do not."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from pathlib import Path

import pytest

from eks_assets.graph.registry import Registry, RegistryError
from eks_assets.graph.unit import AnyUnit, unit
from resources.config.waves import UnitWave
from resources.model.outputs import NoOutputs, Outputs
from resources.model.specs import HelmRelease, Stack


class A(Outputs):
    a: str


class B(Outputs):
    b: str


def plain(name: str, wave: UnitWave = "network", after: Sequence[AnyUnit] = ()) -> AnyUnit:
    """A unit without outputs that waits for those in `after`."""

    def fn() -> Stack[NoOutputs]:
        """A stack."""
        return Stack[NoOutputs](name=name, template={})

    fn.__name__ = name
    return unit(wave=wave, after=after)(fn)


def giving(kind: type[Outputs], name: str, wave: UnitWave = "network", taking: type[Outputs] | None = None) -> AnyUnit:
    """A unit that owns the outputs `kind` and reads those of `taking`."""

    def fn(**_: object) -> Stack[Outputs]:
        """A stack."""
        return Stack[Outputs](name=name, template={})

    fn.__name__ = name
    fn.__annotations__ = {"return": Stack[kind]} | ({"taken": taking} if taking else {})  # type: ignore[valid-type]
    return unit(wave=wave)(fn)


def test_registry_orders_units_by_inputs_and_after() -> None:
    """A unit comes after the owners of what it reads and after those that it waits for."""
    first = giving(A, "first")
    second = giving(B, "second", taking=A)
    third = plain("third", after=[second])
    registry = Registry.of([third, second, first])
    assert [u.name for u in registry.units] == ["first", "second", "third"]
    assert registry.needs == {"first": (), "second": ("first",), "third": ("second",)}
    assert registry.owner[A] is first
    assert registry["third"] is third


def test_registry_keeps_the_order_of_waves() -> None:
    """Without dependencies, units are ordered by wave."""
    late, early = plain("late", "configuration"), plain("early", "network")
    assert [u.name for u in Registry.of([late, early]).units] == ["early", "late"]


def test_descendants_depend_directly_or_indirectly() -> None:
    """The descendants of units include themselves and everything that depends on them."""
    first, other = giving(A, "first"), plain("other")
    second = giving(B, "second", taking=A)
    third = plain("third", after=[second])
    registry = Registry.of([first, other, second, third])
    assert registry.descendants(["first"]) == {"first", "second", "third"}
    assert registry.descendants(["third", "other"]) == {"third", "other"}


def test_registry_refuses_outputs_without_owner() -> None:
    """An input that no unit outputs is an error."""
    with pytest.raises(RegistryError, match="second needs A, which no registered unit provides"):
        Registry.of([giving(B, "second", taking=A)])


def test_registry_refuses_waiting_for_unregistered_unit() -> None:
    """`after` may only name registered units."""
    with pytest.raises(RegistryError, match="waiting needs gone"):
        Registry.of([plain("waiting", after=[plain("gone")])])


def test_registry_refuses_cycle_and_names_it() -> None:
    """A dependency cycle is an error that lists its units."""
    with pytest.raises(RegistryError, match=r"cycle: .*one.* -> .*other"):
        Registry.of([giving(A, "one", taking=B), giving(B, "other", taking=A)])


def test_registry_refuses_two_units_of_one_name() -> None:
    """Two units with the same name are an error that names their modules."""
    with pytest.raises(RegistryError, match=f"two units are named same: {__name__} and {__name__}"):
        Registry.of([plain("same"), plain("same")])


def test_registry_refuses_two_owners_of_outputs() -> None:
    """An outputs class belongs to one unit."""
    with pytest.raises(RegistryError, match="A belongs to one; other cannot own it too"):
        Registry.of([giving(A, "one"), giving(A, "other")])


def test_registry_accepts_many_units_without_outputs() -> None:
    """`NoOutputs` may be shared."""
    assert len(Registry.of([plain("one"), plain("other")]).units) == 2


def test_registry_refuses_input_of_a_later_wave() -> None:
    """A unit may not depend on one of a later wave."""
    late = giving(A, "late", "configuration")
    with pytest.raises(RegistryError, match=r"early \(network\) needs late of the later wave configuration"):
        Registry.of([late, giving(B, "early", "network", taking=A)])


def test_registry_walks_package_and_counts_units_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit imported by another module is registered once."""
    imports = (
        "eks_assets.graph.unit import unit",
        "resources.model.outputs import NoOutputs",
        "resources.model.specs import Stack",
    )
    head = "".join(f"from {line}\n" for line in imports)
    signature = '@unit(wave="network"{})\ndef {}() -> Stack[NoOutputs]:\n'
    body = signature + '    """A stack."""\n    return Stack[NoOutputs](name="x", template={{}})\n'
    package = tmp_path / "walked"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text(head + body.format("", "one"))
    (package / "two.py").write_text(head + "from walked.one import one\n" + body.format(", after=[one]", "two"))
    monkeypatch.syspath_prepend(str(tmp_path))
    import walked  # type: ignore[import-not-found]

    assert isinstance(walked, types.ModuleType)
    try:
        assert [u.name for u in Registry.walk(walked).units] == ["one", "two"]
    finally:
        for name in [m for m in sys.modules if m.split(".")[0] == "walked"]:
            monkeypatch.delitem(sys.modules, name)


def test_minutes_left_is_the_longest_path_behind_a_unit() -> None:
    """The remaining minutes follow the slowest chain of descendants."""
    first = plain("first")
    long = unit(wave="network", after=[first], minutes=10)(plain("long").fn)
    short = unit(wave="network", after=[first], minutes=2)(plain("short").fn)
    last = plain("last", after=[short])
    assert Registry.of([first, long, short, last]).minutes_left == {"first": 11, "long": 10, "short": 3, "last": 1}


def chart(name: str = "chart") -> AnyUnit:
    """A unit whose spec needs the cluster."""

    def fn() -> HelmRelease:
        """A release."""
        return HelmRelease(name=name, namespace=name, repository="https://x", chart=name, version="1.0.0")

    fn.__name__ = name
    return unit(wave="configuration", after=[plain("before")])(fn)


def opening(name: str) -> AnyUnit:
    """A unit that gives access to the cluster."""
    return unit(wave="cluster", gives_cluster_access=True)(plain(name).fn)


def test_registry_adds_edge_to_cluster_by_spec_type() -> None:
    """What lives in the cluster comes after the unit that gives access to it, and other units do not."""
    release = chart()
    (before,) = release.after
    needs = Registry.of([release, opening("access"), before]).needs
    assert needs == {"chart": ("access", "before"), "access": (), "before": ()}


def test_registry_adds_no_edge_without_access_unit() -> None:
    """Without a unit that gives access there is nothing to wait for."""
    release = chart()
    assert Registry.of([release, *release.after]).needs["chart"] == ("before",)


def test_registry_refuses_two_units_that_give_access() -> None:
    """One unit alone gives access to the cluster."""
    with pytest.raises(RegistryError, match="one and other both give access to the cluster"):
        Registry.of([opening("one"), opening("other")])


def test_registry_refuses_cluster_spec_in_wave_before_access() -> None:
    """What needs the cluster cannot be in a wave before access to it."""
    late = unit(wave="observability", gives_cluster_access=True)(plain("late").fn)
    release = chart()
    with pytest.raises(RegistryError, match=r"chart \(configuration\) needs late of the later wave observability"):
        Registry.of([late, release, *release.after])
