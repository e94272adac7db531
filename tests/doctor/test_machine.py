"""`doctor` without an environment: this machine alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resources.doctor.examination import doctor_schema, run_checks
from sandbox.paths import PROJECT
from tests.doctor.conftest import lines_of
from tests.helpers.json_schema import schema_faults, schema_of


def test_machine_with_its_programs(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's helm is one that the pipeline can use."""
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    report = run_checks(None)
    assert report.environment is None
    assert [diagnosis.check for diagnosis in report.diagnoses] == ["helm", "git", "kubectl", "python"]
    assert lines_of(report, "error") == {}
    assert report.seconds < 10


def test_path_without_helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named, with how to get it; kubectl is for people."""
    monkeypatch.setenv("PATH", str(tmp_path))
    report = run_checks(None)
    errors, warnings = lines_of(report, "error"), lines_of(report, "warning")
    assert errors["helm"][0].message == "helm is not on PATH; 4.0 or newer is needed"
    assert "get-helm-4" in errors["helm"][0].fix
    assert "install git" in errors["git"][0].fix
    assert "the pipeline does without" in warnings["kubectl"][0].message
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("echo v3.19.0", "helm 3.19.0 ({path}) is too old: 4.0 or newer is needed"),
        ("echo broken >&2; exit 1", "{path} does not run: helm version --template failed (exit 1): broken"),
    ],
)
def test_helm_that_does_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, message: str) -> None:
    helm = tmp_path / "helm"
    helm.write_text(f"#!/bin/sh\n{answer}\n")
    helm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    (line,) = lines_of(run_checks(None), "error")["helm"]
    assert line.message == message.format(path=helm)


def test_command_says_it_in_words_and_ends_with_one(tmp_path: Path) -> None:
    """As a person sees it on a machine without helm."""
    done = subprocess.run(
        [sys.executable, "-m", "eks_assets.cli", "doctor"],
        cwd=PROJECT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "error   helm: helm is not on PATH; 4.0 or newer is needed"
    assert lines[1].startswith("        fix: curl -fsSL ")
    assert lines[-1].startswith("this machine: ")


def test_json_is_as_the_schema_says(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "eks_assets.cli", "doctor", "--json"],
        cwd=PROJECT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert schema_faults(json.loads(done.stdout), schema_of("doctor")) == []
    assert json.loads(done.stdout)["environment"] is None


def test_schema_file_is_what_the_command_writes() -> None:
    assert schema_of("doctor") == doctor_schema()


def test_environment_that_does_not_exist_is_bad_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "eks_assets.cli", "doctor", "nosuch", "--json"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no environment nosuch" in done.stderr
