"""`eks-assets upgrade` without an account: the file's version, the edit of it, and what is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from eks_assets.cli.app import app
from eks_assets.cli.commands.upgrade import print_verdict, require_version, write_version
from eks_assets.plan.document import build_report
from eks_assets.plan.markdown import render_markdown
from eks_assets.plan.unit_plan import EnvironmentPlan
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.model.change import FieldChange
from resources.model.errors import ConfigError
from resources.upgrade.findings import (
    Severity,
    UpgradeFinding,
    UpgradeReport,
    UpgradeStep,
    decide_verdict,
    sort_findings,
    upgrade_schema,
)
from tests.helpers.built_plans import SOURCE, planned
from tests.helpers.json_schema import schema_faults, schema_of


def finding(severity: Severity, step: str = "1.35") -> UpgradeFinding:
    return UpgradeFinding(
        check="webhooks",
        severity=severity,
        step=step,
        object="webhook a",
        message="nobody answers it",
        evidence=("Service shop/hook has no ready endpoint",),
        way_out="" if severity == "note" else "kubectl delete it",
    )


def report(*findings: UpgradeFinding, target: str = "1.35") -> UpgradeReport:
    minors = range(34, int(target[2:]))
    ordered = sort_findings(findings)
    return UpgradeReport(
        environment="sandbox",
        current="1.34",
        target=target,
        verdict=decide_verdict(findings),
        findings=ordered,
        steps=tuple(
            UpgradeStep(
                before=f"1.{n}",
                after=f"1.{n + 1}",
                verdict=decide_verdict(f for f in findings if f.step == f"1.{n + 1}"),
            )
            for n in minors
        ),
        apis_recorded="2026-11-30",
        seconds=1.5,
    )


@pytest.mark.parametrize(
    ("severities", "verdict", "code"),
    [
        ((), "READY", 0),
        (("note",), "READY", 0),
        (("note", "warning"), "READY_WITH_WARNINGS", 0),
        (("warning", "unknown"), "CANNOT_DETERMINE", 1),
        (("unknown", "blocker", "warning"), "NOT_READY", 1),
    ],
)
def test_gravest_finding_decides(severities: tuple[Severity, ...], verdict: str, code: int) -> None:
    """What is known to stand in the way wins over what nobody could look at."""
    made = report(*map(finding, severities))
    assert (made.verdict, made.exit_code) == (verdict, code)


def test_document_is_as_the_published_schema_says() -> None:
    document = json.loads(report(finding("blocker"), finding("note")).model_dump_json())
    assert schema_of("upgrade") == upgrade_schema()
    assert schema_faults(document, schema_of("upgrade")) == []
    assert {"verdict", "findings", "steps"} <= document.keys()


def shown(made: UpgradeReport) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        print_verdict(made, console)
    return capture.get()


def test_each_finding_is_shown_with_evidence_and_way_out() -> None:
    assert shown(report(finding("note"), finding("blocker"))).splitlines() == [
        "Upgrade of sandbox from Kubernetes 1.34 to 1.35: NOT_READY (1 blocker)",
        "  blocker: webhook a: nobody answers it",
        "      Service shop/hook has no ready endpoint",
        "      way out: kubectl delete it",
        "  note: webhook a: nobody answers it",
        "      Service shop/hook has no ready endpoint",
    ]


def test_chain_is_shown_whole_with_the_verdict_of_each_step() -> None:
    text = shown(report(finding("warning"), finding("unknown", "1.36"), target="1.36"))
    assert "to 1.36: CANNOT_DETERMINE (1 warning, 1 could not be looked at)" in text
    assert "  1.34 -> 1.35: READY_WITH_WARNINGS\n  1.35 -> 1.36: CANNOT_DETERMINE\n" in text
    assert "  unknown before 1.36: webhook a" in text


def test_plan_shows_the_verdict_and_keeps_its_digest(sandbox_env: Environment) -> None:
    """In JSON, in Markdown; what a person approves is the same with and without it."""
    units = (planned("cluster", FieldChange("Version", "1.34", "1.35")),)
    plain = build_report(EnvironmentPlan("sandbox", units), load_registry(), sandbox_env, SOURCE)
    made = plain.model_copy(update={"upgrade": report(finding("blocker"))})
    assert made.compute_digest() == plain.compute_digest() == plain.digest
    assert "upgrade" not in plain.model_dump(mode="json")
    assert made.model_dump(mode="json")["upgrade"]["verdict"] == "NOT_READY"
    assert "NOT_READY" in render_markdown(made).replace("\\", "")
    assert "kubectl delete it" in render_markdown(made)


@pytest.mark.parametrize("version", ["1", "1.x", "v1.35", "1.35.2", "", "2.35"])
def test_malformed_version_is_bad_input_before_anything_is_read(folder: Path, version: str) -> None:
    done = CliRunner().invoke(app, ["upgrade", "sandbox", "--to", version, "--plan"])
    assert isinstance(done.exception, ConfigError)
    assert "is no Kubernetes version" in str(done.exception)


def test_file_that_asks_for_another_version_is_bad_input_with_the_edit(folder: Path) -> None:
    """Nothing is asked of AWS, and the file stays as it is."""
    done = CliRunner().invoke(app, ["upgrade", "sandbox", "--to", "1.35"])
    assert isinstance(done.exception, ConfigError)
    assert done.exception.exit_code == 2
    assert "kubernetes_version: 1.34 -> 1.35; --write makes this edit" in str(done.exception)
    require_version(load_environment("sandbox"), "1.34")


def test_written_version_leaves_comments_and_the_rest_as_they_are(folder: Path) -> None:
    registry, file = load_registry(), folder / "sandbox.yaml"
    before = file.read_text().replace('kubernetes_version: "1.34"', 'kubernetes_version: "1.34"   # since May')
    file.write_text(before)
    write_version(load_environment("sandbox"), "1.35", registry)
    assert file.read_text() == before.replace('"1.34"', '"1.35"')
    assert load_environment("sandbox").kubernetes_version == "1.35"


def test_version_that_the_rest_of_the_file_refuses_is_not_written(folder: Path) -> None:
    """Karpenter 1.8 does not know Kubernetes 1.35."""
    file = folder / "sandbox.yaml"
    file.write_text(file.read_text().replace('karpenter_version: "1.14.1"', 'karpenter_version: "1.8.0"'))
    before = file.read_text()
    with pytest.raises(ConfigError, match=r"does not know Kubernetes 1\.35"):
        write_version(load_environment("sandbox"), "1.35", load_registry())
    assert file.read_text() == before


def test_plan_and_write_exclude_each_other(folder: Path) -> None:
    done = CliRunner().invoke(app, ["upgrade", "sandbox", "--to", "1.35", "--plan", "--write"])
    assert isinstance(done.exception, ConfigError)
