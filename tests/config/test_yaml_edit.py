"""An entry is added to a file of a person's, and nothing else of it changes."""

from __future__ import annotations

import pytest
import yaml

from resources.config.yaml_edit import with_item, with_scalar
from resources.model.errors import ConfigError

PATH = ("drift", "ignore")
ITEM = {"finding": "123456789012", "reason": 'a "quoted" # reason: ä', "until": "2026-12-31"}

FILES = {
    "no key": "# mine\nname: a # why\n",
    "no newline at the end": "name: a",
    "carriage returns": "name: a\r\ndrift:\r\n  auto_repair: true # yes\r\n",
    "block": "drift: # ours\n  # about the repair\n  auto_repair: true\nname: a\n",
    "block with a list": "drift:\n  ignore: # known\n    # first\n    - {finding: x, reason: r, until: u}\nname: a\n",
    "list at its key": "drift:\n  ignore:\n  - finding: x # first\n    reason: r\n    until: u\n",
    "flow": "drift: {auto_repair: true} # short\nname: a\n",
    "empty flow": "drift: {}\n",
    "flow list": "drift:\n    ignore: [] # none\n    auto_repair: true\n",
    "flow in flow": "drift: {ignore: [{finding: x, reason: r, until: u}], auto_repair: true}\n",
    "empty value": "name: a\ndrift:\n# the end\n",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_entry_is_added_and_all_else_stays(text: str) -> None:
    """Every line is still there, comments too, and the data is what it was with the entry."""
    edited = with_item(text, PATH, ITEM)
    before, after = yaml.safe_load(text), yaml.load(edited, yaml.BaseLoader)
    assert after["drift"]["ignore"][0] == ITEM
    assert len(after["drift"]["ignore"]) == len(((before.get("drift") or {}).get("ignore")) or []) + 1
    assert set(after) == {*before, "drift"}
    for comment in ("# mine", "# why", "# ours", "# about the repair", "# known", "# first", "# short", "# the end"):
        assert (comment in text) == (comment in edited)
    kept = [line for line in text.splitlines() if not line.startswith(("drift: {", "    ignore: ["))]
    assert [line for line in edited.splitlines() if line in kept] == kept
    assert ("\r" in text) == ("\r" in edited)
    assert "\n\n" not in edited.replace("\r", "")


@pytest.mark.parametrize(
    "text", ["drift: text\n", "drift: &d {ignore: []}\nother: *d\n", "name: a\n...\n", "- a\n", "a: 1\na: 2: 3"]
)
def test_no_safe_place(text: str) -> None:
    """What could be read in two ways is left to the person, with the lines to write."""
    with pytest.raises(ConfigError) as caught:
        with_item(text, PATH, ITEM)
    assert '- finding: "123456789012"' in caught.value.next_step


def test_file_in_flow_style() -> None:
    """A file that is JSON stays JSON's relative."""
    assert with_item("{name: a}\n", ("drift", "ignore"), {"finding": "x"}) == (
        '{drift: {ignore: [{finding: "x"}]}, name: a}\n'
    )


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("a: {b: [1, 2]} # why\n", "3", "a: {b: [1, 3]} # why\n"),
        ('a: {b: [x, "2"]}\n', "3", 'a: {b: [x, "3"]}\n'),
        ("a:\n  b: [0, true]\r\n", "false", "a:\n  b: [0, false]\r\n"),
        ("a: {b: [1, 2]}\n", "two", 'a: {b: [1, "two"]}\n'),
    ],
)
def test_scalar_is_replaced_in_its_place(before: str, value: str, after: str) -> None:
    """It stays a number, a boolean or a text, where the new one is one, too."""
    assert with_scalar(before, ("a", "b", 1), value) == after


@pytest.mark.parametrize(
    "text", ["a: {b: [1, &x 2], c: *x}\n", "a: {b: [1]}\n", "a: {b: [1, {}]}\n", "a:\n  b:\n  - 1\n  - |\n    2\n"]
)
def test_scalar_without_a_place_of_its_own(text: str) -> None:
    """One that is used elsewhere, too, is not there, or is no scalar."""
    with pytest.raises(ConfigError):
        with_scalar(text, ("a", "b", 1), "3")
