"""The gate and the code: an approval is of the code that people have read, with a commit, clean where that is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eks_assets.engine import provenance
from resources.config.environment import Approval
from resources.model.errors import ApprovalStale, ConfigError
from tests.helpers.gate import PEOPLE, Gate

pytestmark = pytest.mark.sandbox


def run_code_of(commit: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the code is of that commit; the environments' folder stays what it is."""
    code, asked = provenance.code_folder(), provenance.source_commit
    monkeypatch.setattr(provenance, "source_commit", lambda folder: commit if folder == code else asked(folder))


def test_grant_is_worth_nothing_for_other_code(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate refuses a unit under code that nobody approved, and lets it through under the one that was."""
    run_code_of("c0ffee", monkeypatch)
    gate.decide(gate.request(), "alice", "bob")
    run_code_of("c0ffee+0123456789abcdef", monkeypatch)
    with pytest.raises(ApprovalStale, match=r"commit of the code: approved c0ffee, now c0ffee\+0123456789abcdef"):
        gate.run("first")
    assert gate.stored("first") is None
    run_code_of("c0ffee", monkeypatch)
    gate.run("first")
    assert gate.stored("first") == "1"


def test_code_without_a_commit_is_neither_put_up_nor_let_through(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gated environment refuses code of which nobody could tell what it is."""
    asked = gate.request()
    run_code_of(None, monkeypatch)
    with pytest.raises(ConfigError, match="has no commit"):
        gate.ask()
    gate.decide(asked, "alice", "bob")
    with pytest.raises(ConfigError, match="has no commit"):
        gate.run("first")
    assert gate.stored("first") is None


def test_uncommitted_code_is_refused_where_clean_is_required(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `clean: required` uncommitted changes are refused when a request is put up and at the gate."""
    approval = Approval(before="applications", approvers=2, allow=PEOPLE, clean="required")
    strict = replace(gate, env=gate.env.model_copy(update={"approval": approval}))
    monkeypatch.setattr(provenance, "source_commit", lambda folder: "c0ffee")
    strict.decide(strict.request(), "alice", "bob")
    run_code_of("c0ffee+0123456789abcdef", monkeypatch)
    with pytest.raises(ConfigError, match="clean is required"):
        strict.run("first")
    with pytest.raises(ConfigError, match="clean is required"):
        strict.ask()
    assert strict.stored("first") is None
