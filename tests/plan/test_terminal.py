"""The plan as a stranger reads it in a terminal."""

from __future__ import annotations

from eks_assets.plan.model import PlanReport
from eks_assets.plan.terminal import render_lines
from tests.helpers.plans import REPLACED, STACK, change, field, report


def text(plan: PlanReport, width: int = 100, *, full: bool = False) -> list[str]:
    return [line.plain for line in render_lines(plan, width, full=full)]


def test_terminal_shows_whole_plan() -> None:
    """Every line of a plan with a creation, a replacement and a masked update."""
    rotated = field("values.auth.password", "(sensitive)", "(sensitive)", sensitive=True)
    release = change("loki", rotated, field("values.replicas", 1, 2), wave="observability", volatile=["Secret/x: data"])
    assert text(report(STACK, REPLACED, release)) == [
        "network",
        "  + network: create",
        "      stack demo-network does not exist",
        "      3 resources: 2 AWS::EC2::Subnet, AWS::EC2::VPC",
        "      + parameters.Zone: ${hosted_zone.zone_id} (known after apply)",
        "      ... and 3 more fields (--full shows all)",
        "",
        "infrastructure",
        "  -/+ efs: replace, forward-only",
        "      it differs",
        "      ! AWS::EFS::FileSystem FileSystem is replaced",
        "      ~ template.Resources.FileSystem.Properties.Encrypted: false -> true  # forces replacement",
        "      ~ a: 1 -> 2",
        "",
        "observability",
        "  ~ loki: update",
        "      it differs",
        "      ~ values.auth.password: (sensitive) -> (sensitive)",
        "      ~ values.replicas: 1 -> 2",
        "",
        "demo: 1 to create, 1 to update, 1 to replace (37 unchanged, 1 off).",
        "Critical path: about 12 minutes.",
        "forward-only: cannot be undone.",
        "Not compared, since it differs at every render:",
        "  loki: Secret/x: data",
        "Commit unknown, outside of git",
        "Digest sha256:" + "0" * 64,
    ]


def test_terminal_shows_commits_and_what_differs() -> None:
    """The commits stand before the digest, with what is uncommitted; one line where both are the same."""
    shown = text(report(STACK, commit="ab12", code_commit="cd34+ef56"))
    assert shown[-3:-1] == ["Code cd34 with uncommitted changes ef56", "Files ab12"]
    assert text(report(STACK, commit="ab12+0", code_commit="ab12+0"))[-2] == "Commit ab12 with uncommitted changes 0"


def test_terminal_shows_empty_plan_in_one_line() -> None:
    """A plan with nothing to do is one line."""
    assert text(report()) == ["demo: nothing to do (40 unchanged, 1 off)."]


def test_terminal_names_what_is_to_remove_with_the_command() -> None:
    """It is no change of a deploy, so neither counted as one nor part of the document."""
    plan = report().model_copy(update={"unwanted": ("loki", "product_applications (shop)")})
    line = "2 to remove by eks-assets destroy demo --removed: loki, product_applications (shop)"
    assert text(plan)[1:] == [line]
    assert plan.model_dump_json() == report().model_dump_json()


def test_terminal_shows_unplanned_unit_with_reason() -> None:
    """A unit that could not be planned is listed with the reason, and counted."""
    shown = text(report(unknown=[{"unit": "loki", "reason": "the chart is not there"}]))
    assert "  ? loki is not planned: the chart is not there" in shown
    assert shown[-1] == "demo: nothing to do (39 unchanged, 1 not planned, 1 off)."


def test_terminal_shows_no_details_of_later_unit() -> None:
    """A unit that depends on something missing says that its details come later."""
    later = change("vpc_lookup", field(""), action="create", reason="later: no VPC has the tags Name=x")
    assert text(report(later))[1:3] == [
        "  + vpc_lookup: create",
        "      planned in detail once that is there: no VPC has the tags Name=x",
    ]


def test_terminal_lines_fit_width() -> None:
    """Whatever the values, no line is longer than the terminal is wide."""
    path = "template.Resources.ServiceRole.Properties.Policies[0].PolicyDocument.Statement[12].Resource" + "[0]" * 12
    fields = [
        field(path, "x" * 300, "y" * 300, replaces=True),
        field("config", None, "line\n" * 50),
        field("object", {"a": {str(i): "z" * 50 for i in range(9)}}, ["w" * 50] * 7),
    ]
    fields += [field(f"values.f{i}", i, i + 1) for i in range(40)]
    plan = report(change("loki", *fields, reason="a reason " * 30, disrupts=["pods restart " * 20]))
    for width in (80, 100, 140):
        shown = text(plan, width)
        assert max(len(line) for line in shown) <= width
    assert "... (302 characters)" in "\n".join(shown)
    assert "      + config: (text of 50 lines)" in shown
    assert "      ~ object: {9 fields} -> [7 items]" in shown
    assert "      ... and 31 more fields (--full shows all)" in shown


def test_terminal_full_shows_every_field_and_value() -> None:
    """With `--full` every field is shown with its whole value."""
    fields = [field(f"values.f{i}", None, "y" * 300) for i in range(40)]
    shown = "\n".join(text(report(STACK, change("loki", *fields)), full=True))
    assert shown.count("y" * 300) == 40
    assert 'template.Resources.V.Type: "AWS::EC2::VPC"' in shown
    assert "--full" not in shown


def test_terminal_shows_what_waits_at_gate_and_command() -> None:
    """Behind a gate the plan says what waits for approval, and the command that approves it."""
    release = {"before": "applications", "approvers": 2, "units": ["argo_cd"], "digest": None}
    argo = change("argo_cd", field("a", 1, 2), wave="applications")
    shown = text(report(STACK, argo, release=release))
    assert "Behind the gate, waiting for 2 approvals: 1 unit of applications." in shown
    assert "eks-assets deploy demo: applies what comes before the gate, then asks for approval." in shown
    shown = text(report(argo, release={**release, "digest": "sha256:" + "ab" * 32}))
    assert "eks-assets approve demo --digest abababababab --reason '...': approves exactly that." in shown
