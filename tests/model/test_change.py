"""The two diffs behind every plan."""

from __future__ import annotations

from typing import Any

import pytest

from resources.model.change import NOTHING_TO_DO, Change, FieldChange, diff, subset_diff


def test_diff_lists_each_differing_leaf_with_both_values() -> None:
    """Every leaf that differs, is new or is gone has its path and both values."""
    before = {"a": {"b": 1, "gone": "x"}, "list": [1, 2], "same": {"deep": [True]}}
    after = {"a": {"b": 2, "new": None}, "list": [1, 3, 4], "same": {"deep": [True]}}
    assert diff(before, after) == (
        FieldChange("a.b", 1, 2),
        FieldChange("a.gone", "x", None),
        FieldChange("list[1]", 2, 3),
        FieldChange("list[2]", None, 4),
    )


def test_diff_ignores_key_order_and_list_type() -> None:
    """Neither the order of keys nor list versus tuple is a difference."""
    assert diff({"a": 1, "b": (1, 2)}, {"b": [1, 2], "a": 1}) == ()


def test_diff_quotes_key_with_dot() -> None:
    """A key that contains a dot is quoted, so that it is not read as a nested one."""
    (change,) = diff({}, {"labels": {"app.kubernetes.io/name": "x"}})
    assert change.path == 'labels.["app.kubernetes.io/name"]'


def test_diff_shows_removed_empty_mapping() -> None:
    """An empty mapping that is gone is a difference."""
    assert diff({"a": {}}, {}) == (FieldChange("a", {}, None),)


def test_diff_of_filled_mapping_shows_only_new_keys() -> None:
    """Where an empty mapping gets keys, or a list loses all items, only those are listed."""
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
def test_subset_diff_ignores_server_additions_and_order(live: Any, wanted: Any) -> None:
    """What a server adds, defaults, leaves out as empty, or sorts by name is no difference."""
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
def test_subset_diff_shows_missing_and_contradicting_values(live: Any, wanted: Any, changes: list[Any]) -> None:
    """What is missing in, or contradicted by, the live object is a difference with its path."""
    assert [(c.path, c.before, c.after) for c in subset_diff(live, wanted)] == changes


def test_change_is_needed_unless_nothing_to_do() -> None:
    """An update is needed; NOTHING_TO_DO is not."""
    assert Change("update").is_needed
    assert not NOTHING_TO_DO.is_needed
