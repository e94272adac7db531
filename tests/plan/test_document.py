"""The plan as a document: its form, its digest, and what of it nobody may read."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from eks_assets.plan.document import Source, build_plan, build_report
from eks_assets.plan.masking import masked
from eks_assets.plan.unit_plan import EnvironmentPlan, State, UnitPlan
from eks_assets.units import registry
from resources.config.environment import Approval, Environment
from resources.drivers.registry import driver_of
from resources.model.change import MASK, NOTHING_TO_DO, Change, FieldChange, Observed, diff, subset_diff
from resources.model.errors import OperationFailed
from resources.model.outputs import Pending
from resources.model.specs import Manifests
from tests.helpers.plan_schema import faults

SOURCE = Source("c0ffee", "1.34")
PLANTED = "hunter2-planted"


def planned(unit: str, *fields: FieldChange, state: State = "pending", **change: Any) -> UnitPlan:
    made = Change("update", fields, "differs", **change) if fields else NOTHING_TO_DO
    return UnitPlan(unit, registry()[unit].wave, state, made, observed={"status": "deployed", "revision": "3"})


def reported(env: Environment, *units: UnitPlan) -> dict[str, Any]:
    report = build_report(EnvironmentPlan(env.name, units), registry(), env, SOURCE)
    return report.model_dump(mode="json")


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
    return tuple(u.name for u in registry().units if u.wave == "observability")


def test_approval_digest_is_plan_digest_if_only_gated_is_pending(sandbox_env: Environment) -> None:
    """Where only units behind the gate are pending, the digest to approve is the plan's own."""
    env = gated(sandbox_env)
    units = [planned(u.name, *(GATED if u.name == "loki" else ())) for u in registry().units]
    document = reported(env, *units)
    environment_plan = EnvironmentPlan(env.name, tuple(units))
    assert document["release"] == {
        "before": "observability",
        "approvers": 2,
        "units": ["loki"],
        "digest": document["digest"],
    }
    assert faults(document) == []
    behind = build_plan(environment_plan, registry(), env, SOURCE, behind_the_gate(env))
    assert behind == build_plan(environment_plan, registry(), env, SOURCE, [u.unit for u in units])


@pytest.mark.parametrize("reason", ["something before it is pending", "not all is planned"])
def test_plan_has_no_approval_digest_while_it_can_change(sandbox_env: Environment, reason: str) -> None:
    """While a unit before the gate is pending, or not every unit is planned, there is no digest to approve."""
    env = gated(sandbox_env)
    names = [u.name for u in registry().units if reason != "not all is planned" or u.name != "prometheus"]
    pending = {"loki", "network"} if reason != "not all is planned" else {"loki"}
    document = reported(env, *(planned(name, *(GATED if name in pending else ())) for name in names))
    assert document["release"]["units"] == ["loki"]
    assert document["release"]["digest"] is None
    assert faults(document) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("values.grafana.adminPassword", PLANTED),
        ("values.auth.clientSecret", PLANTED),
        ('values.configs.secret["oidc.github.clientSecret"]', PLANTED),
        ("values.apiKey", PLANTED),
        ("values.AUTH_TOKEN", PLANTED),
        ("values.users[0].password", PLANTED),
        ("values.passwords[1]", PLANTED),
        ("values.pin.password", 48151623),
        ("values.password.value", PLANTED),
        ("parameters.DatabasePassword", PLANTED),
        ("Secret keycloak/admin data.password", PLANTED),
        ("Secret/keycloak/admin: data.user", PLANTED),
        ("Secret keycloak/admin", {"kind": "Secret", "stringData": {"user": PLANTED}}),
        ("ConfigMap ns/x", {"kind": "ConfigMap", "data": {"db.password": PLANTED}}),
        ("Deployment ns/x", {"spec": {"env": [{"name": "DB_PASSWORD", "value": PLANTED}]}}),
        ("values.url", f"postgres://user:{PLANTED}@db/x"),
        ("values.config", f"auth:\n  password: {PLANTED}\n"),
        ("values.config", f'{{"user": "x", "password": "{PLANTED} more"}}'),
        ("values.args[0]", f"--api-token={PLANTED}"),
        ("values.tls", f"-----BEGIN RSA PRIVATE KEY-----\n{PLANTED}"),
    ],
)
def test_secret_value_is_masked(sandbox_env: Environment, path: str, value: Any) -> None:
    """A secret is masked by its key, by its object's kind, by the text around it, before and after."""
    for field in (FieldChange(path, None, value), FieldChange(path, value, "other"), FieldChange(path, value, value)):
        document = reported(sandbox_env, planned("loki", field))
        text = json.dumps(document)
        assert PLANTED not in text
        assert "48151623" not in text
        assert MASK in text
        assert document["changes"][0]["fields"][0]["sensitive"]


