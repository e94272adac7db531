"""Outputs, and values that are known only after apply."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from resources.model.outputs import (
    Outputs,
    Pending,
    display_pending,
    fill_in,
    pending_fields,
    pending_outputs,
    plain_document,
    token_of,
)


class Vpc(Outputs):
    vpc_id: str
    subnet_ids: tuple[str, ...]


PENDING = pending_outputs(Vpc, "network")
INSPECTIONS: dict[str, Callable[[str], object]] = {
    "split": lambda s: s.split("-"),
    "replace": lambda s: s.replace("a", "b"),
    "startswith": lambda s: s.startswith("vpc"),
    "lower": lambda s: s.lower(),
    "index": lambda s: s[0],
    "slice": lambda s: s[:3],
    "length": len,
    "walk": list,
    "search": lambda s: "vpc" in s,
    "truth": bool,
    "equality": lambda s: s == "vpc-1",
    "inequality": lambda s: s != "vpc-1",
    "order": lambda s: s < "vpc-1",
    "isalpha": lambda s: s.isalpha(),
    "encode": lambda s: s.encode(),
}
COUNTS: dict[str, Callable[[tuple[str, ...]], object]] = {
    "length": len,
    "pick": lambda t: t[0],
    "truth": bool,
    "search": lambda t: "subnet-1" in t,
}


@pytest.mark.parametrize("how", INSPECTIONS)
def test_pending_value_cannot_be_inspected(how: str) -> None:
    """Code that would branch on a value known only after apply gets a TypeError that names it."""
    with pytest.raises(TypeError, match=r"network\.vpc_id is known only after apply"):
        INSPECTIONS[how](PENDING.vpc_id)


@pytest.mark.parametrize("how", COUNTS)
def test_pending_list_has_no_length(how: str) -> None:
    """A list known only after apply has no length, no items and no truth value."""
    with pytest.raises(TypeError, match=r"how many ⟦network\.subnet_ids⟧ there are"):
        COUNTS[how](PENDING.subnet_ids)


def test_pending_values_survive_interpolation() -> None:
    """Pending values can be put into strings and joined, and are found again in the result."""
    document = {f"{PENDING.vpc_id}:key": ["fixed", f"vpc/{PENDING.vpc_id}"], "subnets": ",".join(PENDING.subnet_ids)}
    assert pending_fields(document) == ("network.subnet_ids", "network.vpc_id")
    assert pending_fields({"a": "fixed"}) == ()
    assert [f"{subnet}/x" for subnet in PENDING.subnet_ids] == ["⟦network.subnet_ids⟧/x"]


def test_pending_value_is_displayed_as_known_after_apply() -> None:
    """For people a pending value reads `${unit.output} (known after apply)`."""
    assert display_pending(f"vpc/{PENDING.vpc_id}") == "vpc/${network.vpc_id} (known after apply)"


def test_pending_values_survive_serialization() -> None:
    """Pending values pass through JSON, YAML and pickle."""
    document = {"vpc": PENDING.vpc_id, "subnets": PENDING.subnet_ids}
    as_json = json.loads(json.dumps(plain_document(document)))
    assert as_json == {"vpc": "⟦network.vpc_id⟧", "subnets": ["⟦network.subnet_ids⟧"]}
    assert yaml.safe_load(yaml.safe_dump(plain_document(document), allow_unicode=True)) == as_json
    copy = pickle.loads(pickle.dumps(PENDING.vpc_id))
    assert isinstance(copy, Pending)
    assert copy == PENDING.vpc_id
    assert pending_fields(pickle.loads(pickle.dumps(document))) == ("network.subnet_ids", "network.vpc_id")


def test_yaml_refuses_pending_value_without_plain() -> None:
    """YAML refuses a pending value that did not pass through `plain_document`."""
    with pytest.raises(yaml.representer.RepresenterError):
        yaml.safe_dump({"vpc": PENDING.vpc_id})


def test_token_of_pending_value_is_plain_str() -> None:
    """The token of a pending value is a plain str; another string is its own token."""
    assert isinstance(PENDING.vpc_id, Pending)
    assert PENDING.vpc_id.token == token_of(PENDING.vpc_id) == "⟦network.vpc_id⟧"
    assert PENDING.vpc_id.token.startswith("⟦network")
    assert token_of("vpc-1") == "vpc-1"


def test_plain_turns_tuples_into_lists() -> None:
    """JSON types stay as they are; tuples become lists."""
    document: dict[str, Any] = {"n": 1, "b": True, "none": None, "t": ("a", {"k": 2.5})}
    assert plain_document(document) == {"n": 1, "b": True, "none": None, "t": ["a", {"k": 2.5}]}


def test_plain_writes_keys_as_helm_does() -> None:
    """Keys that are no strings become the strings that helm makes of them."""
    assert plain_document({8080: {True: 1, 1.5: 2, 2.0: 3}}) == {"8080": {"true": 1, "1.5": 2, "2": 3}}


def test_outputs_hold_only_strings_and_tuples_of_strings() -> None:
    """A field of another type, or a value without a field, is refused."""
    with pytest.raises(TypeError, match="an output is str or tuple"):

        class Wrong(Outputs):
            count: int

    with pytest.raises(ValueError, match="extra"):
        Vpc.model_validate({"vpc_id": "vpc-1", "subnet_ids": (), "more": "x"})


def test_token_of_renamed_output_stays() -> None:
    """A token whose output no longer exists is left in the text."""

    class Renamed(Outputs):
        vpc: str

    assert fill_in("⟦network.vpc_id⟧", {"network": Renamed(vpc="vpc-1")}) == "⟦network.vpc_id⟧"


def test_fill_in_leaves_token_of_unknown_unit() -> None:
    """A token of a unit without known outputs stays; a list within a longer text is joined by commas."""
    known = {"network": Vpc(vpc_id="vpc-1", subnet_ids=("a", "b"))}
    token = Pending("other", "thing").token
    assert fill_in([token, "x"], known) == [token, "x"]
    assert fill_in(f"{Pending('network', 'subnet_ids').token}!", known) == "a,b!"
