"""The plan of a Helm release on the sandbox's cluster: against the live objects, and what its chart renders to."""

from __future__ import annotations

import time
from typing import Any

import pytest

from eks_assets.engine.planner import plan_environment
from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.helm.driver import HelmReleaseDriver
from resources.drivers.helm.rendering import api_versions, declare_releases
from resources.model.change import MASK, Change
from resources.model.errors import OperationFailed, Refused
from resources.model.outputs import Pending
from resources.model.specs import HelmRelease
from tests.helpers.releases import DEPLOYMENT, GOOD, NAMESPACE, deployment, statuses

pytestmark = pytest.mark.sandbox
DRIVER = HelmReleaseDriver()


def small(values: dict[str, Any] | None = None, **options: Any) -> HelmRelease:
    """The sandbox's external-dns chart as a release of the test's own."""
    fields: dict[str, Any] = {"name": NAMESPACE, "chart": "external-dns", "version": "1.21.1", **options}
    return HelmRelease(namespace=NAMESPACE, repository="https://charts.test", values=values or GOOD, **fields)


def plan(spec: HelmRelease, env: Environment) -> Change:
    return DRIVER.plan(spec, DRIVER.observe(spec, Context.of(env)))


def preview(spec: HelmRelease, env: Environment) -> Change:
    context = Context.of(env)
    observed = DRIVER.observe(spec, context)
    return DRIVER.preview(spec, observed, DRIVER.plan(spec, observed), context)


def paths(change: Change) -> list[str]:
    return [field.path for field in change.fields]


@pytest.fixture
def installed(account: Environment, release_namespace: str) -> HelmRelease:
    spec = small()
    DRIVER.apply(spec, Context.of(account))
    assert plan(spec, account).action == "none"
    return spec


def test_deployed_releases_have_nothing_to_do(platform: Environment) -> None:
    """After a deploy no release differs from the cluster."""
    context = Context.of(platform)
    plans = plan_environment(load_registry(), context, with_checks=False)
    releases = [u for u in load_registry().units if issubclass(u.spec_type, HelmRelease) and u.is_enabled(platform)]
    assert len(releases) >= 8
    assert {u.name: plans[u.name].change.fields for u in releases if plans[u.name].change.is_needed} == {}


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        (("set", "image", "*=registry.test/other:1"), "spec.template.spec.containers[0].image"),
        (("scale", "--replicas=3"), "spec.replicas"),
        (("set", "env", "DEBUG=1"), "spec.template.spec.containers[0].env"),
    ],
)
def test_change_by_hand_is_planned_and_reverted(
    account: Environment, installed: HelmRelease, kubectl: Any, context: Context, edit: tuple[str, ...], path: str
) -> None:
    """A live object that was changed by hand is an update."""
    verb = edit[:-1] if edit[0] == "set" else edit[:1]
    kubectl(*verb, "--namespace", NAMESPACE, f"deployment/{DEPLOYMENT}", edit[-1])
    change = plan(installed, account)
    assert change.action == "update"
    assert paths(change) == [f"Deployment/{NAMESPACE}/{DEPLOYMENT}: {path}"]
    assert "changed in the cluster" in change.reason

    DRIVER.apply(installed, Context.of(account))
    assert plan(installed, account).action == "none"
    assert statuses(context)[-1] == "deployed"


