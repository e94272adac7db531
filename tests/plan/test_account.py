"""The account of changes as people, programs and auditors get it."""

from __future__ import annotations

from typing import Any

import pytest

from eks_assets.plan.account import AccountReport, Call, Source, account_lines, account_markdown, sum_up
from tests.helpers.json_schema import schema_faults, schema_of

CALL = Call(
    source="aws", time="2026-11-30T10:00:00Z", actor="alice|x", call="iam:AttachRolePolicy", object="r", address="::1"
)


def report(**more: Any) -> AccountReport:
    empty = {"unapproved": (), "accounted": (), "missing": (), "left_out": ("reads",), "seconds": 0.1}
    return AccountReport(**{"environment": "e", "since": "s", "until": "u", **empty, **more})


@pytest.mark.parametrize(
    ("more", "code"),
    [({}, 0), ({"unapproved": (CALL,)}, 4), ({"missing": ("m",)}, 1), ({"unapproved": (CALL,), "missing": ("m",)}, 1)],
)
def test_exit_code(more: dict[str, Any], code: int) -> None:
    """A missing source wins over calls that nobody approved."""
    assert report(**more).exit_code == code


def test_calls_are_summed_up_by_whose_they_are() -> None:
    """With the first and the last of them."""
    calls: list[tuple[Source, str, str]] = [("aws", "run 1", "3"), ("aws", "run 1", "1"), ("kubernetes", "run 2", "2")]
    assert [(e.source, e.who, e.calls, e.first, e.last) for e in sum_up(calls, {"1": "alice"})] == [
        ("aws", "alice", 2, "1", "3"),
        ("kubernetes", "", 1, "2", "2"),
    ]


def test_text_and_markdown_have_everything() -> None:
    """Each call in full; Markdown cannot be broken out of; findings stay where a source is missing."""
    whole = report(unapproved=(CALL,), accounted=sum_up([("aws", "run 1", "3")], {"1": "bob"}), missing=("no log",))
    assert schema_faults(whole.model_dump(mode="json"), schema_of("account")) == []
    lines = "\n".join(account_lines(whole))
    assert "2026-11-30T10:00:00Z alice|x from ::1: iam:AttachRolePolicy r" in lines
    assert "missing: no log" in lines
    assert "left out: reads" in lines
    assert "e: 1 calls that nobody approved, 1 accounted for" in lines
    markdown = account_markdown(whole)
    assert "| 2026-11-30T10:00:00Z | alice\\|x | ::1 | iam:AttachRolePolicy | r |" in markdown
    assert "| run 1 | bob | aws | 1 | 3 | 3 |" in markdown
    assert "accounted for: run 1, started by bob: 1 calls" in lines
    assert "A source is missing" in markdown
    assert "None." in account_markdown(report())
