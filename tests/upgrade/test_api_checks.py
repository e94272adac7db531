"""APIs that the next version serves no more: in storage, asked for, in what will be applied again."""

from __future__ import annotations

from typing import Any

import pytest

from resources.config.environment import Environment
from resources.upgrade import served_apis
from resources.upgrade.checks import apis
from resources.upgrade.live import ChartRendering, Rendered, RequestedApi, Step
from resources.upgrade.served_apis import ServedApis
from tests.upgrade.plain_live import PlainLive, look, obj

CRDS = "apiextensions.k8s.io/v1/CustomResourceDefinition"
OLD_BUDGET = obj("policy/v1beta1", "PodDisruptionBudget", "shop", "shop")


def crd(name: str, stored: list[str], versions: list[dict[str, Any]], group: str = "example.org") -> dict[str, Any]:
    spec = {"group": group, "names": {"kind": "Shop"}, "versions": versions}
    return obj(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", name, spec=spec, status={"storedVersions": stored}
    )


def test_what_helm_keeps_with_a_removed_api_is_a_blocker_that_names_its_objects(sandbox_env: Environment) -> None:
    """helm cannot upgrade from such a manifest."""
    kept = Rendered("release shop/shop, revision 3", (OLD_BUDGET, obj("v1", "Service", "a")), "helm mapkubeapis shop")
    (finding,) = look(PlainLive(sandbox_env, kept=[kept]), "stored manifests")
    assert finding.severity == "blocker"
    assert "policy/v1beta1/PodDisruptionBudget is not served by Kubernetes 1.35; it serves policy/v1" in finding.message
    assert finding.evidence == ("PodDisruptionBudget/shop/shop",)
    assert finding.way_out == "helm mapkubeapis shop"


def test_branch_and_charts_are_judged_the_same_way(sandbox_env: Environment) -> None:
    """An API whose group is gone altogether, too."""
    ingress = obj("extensions/v1beta1", "Ingress", "shop")
    live = PlainLive(
        sandbox_env,
        files=[Rendered("shop/ingress.yaml of develop/a", (ingress,), "commit it")],
        rendered=[ChartRendering("shop", "shop 1.0.0", (OLD_BUDGET,))],
    )
    (of_branch,), (of_chart,) = look(live, "application branch"), look(live, "rendered charts")
    assert "it serves networking.k8s.io/v1" in of_branch.message
    assert of_chart.object == "shop (shop 1.0.0)"
    assert "addons.shop" in of_chart.way_out


def test_custom_resources_and_aggregated_apis_are_left_to_their_owners(sandbox_env: Environment) -> None:
    """Kubernetes serves neither in any version; a CRD of a group `*.k8s.io` counts as one, live or about to come."""
    service = {"group": "metrics.k8s.io", "service": {"name": "metrics-server"}}
    gateway = [{"name": "v1"}]
    live = PlainLive(
        sandbox_env,
        {
            CRDS: [crd("gateways", ["v1"], gateway, "gateway.networking.k8s.io")],
            "apiregistration.k8s.io/v1/APIService": [obj("v1", "APIService", "metrics", spec=service)],
        },
        rendered=[
            ChartRendering(
                "a",
                "a 1",
                (
                    obj("gateway.networking.k8s.io/v1", "Gateway", "a"),
                    obj("metrics.k8s.io/v1beta1", "NodeMetrics", "a"),
                    obj("example.org/v1", "Shop", "a"),
                    obj("coming.k8s.io/v1", "Thing", "a"),
                    crd("things", [], [{"name": "v1"}], "coming.k8s.io"),
                ),
            )
        ],
    )
    assert look(live, "rendered charts") == ()