def test_image_set_by_hand_and_wanted_later_is_no_conflict(
    account: Environment, installed: HelmRelease, kubectl: Any, context: Context
) -> None:
    """A field that another manager set to the same value does not block later upgrades."""
    image = {"repository": "registry.test/other", "tag": "1"}
    kubectl("set", "image", "--namespace", NAMESPACE, f"deployment/{DEPLOYMENT}", "*=registry.test/other:1")
    DRIVER.apply(small({**GOOD, "image": image}), Context.of(account))
    DRIVER.apply(small({**GOOD, "image": {**image, "tag": "2"}}), Context.of(account))
    assert deployment(context)["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.test/other:2"


def test_deleted_object_is_planned_and_recreated(account: Environment, installed: HelmRelease, kubectl: Any) -> None:
    """An object that was deleted by hand is recreated."""
    kubectl("delete", "serviceaccount", "--namespace", NAMESPACE, DEPLOYMENT)
    change = plan(installed, account)
    assert [(f.path, f.before, f.after) for f in change.fields] == [
        (f"ServiceAccount/{NAMESPACE}/{DEPLOYMENT}", None, "applied")
    ]
    DRIVER.apply(installed, Context.of(account))
    assert plan(installed, account).action == "none"


def test_replicas_are_left_to_an_autoscaler(account: Environment, installed: HelmRelease, kubectl: Any) -> None:
    """Where an autoscaler sets the replicas, they are no difference."""
    kubectl("autoscale", "--namespace", NAMESPACE, f"deployment/{DEPLOYMENT}", "--min=2", "--max=4", "--cpu=50%")
    kubectl("scale", "--namespace", NAMESPACE, f"deployment/{DEPLOYMENT}", "--replicas=2")
    try:
        assert plan(installed, account).action == "none"
    finally:
        kubectl("delete", "hpa", "--namespace", NAMESPACE, DEPLOYMENT)


def test_preview_names_live_field_and_restarting_pods(account: Environment, installed: HelmRelease) -> None:
    """One changed value is the value, the live field and the pods that restart."""
    change = preview(small({**GOOD, "podLabels": {"colour": "blue"}}), account)
    assert paths(change) == [
        "values.podLabels.colour",
        f"Deployment/{NAMESPACE}/{DEPLOYMENT}: spec.template.metadata.labels.colour",
    ]
    assert change.disrupts == (f"pods of Deployment {NAMESPACE}/{DEPLOYMENT} restart",)
    assert set(change.facts) == {"chart", "manifest"}
    assert change.facts == preview(small({**GOOD, "podLabels": {"colour": "blue"}}), account).facts


def test_preview_names_removed_objects_and_fields(account: Environment, installed: HelmRelease) -> None:
    """Objects and fields that go are in the plan."""
    DRIVER.apply(small({**GOOD, "podLabels": {"colour": "blue"}}), Context.of(account))
    change = preview(small({**GOOD, "serviceAccount": {"create": False}}), account)
    gone = [(f.path, f.after) for f in change.fields if f.before is not None and not f.path.startswith("values")]
    assert (f"ServiceAccount/{NAMESPACE}/{DEPLOYMENT}", None) in gone
    assert (f"Deployment/{NAMESPACE}/{DEPLOYMENT}: spec.template.metadata.labels.colour", None) in gone


def test_preview_lists_volatile_fields_and_shows_no_secret(account: Environment) -> None:
    """Fields that differ in every rendering are listed; secrets are masked."""
    unit = load_registry().by_name["prometheus"]
    spec = render_spec(load_registry(), account, unit, {})
    assert isinstance(spec, HelmRelease)
    password = "hunter2-hunter2"
    values = {**spec.values, "grafana": {"adminUser": password, "admin": {}}}
    new = spec.model_copy(update={"values": values, "name": "other", "namespace": "other", "digest": None})
    change = preview(new, account)
    assert change.action == "create"
    assert "Secret/other/other-grafana: data.admin-password" in change.volatile
    assert "Secret/other/other-grafana" in paths(change)
    assert next(f for f in change.fields if f.path == "values.grafana.adminUser").after == MASK
    assert password not in repr(change)
    assert change.facts == preview(new, account).facts


def test_preview_with_pending_values_keeps_their_placeholders(account: Environment) -> None:
    """Outputs that are unknown stay placeholders."""
    values = {**GOOD, "podLabels": {"vpc": Pending("network", "vpc_id")}, "txtOwnerId": Pending("cluster", "name")}
    change = preview(small(values, name="not-there"), account)
    assert "manifest" in change.facts
    assert next(f for f in change.fields if f.path == "values.podLabels.vpc").after == "⟦network.vpc_id⟧"


def test_preview_of_refused_values_fails_with_helms_message(account: Environment) -> None:
    """Values that the chart's schema refuses fail the plan."""
    with pytest.raises(OperationFailed, match=r"(?s)release driver-test in driver-test.*replicaCount"):
        preview(small({**GOOD, "replicaCount": "two"}), account)


def test_preview_of_chart_with_another_digest_is_refused(account: Environment) -> None:
    """The pinned digest is compared before a plan."""
    with pytest.raises(Refused, match="has the digest sha256:"):
        preview(small(digest="sha256:" + "0" * 64), account)


def test_crds_of_expected_releases_count_as_served(account: Environment) -> None:
    """Charts that look for a CRD render as if it were installed."""
    crds = render_spec(load_registry(), account, load_registry().by_name["karpenter_crds"], {})
    assert isinstance(crds, HelmRelease)
    context = Context.of(account)
    declare_releases([crds.model_copy(update={"name": "another"})], context)
    assert "karpenter.sh/v1/NodePool" in api_versions(context)


def test_observing_all_releases_takes_less_than_a_second(platform: Environment) -> None:
    """CPU time, with discovery and connection done before."""
    releases = {
        spec.name: spec
        for u in load_registry().units
        if issubclass(u.spec_type, HelmRelease)
        and u.is_enabled(platform)
        and isinstance(spec := render_spec(load_registry(), platform, u, {}), HelmRelease)
    }
    context = Context.of(platform)
    DRIVER.observe(next(iter(releases.values())), context)  # discovery, the connection, the token
    context.cache.clear()
    began = time.process_time()  # not what the machine does beside it
    for spec in releases.values():
        DRIVER.observe(spec, context)
    assert time.process_time() - began < 1
