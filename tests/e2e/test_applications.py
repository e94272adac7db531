"""Applications and observability: products come and go, and one wave's failure is not the other's."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from eks_assets.engine.planner import plan_environment
from eks_assets.plan.unit_plan import EnvironmentPlan
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.drivers.git import manifests
from resources.drivers.git.applicationsets import API_VERSION
from resources.kubernetes.objects import list_objects
from resources.support.polling import Poll, wait_until
from sandbox.git.server import REPOSITORY
from sandbox.paths import StateDirectory
from tests.conftest import Cli
from tests.e2e.conftest import Change
from tests.e2e.runs import revisions
from tests.helpers.git_repository import Repository

pytestmark = pytest.mark.sandbox
PAYMENTS = "payments/chart/values.yaml"
ISTIO = "istio/istio-app/applicationset.yaml"
IMAGE, NO_IMAGE = "registry.example.com/payments", "registry.example.com/does-not-exist"
CRASHING = {"singleBinary": {"podAnnotations": {"sandbox/mode": "crash"}}}


def applications(context: Context) -> set[str]:
    return {
        a["metadata"]["name"] for a in list_objects(context.cluster, API_VERSION, "Application", namespace="argocd")
    }


def planned(only: str) -> EnvironmentPlan:
    """The plan of one unit of the environment as its file is now."""
    return plan_environment(load_registry(), Context.of(load_environment("sandbox")), only=[only])


def unwrapped(text: str) -> str:
    """The text in one line, wherever a terminal's width has broken it."""
    return " ".join(text.split())


class SandboxRepository(Repository):
    """The sandbox's own application repository, for a person who may commit to `main`."""

    def __init__(self, state: StateDirectory) -> None:
        self.address = ""
        self._bare = state.git / REPOSITORY


@pytest.fixture
def main_branch(platform: Environment, sandbox: StateDirectory) -> SandboxRepository:
    return SandboxRepository(sandbox)


