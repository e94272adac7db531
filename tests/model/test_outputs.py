"""Outputs, and values that are known only after apply."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from resources.model.outputs import Outputs, Pending, display, fill_in, pending, pending_fields, plain, token_of


class Vpc(Outputs):
    vpc_id: str
    subnet_ids: tuple[str, ...]


FOUND = pending(Vpc, "network")
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
def test_a_pending_value_refuses_to_be_inspected(how: str) -> None:
    with pytest.raises(TypeError, match=r"network\.vpc_id is known only after apply"):
        INSPECTIONS[how](FOUND.vpc_id)


@pytest.mark.parametrize("how", COUNTS)
def test_nobody_knows_how_many_a_pending_list_holds(how: str) -> None:
    with pytest.raises(TypeError, match=r"how many ⟦network\.subnet_ids⟧ there are"):
        COUNTS[how](FOUND.subnet_ids)


def test_pending_values_are_interpolated_joined_and_found_again() -> None:
    document = {f"{FOUND.vpc_id}:key": ["fixed", f"vpc/{FOUND.vpc_id}"], "subnets": ",".join(FOUND.subnet_ids)}
    assert pending_fields(document) == ("network.subnet_ids", "network.vpc_id")
    assert pending_fields({"a": "fixed"}) == ()
    assert [f"{subnet}/x" for subnet in FOUND.subnet_ids] == ["⟦network.subnet_ids⟧/x"]


def test_pending_values_are_shown_in_words() -> None:
    assert display(f"vpc/{FOUND.vpc_id}") == "vpc/${network.vpc_id} (known after apply)"


def test_pending_values_survive_json_yaml_and_another_process() -> None:
    document = {"vpc": FOUND.vpc_id, "subnets": FOUND.subnet_ids}
    as_json = json.loads(json.dumps(plain(document)))
    assert as_json == {"vpc": "⟦network.vpc_id⟧", "subnets": ["⟦network.subnet_ids⟧"]}
    assert yaml.safe_load(yaml.safe_dump(plain(document), allow_unicode=True)) == as_json
    copy = pickle.loads(pickle.dumps(FOUND.vpc_id))
    assert isinstance(copy, Pending)
    assert copy == FOUND.vpc_id
    assert pending_fields(pickle.loads(pickle.dumps(document))) == ("network.subnet_ids", "network.vpc_id")


def test_yaml_refuses_a_pending_value_that_nobody_made_plain() -> None:
    with pytest.raises(yaml.representer.RepresenterError):
        yaml.safe_dump({"vpc": FOUND.vpc_id})


def test_token_is_plain_text() -> None:
    assert isinstance(FOUND.vpc_id, Pending)
    assert FOUND.vpc_id.token == token_of(FOUND.vpc_id) == "⟦network.vpc_id⟧"
    assert FOUND.vpc_id.token.startswith("⟦network")
    assert token_of("vpc-1") == "vpc-1"


def test_plain_leaves_json_types_alone_and_makes_lists_of_tuples() -> None:
    document: dict[str, Any] = {"n": 1, "b": True, "none": None, "t": ("a", {"k": 2.5})}
    assert plain(document) == {"n": 1, "b": True, "none": None, "t": ["a", {"k": 2.5}]}


def test_plain_makes_of_a_key_that_is_no_text_what_helm_makes_of_it() -> None:
    assert plain({8080: {True: 1, 1.5: 2, 2.0: 3}}) == {"8080": {"true": 1, "1.5": 2, "2": 3}}


def test_outputs_are_text_or_lists_of_text() -> None:
    with pytest.raises(TypeError, match="an output is str or tuple"):

        class Wrong(Outputs):
            count: int

    with pytest.raises(ValueError, match="extra"):
        Vpc.model_validate({"vpc_id": "vpc-1", "subnet_ids": (), "more": "x"})


def test_the_token_of_an_output_that_has_another_name_by_now_stays() -> None:
    class Renamed(Outputs):
        vpc: str

    assert fill_in("⟦network.vpc_id⟧", {"network": Renamed(vpc="vpc-1")}) == "⟦network.vpc_id⟧"
