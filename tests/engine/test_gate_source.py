"""The gate and the code: an approval is of the code that people have read, with a commit, clean where that is asked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from eks_assets.cli.commands.approvals import _plan_lines as list_plan
from eks_assets.engine import provenance
from eks_assets.engine.approval_request import approval_notification
from eks_assets.orchestration.plan_assets import _metadata as release_metadata
from resources.config.environment import Environment
from resources.model.errors import ApprovalStale, ConfigError
from tests.helpers.embedded_gate import GateAccount, gate_account
from tests.helpers.gate import Gate

pytestmark = pytest.mark.sandbox
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as own_account:
        yield own_account


@pytest.fixture
def gate(sandbox_env: Environment, account: GateAccount) -> Gate:
    """An environment whose units before the gate are there."""
    own_gate = account.gate(sandbox_env, f"s{next(NUMBERS)}")
    for name in ("rights", "dependent"):
        own_gate.run(name)
    return own_gate


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
    approval = gate.approval.model_copy(update={"clean": "required"})
    strict = replace(gate, env=gate.env.model_copy(update={"approval": approval}))
    monkeypatch.setattr(provenance, "source_commit", lambda folder: "c0ffee")
    strict.decide(strict.request(), "alice", "bob")
    run_code_of("c0ffee+0123456789abcdef", monkeypatch)
    with pytest.raises(ConfigError, match="clean is required"):
        strict.run("first")
    with pytest.raises(ConfigError, match="clean is required"):
        strict.ask()
    assert strict.stored("first") is None


def test_approvers_read_commits_and_the_whole_digest(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail, Dagster's metadata and `approvals` name the commits, what is uncommitted, and all of the digest."""
    run_code_of("c0ffee+0123456789abcdef", monkeypatch)
    pending = gate.ask()
    assert pending.state is not None
    digest, commit = pending.state.request.digest, "c0ffee with uncommitted changes 0123456789abcdef"
    mail = approval_notification(gate.env, pending.state, pending.plan).sendable_message()
    listed = "\n".join(list_plan(gate.context(), pending.state))
    for shown in (mail, listed):
        assert f"{digest}\n" in shown
        assert commit in shown
    metadata = release_metadata(pending, gate.env)
    assert (metadata["digest"], metadata["code"]) == (digest, commit)