class TestProductNoLongerPurchased:
    def test_unpurchased_product_is_kept_without_pruning(
        self, platform: Environment, change: Change, eks_assets: Cli, context: Context
    ) -> None:
        """Without pruning the plan shows that a product is no longer wanted, and the deploy keeps it."""
        change(products_purchased=["storefront"])
        plan = planned("product_applications")["product_applications"]
        assert plan.change.action == "none"
        assert plan.change.reason == "no longer wanted, but kept, as prune is off: ApplicationSet argocd/payments"
        shown = eks_assets("plan", "sandbox")
        assert "kept, as prune is off: ApplicationSet argocd/payments" in unwrapped(shown.stdout)
        done = eks_assets("deploy", "sandbox")
        assert done.returncode == 0, done.stdout + done.stderr
        assert {"payments", "storefront"} <= applications(context)

    def test_unpurchased_product_is_removed_with_pruning(
        self, platform: Environment, change: Change, eks_assets: Cli, context: Context
    ) -> None:
        """With pruning the deploy removes a product, and makes it again when it is purchased again."""
        change(products_purchased=["storefront"], prune_products=True)
        shown = eks_assets("plan", "sandbox")
        assert "no longer wanted, removed: ApplicationSet argocd/payments" in unwrapped(shown.stdout)
        assert "payments" in applications(context), "a plan changes nothing"

        done = eks_assets("deploy", "sandbox")
        assert done.returncode == 0, done.stdout + done.stderr
        self.wait_for_end_of_payments(context)
        assert "storefront" in applications(context)
        assert eks_assets("status", "sandbox").returncode == 0

        change()
        back = eks_assets("deploy", "sandbox")
        assert back.returncode == 0, back.stdout + back.stderr
        assert "payments" in applications(context)

    def test_application_that_went_since_it_was_listed_is_not_refreshed(
        self, platform: Environment, context: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Argo CD removes an Application with its ApplicationSet at any time: that fails no deploy."""
        gone = {"kind": "Application", "metadata": {"name": "gone", "namespace": "argocd"}}
        monkeypatch.setattr(manifests, "list_objects", lambda *a, **k: [gone, *list_objects(*a, **k)])
        manifests.refresh_applications(context)

    def wait_for_end_of_payments(self, context: Context) -> None:
        """The application goes with its ApplicationSet, and what it had deployed with it."""

        def poll() -> Poll[bool]:
            pods = list_objects(context.cluster, "apps/v1", "Deployment", namespace="payments")
            left = [*({"payments"} & applications(context)), *(pod["metadata"]["name"] for pod in pods)]
            return Poll(not left or None, ", ".join(left))

        wait_until(poll, what="the end of payments", deadline=60, interval=1)


def test_commit_of_a_person_beside_our_variable_survives(
    main_branch: SandboxRepository, platform: Environment, eks_assets: Cli
) -> None:
    """A person's commit next to a value of ours survives a deploy, and nothing differs afterwards."""
    note = "# Pat was here."
    beside = ("certificateArn:", f"{note}\n            certificateArn:")
    main_branch.replace(platform.git_branch, ISTIO, *beside, "Add a note")
    done = eks_assets("deploy", "sandbox")
    assert done.returncode == 0, done.stdout + done.stderr
    assert note in main_branch.read(platform.git_branch, ISTIO)
    assert eks_assets("status", "sandbox").returncode == 0


class TestIndependentFailures:
    @pytest.fixture
    def repaired(self, main_branch: SandboxRepository, change: Change, eks_assets: Cli) -> Iterator[None]:
        """Afterwards the platform is whole again."""
        yield
        if NO_IMAGE in main_branch.read("main", PAYMENTS):
            main_branch.replace("main", PAYMENTS, NO_IMAGE, IMAGE, "Fix payments")
        change()
        done = eks_assets("deploy", "sandbox")
        assert done.returncode == 0, done.stdout + done.stderr

    def test_failed_application_and_failed_addon_are_independent(
        self, main_branch: SandboxRepository, repaired: None, change: Change, eks_assets: Cli, context: Context
    ) -> None:
        """A broken product does not stop the observability wave, nor a broken add-on the products."""
        short = {"probe": 20, "release": 60}
        main_branch.replace("main", PAYMENTS, IMAGE, NO_IMAGE, "Break payments")
        change(deadlines=short, addons={"loki": {"values": {"singleBinary": {"podLabels": {"sibling": "done"}}}}})
        before = revisions(context)
        broken = eks_assets("deploy", "sandbox")
        assert broken.returncode == 1, broken.stdout + broken.stderr
        assert revisions(context)["loki"] == before["loki"] + 1
        last = broken.stdout[broken.stdout.rindex("failed product_applications") :].splitlines()
        assert last[0].startswith("failed product_applications: check applications_healthy: ")
        assert "last seen: application payments: Progressing" in last[0]
        assert "Deployment payments: Waiting for rollout to finish" in last[0]
        assert last[1] == "not run validation: it waits for product_applications"
        assert last[2] == "Fix the cause and continue with: eks-assets deploy sandbox"

        main_branch.replace("main", PAYMENTS, NO_IMAGE, IMAGE, "Fix payments")
        change(deadlines=short, addons={"loki": {"values": CRASHING}})
        other = eks_assets("deploy", "sandbox")
        assert other.returncode == 1, other.stdout + other.stderr
        assert "failed loki: release loki in observability (chart loki " in other.stdout
        assert "pod observability/loki-0, container loki: CrashLoopBackOff" in other.stdout
        states = {u["unit"]: u["state"] for u in json.loads(eks_assets("status", "sandbox", "--json").stdout)["units"]}
        assert (states["loki"], states["product_applications"]) == ("failed", "in_sync")
        assert states["prometheus"] == "in_sync"


class TestDeprecatedLoki:
    @pytest.fixture
    def deprecated(self, platform: Environment, context: Context) -> Iterator[None]:
        """The newest revision of the release `loki` is of the specification's chart."""
        document: dict[str, Any] = {
            "name": "loki",
            "namespace": "observability",
            "version": 99,
            "info": {"status": "deployed"},
            "chart": {"metadata": {"name": "loki-distributed", "version": "0.80.5"}},
            "config": {},
            "manifest": "",
        }
        packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(document).encode()))).decode()
        labels = {"owner": "helm", "name": "loki", "version": "99", "status": "deployed"}
        meta = {"name": "sh.helm.release.v1.loki.v99", "namespace": "observability", "labels": labels}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"release": packed}}
        secrets = context.cluster.kind("v1", "Secret")
        secrets.create(body=body, namespace="observability")
        yield
        secrets.delete(name=meta["name"], namespace="observability")

    def test_deprecated_loki_chart_is_planned_as_replacement(self, deprecated: None) -> None:
        """A release of the chart that loki had before is planned as a replacement."""
        change = planned("loki")["loki"].change
        assert change.action == "replace"
        field = next(f for f in change.fields if f.path == "chart")
        assert (field.before, field.after, field.replaces) == ("loki-distributed", "loki", True)
