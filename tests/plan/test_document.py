"""The plan as a document: its form and its digest."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from eks_assets.plan.document import build_plan, build_report
from eks_assets.plan.markdown import render_markdown
from eks_assets.plan.terminal import render_lines
from eks_assets.plan.unit_plan import EnvironmentPlan, UnitPlan
from eks_assets.units import load_registry
from resources.config.environment import Approval, Environment
from resources.model.change import FieldChange
from resources.model.display import escape_markdown
from resources.model.errors import OperationFailed
from resources.model.outputs import Pending
from tests.helpers.built_plans import SOURCE, planned, reported
from tests.helpers.plan_schema import faults


def whole(env: Environment, **network: Any) -> dict[str, Any]:
    field = FieldChange("template.Resources.Vpc", {"CidrBlock": "10.0.0.0/16"}, None, replaces=True)
    return reported(
        env,
        planned("network", field, disrupts=("VPC is replaced",), facts={"template": "aa"}, **network),
        planned("external_dns", FieldChange("values.vpc", None, Pending("network", "vpc_id")), volatile=("Secret/x",)),
        UnitPlan("loki", "observability", "unknown", error=OperationFailed("the chart is not there")),
        UnitPlan("fargate_profiles", "cluster", "disabled"),
    )


def test_plan_document_matches_schema(sandbox_env: Environment) -> None:
    """A plan with changes, an unknown and a disabled unit matches the JSON Schema."""
    document = whole(sandbox_env)
    assert faults(document) == []
    assert faults(json.loads(json.dumps(document))) == []
    assert [c["unit"] for c in document["changes"]] == ["network", "external_dns"]
    assert document["unknown"] == [{"unit": "loki", "reason": "the chart is not there"}]
    assert (document["planned"], document["disabled"]) == (3, ["fargate_profiles"])
    assert document["minutes"] == 5.0, "network, then external_dns"
    assert document["changes"][1]["fields"][0]["after"] == "⟦network.vpc_id⟧"


def test_warnings_are_notes_that_no_approval_is_of(sandbox_env: Environment) -> None:
    """What CloudFormation warns of comes and goes without a change of the plan."""
    quiet = whole(sandbox_env)
    field = FieldChange("a", 1, 2)
    warned = planned("network", field)
    warned = replace(warned, change=replace(warned.change, warnings=("the bucket is not empty",)))
    document = reported(sandbox_env, warned)
    assert document["notes"] == [{"unit": "network", "note": "CloudFormation warns: the bucket is not empty"}]
    assert faults(document) == []
    assert document["digest"] == reported(sandbox_env, planned("network", field))["digest"]
    assert quiet["notes"] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("digest"),
        lambda d: d.update(digest="abc"),
        lambda d: d.update(extra=1),
        lambda d: d.update(version=2),
        lambda d: d["changes"][0].update(action="destroy"),
        lambda d: d["changes"][0]["fields"][0].pop("replaces"),
    ],
)
def test_plan_schema_refuses_other_documents(sandbox_env: Environment, spoil: Any) -> None:
    """A missing, extra or wrong field is a fault."""
    document = copy.deepcopy(whole(sandbox_env))
    spoil(document)
    assert faults(document)


def test_plan_digest_depends_on_state_alone(sandbox_env: Environment) -> None:
    """The same state gives the same digest; another plan or another input gives another."""
    first = whole(sandbox_env)["digest"]
    assert whole(sandbox_env)["digest"] == first
    assert whole(sandbox_env, volatile=("other",))["digest"] != first
    assert whole(sandbox_env.model_copy(update={"products_purchased": ("other",)}))["digest"] != first


GATED = (FieldChange("values.a", 1, 2),)


def gated(env: Environment) -> Environment:
    return env.model_copy(update={"approval": Approval(before="observability", approvers=2)})


def behind_the_gate(env: Environment) -> tuple[str, ...]:
    return tuple(u.name for u in load_registry().units if u.wave == "observability")


def test_approval_digest_is_plan_digest_if_only_gated_is_pending(sandbox_env: Environment) -> None:
    """Where only units behind the gate are pending, the digest to approve is the plan's own."""
    env = gated(sandbox_env)
    units = [planned(u.name, *(GATED if u.name == "loki" else ())) for u in load_registry().units]
    document = reported(env, *units)
    environment_plan = EnvironmentPlan(env.name, tuple(units))
    assert document["release"] == {
        "before": "observability",
        "approvers": 2,
        "units": ["loki"],
        "digest": document["digest"],
    }
    assert faults(document) == []
    behind = build_plan(environment_plan, load_registry(), env, SOURCE, behind_the_gate(env))
    assert behind == build_plan(environment_plan, load_registry(), env, SOURCE, [u.unit for u in units])