def test_variable_value_is_masked_by_its_name() -> None:
    """The value of an environment variable is masked by the name that stands beside it."""
    fields = (FieldChange("values.env[0].name", None, "DB_PASSWORD"), FieldChange("values.env[0].value", None, PLANTED))
    assert [(f.after, f.sensitive) for f in masked(fields)] == [("DB_PASSWORD", False), (MASK, True)]


@pytest.mark.parametrize("compare", [diff, subset_diff])
def test_rotated_variable_is_masked_by_unchanged_name(compare: Callable[..., tuple[FieldChange, ...]]) -> None:
    """A value that changes is masked by its variable's name, though the name itself does not change."""

    def variables(password: str, level: str) -> dict[str, Any]:
        return {"env": [{"name": "DB_PASSWORD", "value": password}, {"name": "LEVEL", "value": level}]}

    fields = compare(variables("old-hunter2", "info"), variables(PLANTED, "debug"))
    assert [(f.before, f.after) for f in masked(fields)] == [(MASK, MASK), ("info", "debug")]


def test_rotated_variable_of_applied_object_is_masked() -> None:
    """The same holds for an object that the pipeline applies."""

    def workload(password: str) -> dict[str, Any]:
        spec = {"containers": [{"name": "app", "env": [{"name": "DB_PASSWORD", "value": password}]}]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": "shop"}, "spec": spec}

    spec = Manifests(objects=(workload(PLANTED),))
    change = driver_of(spec).plan(spec, Observed("applied", {"Pod shop/app": workload("old-hunter2")}))
    assert [(f.before, f.after) for f in masked(change.fields)] == [(MASK, MASK)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("values.admin.existingSecret", "grafana-admin"),
        ("values.admin.passwordKey", "admin-password"),
        ("values.tls.secretName", "tls"),
        ("values.git.secret", "/demo/sandbox/git/credentials"),
        ("values.git.secret", "arn:aws:secretsmanager:us-west-2:000000000000:secret:x"),
        ("values.git.password", "${GIT_PASSWORD}"),
        ("values.git.password", "{{resolve:secretsmanager:x}}"),
        ("values.oidc.clientSecret", "$oidc:clientSecret"),
        ("values.serviceAccount.automountServiceAccountToken", "false"),
        ("values.keepTLSSecret", True),
        ("values.password", ""),
        ("parameters.Token", "⟦network.vpc_id⟧"),
        ("template.Resources.Vpc.Properties.Tags[0].Key", "Name"),
        ("template.Resources.LaunchSystem.Properties.MetadataOptions.HttpTokens", "required"),
        ("Resources.GrafanaSecret", "Modify AWS::SecretsManager::Secret"),
        ("ExternalSecret keycloak/db-password", "applied"),
        ("values.tolerations[0].key", "node-role"),
        ("values.config", "existingSecret: grafana-admin\nsecretName: tls\npassword: ${X}\n"),
        ("values.url", "https://user@host/x?y=1"),
    ],
)
def test_reference_to_secret_is_not_masked(path: str, value: Any) -> None:
    """A value that only says where a secret is stays readable."""
    (field,) = masked([FieldChange(path, None, value)])
    assert (field.after, field.sensitive) == (value, False)


def test_published_specs_have_nothing_to_mask(sandbox_env: Environment) -> None:
    """No value of the published environment is masked: else the plan of a new platform would hide what it makes."""
    from eks_assets.graph.rendering import desired
    from resources.drivers.registry import driver_of
    from resources.model.specs import HelmRelease, Manifests, Stack

    seen = 0
    for unit in registry().units:
        spec = desired(registry(), sandbox_env, unit, {})
        if isinstance(spec, HelmRelease | Manifests | Stack):
            fields = driver_of(spec).plan(spec, None).fields
            seen += len(fields)
            assert [f.path for f in masked(fields) if f.sensitive and f not in fields] == []
    assert seen > 500
