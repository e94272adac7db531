"""Argo CD in the sandbox: an ApplicationSet really becomes Applications that sync from git, while its pods are Ready.

One cluster serves all tests; `released` and `synced` bring the state that a test begins with.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.paths import StateDirectory
from sandbox.plane.kubernetes_api import MERGE_PATCH
from tests.helpers.waiting import eventually
from tests.sandbox.git_host import TOKEN, USER, GitHost
from tests.sandbox.supervised_cluster import SupervisedCluster

CLUSTER, NAMESPACE = "argo-test-cluster", "argocd"
APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications"
PRODUCTS = ("storefront", "payments")
PARAMETERS = {"params": {"controller.resource.health.persist": True}}
CRASH = {"podAnnotations": {"sandbox/mode": "crash"}}
CONTROLLERS = {
    "argocd-redis",
    "argocd-repo-server",
    "argocd-application-controller",
    "argocd-applicationset-controller",
}


def deployment(name: str, replicas: int = 1) -> str:
    pod = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": pod}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})


class Argo(SupervisedCluster):
    """The cluster under test, and Argo CD in it."""

    def helm(self, *arguments: str, values: dict[str, Any] | None = None) -> None:
        environment = {**os.environ, "KUBECONFIG": str(self.state.cluster(CLUSTER) / "admin.kubeconfig")}
        done = subprocess.run(
            [str(Path(self.running["tools"]) / "helm"), *arguments, "--namespace", NAMESPACE],
            env=environment,
            input=json.dumps(values or {}),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def install(self, *flags: str, **values: Any) -> None:
        chart = f"oci://{self.running['registry']}/charts/argo-cd"
        options = ["--plain-http", "--create-namespace", *flags, "--values", "-"]
        self.helm("upgrade", "--install", "argocd", chart, *options, values=values)

    def uninstall(self) -> None:
        """Uninstall the release, if there is one, and wait until its processes have ended."""
        self.helm("uninstall", "argocd", "--wait", "--ignore-not-found")
        eventually("no process is left", lambda: self.processes() == set(), 15)

    def scale(self, name: str, replicas: int) -> None:
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}"
        self.api.request("PATCH", path, {"spec": {"replicas": replicas}}, MERGE_PATCH)

    def processes(self) -> set[str]:
        """Those of Argo CD that `sandbox status` shows to be healthy."""
        listed = lifecycle.sandbox_status(self.state)["processes"]
        return {
            one["name"].rpartition("/")[2]
            for one in listed
            if one["name"].startswith(f"{CLUSTER}/argocd-") and one["healthy"]
        }

    def application(self, name: str) -> dict[str, Any]:
        """The status of an Application; empty where there is none."""
        status: dict[str, Any] = (self.api.get(f"{APPLICATIONS}/{name}") or {}).get("status") or {}
        return status

    def refresh(self, name: str) -> None:
        annotations = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
        self.api.request("PATCH", f"{APPLICATIONS}/{name}", annotations, MERGE_PATCH)

    def is_at(self, name: str, commit: str) -> bool:
        """Whether an Application is Synced and Healthy at a commit."""
        status = self.application(name)
        sync, health = status.get("sync", {}), status.get("health", {})
        return (sync.get("status"), sync.get("revision"), health.get("status")) == ("Synced", commit, "Healthy")

    def apply_application_set(self, name: str, git: GitHost, *products: str) -> None:
        """Apply an ApplicationSet with an Application a product, and wait until those exist."""
        source = {"repoURL": git.url, "targetRevision": "main", "path": "{{.product}}"}
        destination = {"server": "https://kubernetes.default.svc", "namespace": "{{.product}}"}
        policy = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]}
        template = {
            "metadata": {"name": "{{.product}}"},
            "spec": {"project": "default", "source": source, "destination": destination, "syncPolicy": policy},
        }
        elements = [{"product": product} for product in products]
        self.api.apply(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "ApplicationSet",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": {"goTemplate": True, "generators": [{"list": {"elements": elements}}], "template": template},
            }
        )
        for product in products:
            path = f"{APPLICATIONS}/{product}"
            eventually(f"the Application {product} exists", lambda at=path: self.api.get(at) is not None, 30)  # type: ignore[misc]

    def apply_credentials(self, name: str, git: GitHost) -> None:
        labels = {"argocd.argoproj.io/secret-type": "repository"}
        self.api.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
                "stringData": {"type": "git", "url": git.url, "username": USER, "password": TOKEN},
            }
        )


@pytest.fixture(scope="module")
def argo(sandbox: StateDirectory) -> Iterator[Argo]:
    """A cluster in which Argo CD may be installed or not."""
    argo = Argo(sandbox, CLUSTER)
    yield argo
    argo.delete()


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    """The private repository of the products."""
    git = GitHost(tmp_path_factory.mktemp("git"))
    yield git
    git.stop()


@pytest.fixture
def released(argo: Argo) -> Argo:
    """Argo CD is installed, and all its processes run."""
    argo.install("--wait", configs=PARAMETERS)
    eventually("all processes are listed", lambda: argo.processes() == CONTROLLERS, 15)
    return argo


@pytest.fixture
def synced(released: Argo, git: GitHost) -> Argo:
    """Every product has one replica, is Synced with the repository's newest commit, and Healthy."""
    commit = git.commit(
        {f"{product}/{product}.yaml": deployment(product) for product in PRODUCTS} | {"run": uuid.uuid4().hex}
    )
    released.apply_credentials("products", git)
    released.apply_application_set("products", git, *PRODUCTS)
    for product in PRODUCTS:
        released.refresh(product)
    for product in PRODUCTS:
        eventually(f"{product} is Synced and Healthy", lambda name=product: released.is_at(name, commit), 40)  # type: ignore[misc]
    return released


