"""What Dagster's UI shows of a change holds nothing that acts there."""

from __future__ import annotations

import re

import pytest

from eks_assets.orchestration.metadata import change_table, outputs_table
from resources.model.change import FieldChange

EVIL = [
    "`<img src=x onerror=alert(1)>`",
    "a`` [l](https://evil.example)",
    "x | y | z",
    "x\\| <b>y</b>",
    "one\n\n# two",
    "\u202e\x1b[2J\x85\u2028",
    "`" * 90 + "<b>",
    ["`<b>`", {"`|\n<i>": "`"}],
]


def cells(table: str) -> list[list[str]]:
    """The cells of a table's rows as GitHub's and Dagster's parsers see them: a `|` behind an even number of
    backslashes ends one."""
    rows = table.split("\n")[2:]
    return [re.split(r"(?<!\\)(?:\\\\)*\|", row)[1:-1] for row in rows]


@pytest.mark.parametrize("evil", EVIL, ids=str)
def test_cell_is_inert_whatever_stands_in_it(evil: object) -> None:
    """Keys and values, of changes and of outputs, stay inside of their code span and their cell."""
    text = evil if isinstance(evil, str) else "`|<b>"
    table = change_table([FieldChange(f"values.{text}", evil, evil), FieldChange("x", None, 1)])
    for shown, count in ((table, 2), (outputs_table({"url": text, "names": (text, text)}), 2)):
        assert all(line.isprintable() for line in shown.split("\n"))
        rows = cells(shown)
        assert len(rows) == count
        for cell in (cell.strip() for row in rows for cell in row):
            fence = re.match("`*", cell)
            assert fence is not None
            assert not cell or (cell.endswith(fence[0]) and fence[0])
            inner = cell[len(fence[0]) : len(cell) - len(fence[0])]
            assert fence[0] not in re.findall("`+", inner)


def test_table_shows_plain_values_as_before() -> None:
    """Usual values are code in a table."""
    assert change_table([FieldChange("a.b", 1, "two")]).split("\n")[2:] == ["| `a.b` | `1` | `two` |"]
    assert outputs_table({"names": ("a", "b")}).split("\n")[2:] == ["| `names` | `a, b` |"]
