"""What a rehearsal calls a difference: of two plans, and of a cluster's objects before and after."""

from __future__ import annotations

from typing import Any

from eks_assets.engine.rehearsal.comparison import changed_objects, plan_differences, unnamed_objects


def entry(unit: str, **fields: Any) -> dict[str, Any]:
    listed = [{"path": path, "before": None, "after": value} for path, value in fields.items()]
    return {"unit": unit, "action": "update", "fields": listed, "observed": {"revision": "1"}, "facts": {}}


def plan(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"account": "1", "commit": "a", "changes": list(changes), "unknown": [], **more}


def test_identifiers_that_each_account_has_its_own_of_are_no_difference() -> None:
    live = plan(entry("network", subnet="subnet-0a1b2c3d4e5f60718"))
    copy = plan(entry("network", subnet="subnet-99999999aaaaaaaa1"), commit="b")
    assert plan_differences(live, copy) == []


def test_another_value_is_a_difference_with_its_unit_and_path() -> None:
    lines = plan_differences(plan(entry("cluster", replicas=2)), plan(entry("cluster", replicas=3)))
    assert lines == ["cluster: replicas: other values"]


def test_units_of_one_plan_alone_are_differences() -> None:
    lines = plan_differences(plan(entry("a"), entry("b")), plan(entry("b"), entry("c")))
    assert [line.partition(":")[0] for line in lines] == ["a", "c"]


def test_what_cannot_be_planned_on_the_copy_is_a_difference() -> None:
    copy = plan(unknown=[{"unit": "efs", "reason": "denied"}])
    assert plan_differences(plan(), copy) == ["efs: it cannot be planned on the copy: denied"]


def test_another_account_is_a_difference() -> None:
    assert plan_differences(plan(), plan(account="2")) == ["account is 2 and not 1"]


def stock(generation: int, uid: str = "u", *, owned: bool = False) -> dict[str, Any]:
    return {"uid": uid, "generation": generation, "owned": owned, "release": ""}


def test_changed_new_and_removed_objects_count_and_what_others_make_does_not() -> None:
    before = {"A": stock(1), "B": stock(1), "C": stock(1), "Pod": stock(1, owned=True)}
    after = {"A": stock(1), "B": stock(2), "D": stock(1), "Pod": stock(2, owned=True)}
    assert changed_objects(before, after) == ["B", "C", "D"]


def test_an_object_is_named_by_its_unit_or_by_a_field_of_the_plan() -> None:
    made = {"Deployment/shop/web": "shop", "Service/shop/web": "other"}
    changed = ["Deployment/shop/web", "Service/shop/web", "ConfigMap/x", "Secret/y"]
    planned = plan(entry("shop", **{"Secret/y.data": 1}))
    assert unnamed_objects(changed, made, planned) == ["Service/shop/web (other)", "ConfigMap/x"]
