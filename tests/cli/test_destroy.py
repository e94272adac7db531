"""What `eks-assets destroy` refuses before it asks AWS anything, and how it shows a plan."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from eks_assets.cli.app import app
from eks_assets.plan.teardown import KeptObject, RemovedObject, TeardownReport, UnknownUnit
from eks_assets.plan.teardown_wording import report_lines
from resources.model.errors import PipelineError
from tests.helpers.json_schema import schema_faults, schema_of


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["destroy", "sandbox"], "eks-assets destroy sandbox --confirm sandbox"),
        (["destroy", "sandbox", "--delete-data"], "--confirm sandbox --delete-data"),
        (["destroy", "sandbox", "--confirm", "Sandbox"], "'Sandbox' is not the environment's name"),
        (["destroy", "sandbx", "--plan"], "sandbx"),
        (["destroy", "acme-prod", "--confirm", "acme-prod"], "write the line `protected: false` into acme-prod.yaml"),
        (["destroy", "sandbox", "--removed"], "eks-assets destroy sandbox --removed --confirm sandbox"),
        (["destroy", "sandbox", "--removed", "--confirm", "x"], "to remove what sandbox no longer has, confirm it"),
        (["destroy", "sandbox", "--json"], "eks-assets destroy sandbox --plan --json"),
    ],
)
def test_wrong_input_changes_nothing(arguments: list[str], words: str) -> None:
    """Exit 2, and what to do."""
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, PipelineError)
    assert error.exit_code == 2
    assert words in str(error)


def report(**more: object) -> TeardownReport:
    removes = (
        RemovedObject(unit="loki", object="Release observability/loki", why="helm uninstall of loki"),
        RemovedObject(unit="network", object="AWS::EC2::VPC vpc-1", why=""),
    )
    keeps = (
        KeptObject(object="AWS::S3::Bucket logs", why="data: its objects", monthly_cost=None),
        KeptObject(object="AWS::Route53::HostedZone Z1", why="its name servers", monthly_cost=0.5),
    )
    return TeardownReport.model_validate({"environment": "e", "removes": removes, "keeps": keeps, **more})


def test_plan_shows_what_goes_what_stays_and_its_cost() -> None:
    """Unit by unit; what nobody knows the cost of says so, and only what is known is added up."""
    lines = "\n".join(report_lines(report()))
    assert "loki\n  - Release observability/loki: helm uninstall of loki\nnetwork\n  - AWS::EC2::VPC vpc-1" in lines
    assert "AWS::S3::Bucket logs: data: its objects (cost unknown)" in lines
    assert "AWS::Route53::HostedZone Z1: its name servers (about $0.50 a month)" in lines
    assert lines.endswith("e: 2 objects would be removed, 2 kept, at about $0.50 a month")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({}, 4),
        ({"removes": ()}, 0),
        ({"unknown": (UnknownUnit(unit="cluster", reason="AccessDenied"),)}, 1),
        ({"removes": (), "no_cluster": "it does not exist"}, 0),
    ],
)
def test_exit_code_of_a_plan_says_whether_something_would_go(more: dict[str, object], code: int) -> None:
    """Also in JSON, which is as the published schema says."""
    made = report(**more)
    assert made.exit_code == code
    assert schema_faults(made.model_dump(mode="json"), schema_of("destroy")) == []