@pytest.fixture
def future(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version 1.40 that loses a kind, a field and a version of another kind."""
    now = {"a.k8s.io/v1/Gone": "G", "a.k8s.io/v1beta1/Moved": "M", "a.k8s.io/v1/Moved": "M", "apps/v1/Deployment": "D"}
    then = {"a.k8s.io/v1/Moved": "M", "apps/v1/Deployment": "D"}
    types = {"D": {"apiVersion": "", "kind": "", "metadata": "", "spec": "S"}, "S": {"old": "", "kept": ""}}
    versions = {
        "1.39": ServedApis("1.39", now, {}, types),
        "1.40": ServedApis("1.40", then, {}, types | {"S": {"kept": ""}}),
    }
    record = served_apis.build_record("2030-01-01", "v1.40.0", versions)
    monkeypatch.setattr(apis, "read_served_apis", lambda version: served_apis.read_served_apis(version, record))


FUTURE = Step("1.39", "1.40")


@pytest.mark.usefixtures("future")
def test_objects_of_a_kind_that_goes_are_listed_and_those_of_one_that_moves_are_not(sandbox_env: Environment) -> None:
    """What is stored in another version of its kind the API server reads by itself."""
    live = PlainLive(
        sandbox_env,
        {
            "a.k8s.io/v1/Gone": [obj("a.k8s.io/v1", "Gone", "one"), obj("a.k8s.io/v1", "Gone", "two")],
            "a.k8s.io/v1beta1/Moved": [obj("a.k8s.io/v1beta1", "Moved", "three")],
        },
    )
    (finding,) = look(live, "stored objects", FUTURE)
    assert (finding.severity, finding.object) == ("blocker", "a.k8s.io/v1/Gone")
    assert finding.evidence == ("Gone/one", "Gone/two")
    assert finding.way_out


@pytest.mark.usefixtures("future")
def test_kind_that_the_cluster_serves_beside_its_version_counts(sandbox_env: Environment) -> None:
    """A feature gate or a runtime config may have switched it on."""
    live = PlainLive(
        sandbox_env,
        {"b.k8s.io/v1alpha1/Extra": [obj("b", "Extra", "one")]},
        served=frozenset({"b.k8s.io/v1alpha1/Extra"}),
    )
    assert [f.object for f in look(live, "stored objects", FUTURE)] == ["b.k8s.io/v1alpha1/Extra"]


@pytest.mark.usefixtures("future")
def test_field_that_goes_is_a_blocker_and_one_that_nobody_ever_knew_is_not(sandbox_env: Environment) -> None:
    """The API server ignores or refuses the latter today already."""
    workload = obj("apps/v1", "Deployment", "shop", spec={"old": 1, "kept": 2, "misspelt": 3})
    live = PlainLive(sandbox_env, rendered=[ChartRendering("shop", "shop 1", (workload,))])
    (finding,) = look(live, "rendered charts", FUTURE)
    assert finding.message == "Kubernetes 1.40 does not know spec.old of Deployment/shop"


def test_version_that_nobody_recorded_cannot_be_judged(sandbox_env: Environment) -> None:
    (finding,) = look(PlainLive(sandbox_env), "stored objects", Step("1.90", "1.91"))
    assert finding.severity == "unknown"
    assert "make served-apis" in finding.way_out


def test_chart_whose_crd_lacks_a_stored_version_is_a_blocker(sandbox_env: Environment) -> None:
    """The API server refuses such a CRD; one that a chart leaves as it is is none."""
    old, new = {"name": "v1beta1", "deprecated": True}, {"name": "v1"}
    live = PlainLive(
        sandbox_env,
        {
            CRDS: [
                crd("shops", ["v1beta1", "v1"], [old, new]),
                crd("same", ["v1"], [new]),
                crd("old", ["v1beta1"], [old]),
            ]
        },
        rendered=[ChartRendering("shop", "shop 2.0.0", (crd("shops", [], [new]), crd("same", [], [new])))],
    )
    blocker, note = look(live, "stored versions")
    assert (blocker.severity, blocker.object) == ("blocker", "CustomResourceDefinition shops")
    assert "v1beta1, which the CRD of shop 2.0.0 has no more" in blocker.message
    assert "kubectl patch crd shops --subresource=status" in blocker.way_out
    assert blocker.evidence[0] == "status.storedVersions: v1beta1, v1"
    assert (note.severity, note.object) == ("note", "CustomResourceDefinition old")


@pytest.mark.parametrize(
    ("removed", "severity"),
    [("1.34", "blocker"), ("1.35", "blocker"), ("1.36", "warning"), ("1.38", "note"), ("", "note")],
)
def test_deprecated_api_that_is_asked_for_counts_by_the_version_in_which_it_goes(
    sandbox_env: Environment, removed: str, severity: str
) -> None:
    asked = [
        RequestedApi("things.v1beta1.a.k8s.io", removed, "counted by the API server"),
        RequestedApi("things.v1beta1.a.k8s.io", removed, "audit log", "old-operator"),
    ]
    (finding,) = look(PlainLive(sandbox_env, asked=asked), "requested apis")
    assert finding.severity == severity
    assert finding.evidence == ("counted by the API server", "audit log: old-operator")
    assert bool(finding.way_out) == (severity != "note")
