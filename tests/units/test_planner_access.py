"""What the planner may read in the cluster."""

from __future__ import annotations

from typing import Any

import pytest

from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from eks_assets.units.configuration.planner_access import planner_access
from resources.config.environment import Addon, Environment
from resources.config.loader import load_environment
from resources.config.planner_view import GROUP, READABLE_REVISIONS, RELEASES_ALONE, shown_namespaces
from resources.model.specs import HelmRelease
from tests.bootstrap.bootstrap_documents import ENVIRONMENTS


def roles(env: Environment) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The rules that are bound to the planner's group, by namespace (empty: everywhere) and name of the role."""
    objects = planner_access(env).objects
    rules = {(o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]): o.get("rules") for o in objects}
    bound: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for binding in (o for o in objects if o["kind"].endswith("Binding")):
        assert [subject["name"] for subject in binding["subjects"]] == [GROUP]
        namespace, ref = binding["metadata"].get("namespace", ""), binding["roleRef"]
        where = namespace if ref["kind"] == "Role" else ""
        bound[namespace, ref["name"]] = rules.get((ref["kind"], where, ref["name"])) or []
    return bound


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_secrets_are_read_where_releases_live_alone(name: str) -> None:
    """Everywhere no rule covers Secrets; where releases of ours live all of them, and of Argo CD helm's by name."""
    env = load_environment(name)
    units = (unit for unit in load_registry().units if unit.spec_type is HelmRelease and unit.is_enabled(env))
    specs = [render_spec(load_registry(), env, unit, {}) for unit in units]
    releases = {(s.namespace, s.name) for s in specs if isinstance(s, HelmRelease)}
    shown = {namespace for (namespace, _), rules in roles(env).items() if namespace and "resourceNames" not in rules[0]}
    alone = {(namespace, each) for namespace, names in RELEASES_ALONE.items() for each in names}
    assert shown == set(shown_namespaces(env))
    assert {n for n, _ in releases - alone} <= shown, "a release's namespace is named in planner_view.py"
    assert not shown & set(RELEASES_ALONE)
    everywhere = [rule for (namespace, _), rules in roles(env).items() if not namespace for rule in rules]
    of_objects = [rule for rule in everywhere if "nonResourceURLs" not in rule]
    assert not [rule for rule in of_objects if "" in rule["apiGroups"] and {"secrets", "*"} & {*rule["resources"]}]
    assert not [rule for rule in of_objects if "*" in rule["apiGroups"]]
    (named,) = roles(env)["argocd", f"{GROUP}-secrets"]
    assert named["verbs"] == ["get"]
    assert len(named["resourceNames"]) == READABLE_REVISIONS
    assert all(secret.startswith("sh.helm.release.v1.argocd.v") for secret in named["resourceNames"])


# Of the CRDs of the published charts, docs/real-charts.md; the stand-ins lack some.
CHART_GROUPS = {
    "argo-cd": {"argoproj.io"},
    "aws-load-balancer-controller": {"aga.k8s.aws", "elbv2.k8s.aws", "gateway.k8s.aws"},
    "external-dns": {"externaldns.k8s.io"},
    "external-secrets": {"external-secrets.io", "generators.external-secrets.io"},
    "karpenter-crd": {"autoscaling.x-k8s.io", "karpenter.k8s.aws", "karpenter.sh"},
    "kube-prometheus-stack": {"monitoring.coreos.com"},
}


@pytest.mark.parametrize("chart", CHART_GROUPS)
def test_planner_reads_what_the_charts_define(chart: str, sandbox_env: Environment) -> None:
    """Otherwise a drift run cannot tell what somebody made of those kinds."""
    rules = roles(sandbox_env)["", GROUP]
    read = {group for rule in rules if rule.get("resources") == ["*"] for group in rule["apiGroups"]}
    assert read >= CHART_GROUPS[chart]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_planner_reads_and_reads_no_more(name: str) -> None:
    """No verb changes anything, and no subresource of the core group, some of which act on `get`, is among them; of
    what is no object the API server's metrics alone."""
    rules = [rule for listed in roles(load_environment(name)).values() for rule in listed]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    core = [resource for rule in rules if "" in rule.get("apiGroups", ()) for resource in rule["resources"]]
    assert [rule["nonResourceURLs"] for rule in rules if "nonResourceURLs" in rule] == [["/metrics"]]
    assert not [resource for resource in core if "/" in resource]


def test_roles_lie_in_namespaces_that_exist_by_then(sandbox_env: Environment) -> None:
    """helm makes those of releases that are on; others are the environment's."""
    off = {"external_dns": Addon(enabled=False)}
    env = sandbox_env.model_copy(update={"addons": off, "namespaces": ("shop",)})
    assert {namespace for namespace, _ in roles(env)} == {"", "external-secrets", "kube-system"}
    assert {namespace for namespace, _ in roles(sandbox_env)} == {
        "",
        "argocd",
        "external-dns",
        "external-secrets",
        "kube-system",
        "observability",
    }
    gpus = sandbox_env.model_copy(update={"addons": {"nvidia_device_plugin": Addon()}})
    assert "nvidia-device-plugin" in {namespace for namespace, _ in roles(gpus)}
