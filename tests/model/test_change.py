"""The two diffs behind every plan."""

from __future__ import annotations

from typing import Any

import pytest

from resources.model.change import NOTHING_TO_DO, Change, FieldChange, diff, subset_diff


def test_diff_names_each_leaf_that_differs_with_both_values() -> None:
    before = {"a": {"b": 1, "gone": "x"}, "list": [1, 2], "same": {"deep": [True]}}
    after = {"a": {"b": 2, "new": None}, "list": [1, 3, 4], "same": {"deep": [True]}}
    assert diff(before, after) == (
        FieldChange("a.b", 1, 2),
        FieldChange("a.gone", "x", None),
        FieldChange("list[1]", 2, 3),
        FieldChange("list[2]", None, 4),
    )


def test_diff_of_equal_documents_is_empty_whatever_the_order_and_the_kind_of_list() -> None:
    assert diff({"a": 1, "b": (1, 2)}, {"b": [1, 2], "a": 1}) == ()


def test_diff_tells_a_key_with_a_dot_from_a_nested_one() -> None:
    (change,) = diff({}, {"labels": {"app.kubernetes.io/name": "x"}})
    assert change.path == 'labels.["app.kubernetes.io/name"]'


def test_diff_sees_an_empty_mapping_that_comes_or_goes() -> None:
    assert diff({"a": {}}, {}) == (FieldChange("a", {}, None),)


def test_diff_of_an_empty_mapping_that_fills_names_only_what_comes() -> None:
    assert diff({"a": {}}, {"a": {"b": 1}}) == (FieldChange("a.b", None, 1),)
    assert diff({"a": [1]}, {"a": []}) == (FieldChange("a[0]", 1, None),)


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"a": 1, "status": {"ready": True}}, {"a": 1}),
        ({"spec": {"x": 1, "default": 2}}, {"spec": {"x": 1}}),
        ({"a": 1}, {"a": 1, "empty": {}, "none": None, "nothing": []}),
        ({"l": [{"name": "b", "v": 2}, {"name": "a", "v": 1}]}, {"l": [{"name": "a", "v": 1}, {"name": "b", "v": 2}]}),
    ],
)
def test_what_a_server_adds_or_sorts_is_no_difference(live: Any, wanted: Any) -> None:
    assert subset_diff(live, wanted) == ()


@pytest.mark.parametrize(
    ("live", "wanted", "changes"),
    [
        ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
        ({}, {"a": {"b": 1}}, [("a", None, {"b": 1})]),
        ({"l": [1]}, {"l": [1, 2]}, [("l", [1], [1, 2])]),
        ({"l": [{"name": "a", "v": 1}]}, {"l": [{"name": "a", "v": 2}]}, [("l[0].v", 1, 2)]),
        ({"l": [{"name": "a"}]}, {"l": [{"name": "b"}]}, [("l[0].name", "a", "b")]),
        ({"a": {"b": 1}}, {"a": "text"}, [("a", {"b": 1}, "text")]),
        ({"a": 0}, {"a": None}, [("a", 0, None)]),
    ],
)
def test_what_is_missing_or_contradicts_is_a_difference(live: Any, wanted: Any, changes: list[Any]) -> None:
    assert [(c.path, c.before, c.after) for c in subset_diff(live, wanted)] == changes


def test_only_a_change_is_needed() -> None:
    assert Change("update").is_needed
    assert not NOTHING_TO_DO.is_needed
