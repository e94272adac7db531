"""The verdict on an upgrade of the deployed platform: as it is, with six obstacles, and where insights are denied."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.kubernetes.objects import apply_object
from sandbox.paths import StateDirectory
from tests.conftest import Cli
from tests.e2e.conftest import Change
from tests.e2e.test_applications import SandboxRepository
from tests.helpers.json_schema import schema_faults, schema_of
from tests.upgrade.plain_live import obj

pytestmark = pytest.mark.sandbox

SHOP = "shop"
Look = Callable[..., dict[str, Any]]


@pytest.fixture
def look(platform: Environment, eks_assets: Cli) -> Look:
    """`upgrade sandbox --plan --json`, as the planner reads."""

    def run(target: str = "1.35", code: int = 0) -> dict[str, Any]:
        done = eks_assets("upgrade", platform.name, "--to", target, "--plan", "--json")
        assert done.returncode == code, done.stdout + done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        assert schema_faults(document, schema_of("upgrade")) == []
        return document

    return run


def gravest(document: dict[str, Any], *severities: str) -> dict[str, list[dict[str, Any]]]:
    """The findings of these severities, by check."""
    checks: dict[str, list[dict[str, Any]]] = {}
    for finding in document["findings"]:
        if finding["severity"] in severities:
            checks.setdefault(finding["check"], []).append(finding)
    return checks


def test_healthy_platform_may_be_upgraded(look: Look) -> None:
    """All is read with the planner's rights. Single replicas and strict webhooks are warned of; the chain is whole."""
    document = look()
    assert document["verdict"] == "READY_WITH_WARNINGS", gravest(document, "blocker", "unknown")
    assert document["steps"] == [{"before": "1.34", "after": "1.35", "verdict": "READY_WITH_WARNINGS"}]
    assert "single replicas" in gravest(document, "warning")
    chain = look("1.37")
    assert [step["after"] for step in chain["steps"]] == ["1.35", "1.36", "1.37"]
    assert "karpenter version" in gravest(chain, "warning")


