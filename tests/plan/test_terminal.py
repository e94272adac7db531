"""The plan as a stranger reads it in a terminal."""

from __future__ import annotations

from eks_assets.plan.model import PlanReport
from eks_assets.plan.terminal import lines
from tests.helpers.plans import REPLACED, STACK, change, field, report


def text(plan: PlanReport, width: int = 100, *, full: bool = False) -> list[str]:
    return [line.plain for line in lines(plan, width, full=full)]


def test_a_plan_as_a_whole() -> None:
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
        "Digest sha256:" + "0" * 64,
    ]


def test_nothing_to_do() -> None:
    assert text(report()) == ["demo: nothing to do (40 unchanged, 1 off)."]


def test_what_could_not_be_planned_is_said_with_its_reason() -> None:
    found = text(report(unknown=[{"unit": "loki", "reason": "the chart is not there"}]))
    assert "  ? loki is not planned: the chart is not there" in found
    assert found[-1] == "demo: nothing to do (39 unchanged, 1 not planned, 1 off)."


def test_what_depends_on_something_that_is_not_there_has_no_details() -> None:
    later = change("vpc_lookup", field(""), action="create", reason="later: no VPC has the tags Name=x")
    assert text(report(later))[1:3] == [
        "  + vpc_lookup: create",
        "      planned in detail once that is there: no VPC has the tags Name=x",
    ]


def test_no_line_is_longer_than_the_terminal_whatever_the_values() -> None:
    path = "template.Resources.ServiceRole.Properties.Policies[0].PolicyDocument.Statement[12].Resource" + "[0]" * 12
    fields = [
        field(path, "x" * 300, "y" * 300, replaces=True),
        field("config", None, "line\n" * 50),
        field("object", {"a": {str(i): "z" * 50 for i in range(9)}}, ["w" * 50] * 7),
    ]
    fields += [field(f"values.f{i}", i, i + 1) for i in range(40)]
    plan = report(change("loki", *fields, reason="a reason " * 30, disrupts=["pods restart " * 20]))
    for width in (80, 100, 140):
        found = text(plan, width)
        assert max(len(line) for line in found) <= width
    assert "... (302 characters)" in "\n".join(found)
    assert "      + config: (text of 50 lines)" in found
    assert "      ~ object: {9 fields} -> [7 items]" in found
    assert "      ... and 31 more fields (--full shows all)" in found


def test_full_shows_every_field_with_its_whole_value() -> None:
    fields = [field(f"values.f{i}", None, "y" * 300) for i in range(40)]
    found = "\n".join(text(report(STACK, change("loki", *fields)), full=True))
    assert found.count("y" * 300) == 40
    assert 'template.Resources.V.Type: "AWS::EC2::VPC"' in found
    assert "--full" not in found


def test_a_gate_says_what_waits_and_how_it_is_approved() -> None:
    release = {"before": "applications", "approvers": 2, "units": ["argo_cd"], "digest": None}
    argo = change("argo_cd", field("a", 1, 2), wave="applications")
    found = text(report(STACK, argo, release=release))
    assert "Behind the gate, waiting for 2 approvals: 1 unit of applications." in found
    assert "eks-assets deploy demo: applies what comes before the gate, then asks for approval." in found
    found = text(report(argo, release={**release, "digest": "sha256:" + "ab" * 32}))
    assert "eks-assets approve demo --digest abababababab --reason '...': approves exactly that." in found