def test_controllers_run_while_release_is_installed(argo: Argo) -> None:
    """Argo CD's processes run once the release's pods are ready, and end with the release."""
    argo.uninstall()
    assert argo.processes() == set()
    argo.install("--wait", configs=PARAMETERS)
    eventually("all processes are listed", lambda: argo.processes() == CONTROLLERS, 10)
    argo.uninstall()


def test_application_of_private_repository_needs_credentials(released: Argo, tmp_path: Path) -> None:
    """An Application of a private repository cannot log in, says so, and syncs once a Secret has the credentials."""
    private = GitHost(tmp_path)
    commit = private.commit({"private/private.yaml": deployment("private")})

    def is_refused() -> bool:
        conditions = released.application("private").get("conditions", [])
        return any(one["type"] == "ComparisonError" and "authentication" in one["message"] for one in conditions)

    try:
        released.apply_application_set("private", private, "private")
        eventually("the Application says why", is_refused, 30)
        released.apply_credentials("private", private)
        released.refresh("private")
        eventually("it is Synced and Healthy", lambda: released.is_at("private", commit), 40)
    finally:
        private.stop()


def test_application_set_deploys_its_products(synced: Argo) -> None:
    """An ApplicationSet becomes an Application a product, whose objects run in the product's namespace."""
    for product in PRODUCTS:
        made = synced.api.get(f"/apis/apps/v1/namespaces/{product}/deployments/{product}") or {}
        assert made["status"]["readyReplicas"] == 1


def test_commit_is_synced_soon_after_refresh(synced: Argo, git: GitHost) -> None:
    """A commit is synced within seconds after the Application was asked to refresh."""
    commit = git.commit({"storefront/storefront.yaml": deployment("storefront", replicas=3)})
    synced.refresh("storefront")
    assert eventually("the commit is Synced", lambda: synced.is_at("storefront", commit), 20) < 8
    made = synced.api.get("/apis/apps/v1/namespaces/storefront/deployments/storefront") or {}
    assert made["spec"]["replicas"] == 3


def test_parameter_of_release_is_used(synced: Argo) -> None:
    """Whether the health of single resources is kept follows the release's parameter."""

    def kept() -> dict[str, str | None]:
        synced.refresh("storefront")
        resources = synced.application("storefront")["resources"]
        return {one["kind"]: one.get("health", {}).get("status") for one in resources}

    eventually("the health of single resources is kept", lambda: kept() == {"Deployment": "Healthy"}, 30)
    synced.install(configs={"params": {"controller.resource.health.persist": False}})
    eventually("the health of single resources is no longer kept", lambda: kept() == {"Deployment": None}, 30)


def test_repo_server_ends_with_its_pods(synced: Argo, git: GitHost) -> None:
    """Without pods of the repo server its process ends and nothing syncs; both come back with the pods."""
    synced.scale("argocd-repo-server", 0)
    eventually("its process ends", lambda: synced.processes() == CONTROLLERS - {"argocd-repo-server"}, 15)
    commit = git.commit({"payments/payments.yaml": deployment("payments", replicas=2)})
    synced.refresh("payments")
    time.sleep(2)
    assert not synced.is_at("payments", commit), "nothing can read git now"
    synced.scale("argocd-repo-server", 1)
    eventually("it runs again", lambda: synced.processes() == CONTROLLERS, 15)
    synced.refresh("payments")
    eventually("payments is Synced", lambda: synced.is_at("payments", commit), 40)


def test_controller_with_crashing_pods_does_not_run(released: Argo) -> None:
    """Where the controller's pods crash its process ends, and the others go on."""
    try:
        released.install(controller=CRASH, configs=PARAMETERS)
        expected = CONTROLLERS - {"argocd-application-controller"}
        eventually("the controller's process ends", lambda: released.processes() == expected, 20)
    finally:
        released.uninstall()  # a StatefulSet does not replace a pod that is not ready