def webhook() -> dict[str, Any]:
    """It stands in nobody's way here: nobody uses the group that it is asked about."""
    kinds = {"apiGroups": ["left.example.org"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["*"]}
    asked = {
        "name": "left.example.org",
        "clientConfig": {"service": {"namespace": SHOP, "name": "nobody"}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "rules": [kinds],
    }
    return obj("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "left-over", webhooks=[asked])


def budgeted_shop() -> list[dict[str, Any]]:
    """A workload whose pod may never be evicted."""
    labels = {"app": SHOP}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": SHOP, "image": SHOP}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
    budget = {"maxUnavailable": 0, "selector": {"matchLabels": labels}}
    return [
        obj("v1", "Namespace", SHOP),
        obj("apps/v1", "Deployment", SHOP, SHOP, spec=spec),
        obj("policy/v1", "PodDisruptionBudget", SHOP, SHOP, spec=budget),
    ]


def old_node() -> dict[str, Any]:
    """A kubelet of 1.31 on which nothing is scheduled."""
    node = obj("v1", "Node", "old-node", spec={"taints": [{"key": "old", "effect": "NoSchedule"}]})
    node["metadata"]["annotations"] = {"sandbox/kubelet-version": "v1.31.9-eks-sandbox"}
    return node


CRD = "nodepools.karpenter.sh"
OLD_VERSION = {"name": "v1alpha1", "served": False, "storage": False, "schema": {"openAPIV3Schema": {"type": "object"}}}
OLD_FILE = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: {{ .Release.Name }}}\n"


def plant(context: Context, kubectl: Any, sandbox: StateDirectory) -> None:
    """Five obstacles; the sixth is in the ClusterConfig."""
    for one in (*budgeted_shop(), webhook(), old_node()):
        apply_object(context.cluster, one, manager="test")
    old = json.dumps([{"op": "add", "path": "/spec/versions/-", "value": OLD_VERSION}])
    kubectl("patch", "crd", CRD, "--type=json", "-p", old)
    stored = json.dumps({"status": {"storedVersions": ["v1alpha1", "v1"]}})
    kubectl("patch", "crd", CRD, "--subresource=status", "--type=merge", "-p", stored)
    files = {"storefront/chart/templates/budget.yaml": OLD_FILE}
    SandboxRepository(sandbox).commit(context.env.git_branch, files, "Protect the shop")
    kubectl("wait", "-n", SHOP, f"pdb/{SHOP}", "--for=jsonpath={.status.expectedPods}=1", "--timeout=60s")
    kubectl("wait", "node/old-node", "--for=jsonpath={.status.nodeInfo.kubeletVersion}=v1.31.9-eks-sandbox")


@pytest.fixture
def pinned(environments: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version of an add-on that EKS does not offer for 1.35."""
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    file = environments / "clusters/sandbox.yaml"
    file.write_text(
        file.read_text().replace("- name: kube-proxy", "- name: kube-proxy\n    version: v1.31.3-eksbuild.2")
    )


# The object of each, and a part of the way out.
OBSTACLES = {
    "disruption budgets": (f"PodDisruptionBudget {SHOP}/{SHOP}", "maxUnavailable: 1"),
    "webhooks": (
        "webhook left.example.org (ValidatingWebhookConfiguration left-over)",
        "kubectl delete ValidatingWebhookConfiguration left-over",
    ),
    "kubelet versions": ("kubelets 1.31", "kubectl drain"),
    "stored versions": (f"CustomResourceDefinition {CRD}", f"kubectl patch crd {CRD} --subresource=status"),
    "application branch": ("storefront/chart/templates/budget.yaml of develop/demo-sandbox", "commit storefront"),
    "addon versions": ("add-on kube-proxy", "of kube-proxy under addons in the ClusterConfig"),
}


@pytest.mark.usefixtures("pinned")
def test_six_obstacles_are_named_each_with_its_way_out(
    restored: Environment, look: Look, kubectl: Any, sandbox: StateDirectory
) -> None:
    """What is planted, and nothing else, stands in the way."""
    plant(Context.of(restored), kubectl, sandbox)
    document = look(code=1)
    blockers = gravest(document, "blocker")
    assert document["verdict"] == "NOT_READY"
    assert gravest(document, "unknown") == {}
    assert {check: [finding["object"] for finding in listed] for check, listed in blockers.items()} == {
        check: [name] for check, (name, _) in OBSTACLES.items()
    }
    for check, (_, words) in OBSTACLES.items():
        assert words in blockers[check][0]["way_out"]
        assert blockers[check][0]["evidence"]


def test_denied_insights_cannot_be_judged(platform: Environment, admin: Aws, look: Look) -> None:
    """An administrator has taken the planner's right to list them."""
    assert platform.roles.planner is not None
    role, name = platform.roles.planner.rpartition("/")[2], "no-insights"
    deny = {"Effect": "Deny", "Action": "eks:ListInsights", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    admin.client("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
    try:
        judged = look(code=1)
    finally:
        admin.client("iam").delete_role_policy(RoleName=role, PolicyName=name)
    assert judged["verdict"] == "CANNOT_DETERMINE"
    assert set(gravest(judged, "unknown", "blocker")) == {"upgrade insights"}


def test_plan_with_a_raised_version_shows_the_verdict(platform: Environment, eks_assets: Cli, change: Change) -> None:
    """As text and as JSON; the digest is that of the changes alone."""
    change(kubernetes_version="1.35")
    text = eks_assets("plan", platform.name)
    assert "Upgrade of sandbox from Kubernetes 1.34 to 1.35: READY_WITH_WARNINGS" in text.stdout, text.stderr
    document = json.loads(eks_assets("plan", platform.name, "--json").stdout)
    assert document["upgrade"]["verdict"] == "READY_WITH_WARNINGS"
    assert f"Digest {document['digest']}" in text.stdout
    assert schema_faults(document, schema_of("plan")) == []


def test_write_sets_the_version_once_the_verdict_allows_it_and_upgrades(
    restored: Environment, eks_assets: Cli, change: Change, environments: Path
) -> None:
    change()
    done = eks_assets("upgrade", restored.name, "--to", "1.35", "--write")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "READY_WITH_WARNINGS" in done.stdout
    assert "the upgrade to Kubernetes 1.35: done" in done.stdout
    assert yaml.safe_load((environments / "sandbox.yaml").read_text())["kubernetes_version"] == "1.35"
