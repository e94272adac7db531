"""What is there now and stands in the way: budgets, replicas, webhooks, addresses, images of nodes, support."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.upgrade.live import Step
from tests.upgrade.plain_live import PlainLive, look, obj

POLICY, SLICES = "policy/v1/PodDisruptionBudget", "discovery.k8s.io/v1/EndpointSlice"
HOOKS = "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration"


def budget(name: str, allowed: int, healthy: int = 2, expected: int = 2) -> dict[str, Any]:
    status = {
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": 2,
        "expectedPods": expected,
    }
    return obj("policy/v1", "PodDisruptionBudget", name, "shop", status=status)


def test_budget_that_allows_nothing_is_a_blocker_unless_it_has_no_pods(sandbox_env: Environment) -> None:
    """What is unhealthy needs pods, what is healthy another budget."""
    budgets = [budget("tight", 0), budget("sick", 0, healthy=1), budget("free", 1), budget("empty", 0, expected=0)]
    tight, sick = look(PlainLive(sandbox_env, {POLICY: budgets}), "disruption budgets")
    assert (tight.object, sick.object) == ("PodDisruptionBudget shop/tight", "PodDisruptionBudget shop/sick")
    assert {tight.severity, sick.severity} == {"blocker"}
    assert "maxUnavailable" in tight.way_out
    assert "make its pods healthy" in sick.way_out
    assert tight.evidence == ("2 pods are healthy, 2 must be, of 2",)


def test_single_replicas_are_one_warning_that_names_them(sandbox_env: Environment) -> None:
    """What is scaled to nothing is away already."""
    workloads = [obj("apps/v1", "Deployment", f"d{n}", "shop", spec={"replicas": n}) for n in range(3)]
    (finding,) = look(PlainLive(sandbox_env, {"apps/v1/Deployment": workloads}), "single replicas")
    assert (finding.severity, finding.evidence) == ("warning", ("Deployment shop/d1",))


def hook(name: str, policy: str = "Fail", **more: Any) -> dict[str, Any]:
    service = {"namespace": "shop", "name": "hook"}
    rules = [{"apiGroups": [""], "resources": ["pods"], "operations": ["CREATE"]}]
    return {"name": name, "failurePolicy": policy, "clientConfig": {"service": service}, "rules": rules, **more}


def webhooks(env: Environment, *hooks: dict[str, Any], ready: bool) -> PlainLive:
    configuration = obj(
        "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "shop", webhooks=list(hooks)
    )
    endpoints = [{"conditions": {"ready": ready}}]
    meta = {"name": "hook-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "hook"}}
    return PlainLive(env, {HOOKS: [configuration], SLICES: [{"metadata": meta, "endpoints": endpoints}]})


def test_webhook_that_nobody_answers_is_a_blocker_where_it_fails_and_a_warning_where_not(
    sandbox_env: Environment,
) -> None:
    strict, lenient = look(webhooks(sandbox_env, hook("a"), hook("b", "Ignore"), ready=False), "webhooks")
    assert (strict.severity, lenient.severity) == ("blocker", "warning")
    assert strict.evidence == ("Service shop/hook has no ready endpoint", "failurePolicy: Fail")
    assert "kubectl delete ValidatingWebhookConfiguration shop" in strict.way_out


@pytest.mark.parametrize(
    ("selector", "reaches"),
    [
        ({}, True),
        ({"matchLabels": {"shop": "yes"}}, False),
        (
            {
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}
                ]
            },
            False,
        ),
        (
            {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["kube-system"]}]},
            True,
        ),
        ({"matchExpressions": [{"key": "injected", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "injected", "operator": "Exists"}]}, False),
    ],
)
def test_strict_webhook_on_pods_of_kube_system_is_a_warning(
    sandbox_env: Environment, selector: dict[str, Any], reaches: bool
) -> None:
    findings = look(webhooks(sandbox_env, hook("a", namespaceSelector=selector), ready=True), "webhooks")
    assert [finding.severity for finding in findings] == (["warning"] if reaches else [])


def subnet(name: str, zone: str, free: int) -> dict[str, Any]:
    return {"SubnetId": name, "AvailabilityZone": zone, "AvailableIpAddressCount": free}


@pytest.mark.parametrize(
    ("free", "severity"), [((5, 5), None), ((5, 4), "blocker"), ((0, 0), "blocker"), ((9, 9, 2), "warning")]
)
def test_free_addresses_are_needed_in_two_zones(
    sandbox_env: Environment, free: tuple[int, ...], severity: str | None
) -> None:
    """EKS puts its interfaces into subnets of two zones; a third subnet that is full only matters later."""
    networks = [subnet(f"s{n}", f"z{n % 2}", count) for n, count in enumerate(free)]
    findings = look(PlainLive(sandbox_env, networks=networks), "free addresses")
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    assert all(f"s0 (z0): {free[0]} free" in finding.evidence for finding in findings)


def image(name: str, system: str, kernel: str = "6.12.1-1.amzn2023") -> dict[str, Any]:
    return obj("v1", "Node", name, status={"nodeInfo": {"osImage": system, "kernelVersion": kernel}})


def test_nodes_of_amazon_linux_2_are_a_blocker_and_those_of_2023_are_not(sandbox_env: Environment) -> None:
    """By what the node says of itself, by its kernel, and by its group's type."""
    nodes = [
        image("a", "Amazon Linux 2"),
        image("b", "Custom", "5.10.1-1.amzn2.x86_64"),
        image("c", "Amazon Linux 2023.9"),
    ]
    groups = [{"nodegroupName": "old", "amiType": "AL2_x86_64"}, {"nodegroupName": "new", "amiType": "AL2023_x86_64"}]
    (finding,) = look(PlainLive(sandbox_env, {"v1/Node": nodes}, groups=groups), "node images")
    assert finding.evidence == ("node a: Amazon Linux 2", "node b: Custom", "node group old: AL2_x86_64")
    assert "cgroup v1" in finding.message
    assert "AmazonLinux2023" in finding.way_out


def test_image_of_ones_own_is_a_warning_before_the_first_step(sandbox_env: Environment) -> None:
    groups = [{"nodegroupName": "own", "amiType": "CUSTOM"}]
    live = PlainLive(sandbox_env, groups=groups)
    assert [f.severity for f in look(live, "node images")] == ["warning"]
    assert look(live, "node images", Step("1.35", "1.36", is_first=False)) == ()


def support(days: int) -> dict[str, Any]:
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    return {"endOfStandardSupportDate": ends, "endOfExtendedSupportDate": ends + dt.timedelta(days=365)}


@pytest.mark.parametrize(("days", "severity"), [(300, "note"), (30, "warning"), (-10, "warning")])
def test_support_is_told_in_days_and_dollars(sandbox_env: Environment, days: int, severity: str) -> None:
    """0.50 dollars an hour more, 730 hours a month."""
    findings = look(PlainLive(sandbox_env, versions={"1.34": support(1), "1.35": support(days)}), "support")
    target = next(finding for finding in findings if finding.object == "Kubernetes 1.35")
    assert target.severity == severity
    assert f"{abs(days)} days" in target.message
    assert "365 US dollars a month" in target.message


def test_version_that_eks_does_not_offer_is_a_blocker(sandbox_env: Environment) -> None:
    findings = look(PlainLive(sandbox_env, versions={"1.34": support(100)}), "support")
    assert [finding.severity for finding in findings if finding.object == "Kubernetes 1.35"] == ["blocker"]