@pytest.mark.parametrize(
    ("pending", "unplanned"),
    [({"loki", "network"}, ""), ({"loki"}, "prometheus")],
    ids=["something before it is pending", "not all is planned"],
)
def test_plan_has_no_approval_digest_while_it_can_change(
    sandbox_env: Environment, pending: set[str], unplanned: str
) -> None:
    """While a unit before the gate is pending, or not every unit is planned, there is no digest to approve."""
    env = gated(sandbox_env)
    names = [unit.name for unit in load_registry().units if unit.name != unplanned]
    document = reported(env, *(planned(name, *(GATED if name in pending else ())) for name in names))
    assert document["release"]["units"] == ["loki"]
    assert document["release"]["digest"] is None
    assert faults(document) == []


def test_plan_names_what_is_behind_the_gate_by_what_it_changes(sandbox_env: Environment) -> None:
    """A unit before the gate that changes identity or reach is behind it: JSON, text and Markdown name the parts that
    put it there. Its digest is the request's once every unit is planned."""
    env = gated(sandbox_env)
    units = [planned(u.name, *(GATED if u.name in ("identity", "loki") else ())) for u in load_registry().units]
    early = tuple(replace(u, reach=("Role (AWS::IAM::Role): Policies",) if u.unit == "identity" else ()) for u in units)
    registry = load_registry()
    report = build_report(EnvironmentPlan(env.name, early, is_gate_everywhere=True), registry, env, SOURCE)
    document = report.model_dump(mode="json")
    assert document["release"]["units"] == ["identity", "loki"]
    assert document["release"]["reach"] == {"identity": ["Role (AWS::IAM::Role): Policies"]}
    assert document["release"]["digest"] == document["digest"]
    assert faults(document) == []
    line = "identity is behind the gate, since it changes identity or reach: Role (AWS::IAM::Role): Policies"
    assert line in "\n".join(text.plain for text in render_lines(report, 200))
    assert escape_markdown(line) in render_markdown(report)
    part = tuple(unit for unit in early if unit.unit != "network")
    report = build_report(EnvironmentPlan(env.name, part, is_gate_everywhere=True), registry, env, SOURCE)
    assert report.release is not None
    assert report.release.digest is None


def test_plan_says_who_approves_what_is_pushed(sandbox_env: Environment, prod_env: Environment) -> None:
    """In text and Markdown; JSON keeps its keys, since whoever checks a digest leaves out certain ones."""
    follows = "Argo CD follows develop/demo-sandbox: a push to it is a change that nobody approves."
    pinned = "Argo CD is pinned to a commit of develop/acme-prod: a push changes nothing before it is deployed."
    for env, words in ((sandbox_env, follows), (prod_env, pinned)):
        report = build_report(EnvironmentPlan(env.name, ()), load_registry(), env, SOURCE)
        assert words in "\n".join(line.plain for line in render_lines(report, 200))
        assert escape_markdown(words) in render_markdown(report)
        assert "pushes" not in report.model_dump(mode="json")
    bare = sandbox_env.model_copy(update={"git": None})
    without = build_report(EnvironmentPlan("x", ()), load_registry(), bare, SOURCE)
    assert without.pushes is None
