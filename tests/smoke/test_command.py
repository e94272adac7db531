"""`make smoke-aws`: what it says first, when it refuses, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from eks_assets.units import load_registry
from resources.config.loader import check_environment_file, load_environment
from smoke import __main__ as command
from smoke.environment import write_environment

ACCOUNT = "111122223333"
UNITS = load_registry().by_name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_environment(tmp_path / "environments", ACCOUNT, "eu-west-1", UNITS)
    return tmp_path / "environments"


def test_environment_is_valid_and_waits_for_no_pod(folder: Path) -> None:
    """A network and a control plane, and whatever else needs neither nodes nor DNS."""
    assert check_environment_file(folder / "smoke.yaml", UNITS) == []
    env = load_environment("smoke", folder)
    on = {name for name, unit in UNITS.items() if unit.is_enabled(env)}
    assert {"network", "cluster", "access_entries", "daemon_addons", "identity", "planner_access"} <= on
    assert not on & {"node_groups", "pod_addons", "certificate", "argo_cd", "validation", "storage_classes"}


class Steps:
    """What was run, in place of the program; the steps named fail."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.taken: list[str] = []
        self.files: list[Path] = []

    def __call__(self, step: Sequence[str], variables: dict[str, str]) -> int:
        self.taken.append(" ".join(step[:3]))
        self.files.append(Path(variables["EKS_ASSETS_TRANSCRIPT"]))
        assert (Path(variables["EKS_ASSETS_ENVIRONMENTS"]) / "smoke.yaml").is_file()
        return int(any(" ".join(step).startswith(failing) for failing in self.failing))


@pytest.fixture(autouse=True)
def _transcripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "TRANSCRIPTS", tmp_path / "transcripts")


@pytest.mark.parametrize("confirmed", ["", "999900001111"])
def test_account_has_to_be_confirmed(confirmed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """After minutes and dollars an hour were shown; another account is none."""
    steps = Steps()
    assert command.smoke(ACCOUNT, "eu-west-1", confirmed, steps) == 2
    shown = capsys.readouterr()
    assert "about 45 minutes" in shown.out
    assert "US dollars an hour while it stands: 0.15" in shown.out
    assert f"CONFIRM_ACCOUNT={ACCOUNT}" in shown.err
    assert steps.taken == []


def test_environment_is_deployed_looked_at_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    """All with one transcript. S3 locks the ledger, so that stays, and how to remove it later is said."""
    steps = Steps()
    assert command.smoke(ACCOUNT, "eu-west-1", ACCOUNT, steps) == 0
    words = [taken.split()[0] for taken in steps.taken]
    assert words == ["validate", "bootstrap", "deploy", "plan", "status", "drift", "destroy", "bootstrap"]
    assert {file.name for file in steps.files} == {"eu-west-1.jsonl"}
    assert "--delete-ledger --from-ledger --region eu-west-1" in capsys.readouterr().out


def test_what_stands_is_removed_after_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """It costs money; the step that failed is named at the end."""
    steps = Steps("deploy")
    assert command.smoke(ACCOUNT, "eu-west-1", ACCOUNT, steps) == 1
    assert [taken.split()[0] for taken in steps.taken][-3:] == ["deploy", "destroy", "bootstrap"]
    assert "failed: eks-assets deploy smoke" in capsys.readouterr().err


def test_nothing_is_removed_where_nothing_was_made() -> None:
    """An environment that is not valid."""
    steps = Steps("validate")
    assert command.smoke(ACCOUNT, "eu-west-1", ACCOUNT, steps) == 1
    assert steps.taken == ["validate smoke"]
