"""Argo CD in the sandbox: an ApplicationSet really becomes Applications that sync from git, while its pods are Ready.

One cluster serves all tests, in the order in which they stand: one for each would take minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.paths import StateDirectory
from sandbox.plane.kubernetes_api import MERGE_PATCH, KubernetesApi
from tests.sandbox.git_host import TOKEN, USER, GitHost

CLUSTER, NAMESPACE = "argo-test-cluster", "argocd"
APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications"
NODES = [{"name": "ip-10-0-1-10.us-west-2.compute.internal", "instance_type": "m7i.4xlarge", "zone": "us-west-2a"}]
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


class Argo:
    """The cluster under test and the repository that its Applications come from."""

    def __init__(self, state: StateDirectory, git: GitHost) -> None:
        self.state, self.git = state, git
        self.running = lifecycle.running_state(state) or {}
        body = {
            "account": "000000000000",
            "region": "us-west-2",
            "version": "1.34",
            "token_webhook_url": f"{self.running['aws_endpoint']}/_ministack/eks-auth/x",
        }
        endpoint = self.call("PUT", f"/clusters/{CLUSTER}", body)["endpoint"]
        self.call("PUT", f"/clusters/{CLUSTER}/node-groups/system", {"version": "1.34", "nodes": NODES})
        self.api = KubernetesApi(endpoint, state.cluster(CLUSTER) / "certificates")

    def call(self, method: str, path: str, body: object = None) -> Any:
        return lifecycle.call(self.running["supervisor_url"], method, path, body)

    def helm(self, *arguments: str, values: dict[str, Any] | None = None) -> None:
        environment = {**os.environ, "KUBECONFIG": str(self.state.cluster(CLUSTER) / "admin.kubeconfig")}
        done = subprocess.run(
            [str(Path(self.running["tools"]) / "helm"), *arguments, "--namespace", NAMESPACE],
            env=environment,
            input=json.dumps(values or {}),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def install(self, *flags: str, **values: Any) -> None:
        chart = f"oci://{self.running['registry']}/charts/argo-cd"
        self.helm(
            "upgrade",
            "--install",
            "argocd",
            chart,
            "--plain-http",
            "--create-namespace",
            *flags,
            "--values",
            "-",
            values=values,
        )

    def scale(self, name: str, replicas: int) -> None:
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}"
        self.api.request("PATCH", path, {"spec": {"replicas": replicas}}, MERGE_PATCH)

    def processes(self) -> set[str]:
        """Those of Argo CD that `sandbox status` shows to be healthy."""
        listed = lifecycle.status(self.state)["processes"]
        return {
            one["name"].rpartition("/")[2]
            for one in listed
            if one["name"].startswith(f"{CLUSTER}/argocd-") and one["healthy"]
        }

    def application(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = (self.api.get(f"{APPLICATIONS}/{name}") or {}).get("status") or {}
        return found

    def refresh(self, name: str) -> None:
        annotations = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
        self.api.request("PATCH", f"{APPLICATIONS}/{name}", annotations, MERGE_PATCH)

    def is_at(self, name: str, commit: str) -> bool:
        """Whether an Application is Synced and Healthy at a commit."""
        status = self.application(name)
        sync, health = status.get("sync", {}), status.get("health", {})
        return (sync.get("status"), sync.get("revision"), health.get("status")) == ("Synced", commit, "Healthy")

    def apply_application_set(self) -> None:
        source = {"repoURL": self.git.url, "targetRevision": "main", "path": "{{.product}}"}
        destination = {"server": "https://kubernetes.default.svc", "namespace": "{{.product}}"}
        policy = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]}
        template = {
            "metadata": {"name": "{{.product}}"},
            "spec": {"project": "default", "source": source, "destination": destination, "syncPolicy": policy},
        }
        elements = [{"product": product} for product in PRODUCTS]
        self.api.apply(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "ApplicationSet",
                "metadata": {"name": "products", "namespace": NAMESPACE},
                "spec": {"goTemplate": True, "generators": [{"list": {"elements": elements}}], "template": template},
            }
        )

    def apply_credentials(self) -> None:
        self.api.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": "repository",
                    "namespace": NAMESPACE,
                    "labels": {"argocd.argoproj.io/secret-type": "repository"},
                },
                "stringData": {"type": "git", "url": self.git.url, "username": USER, "password": TOKEN},
            }
        )


def eventually(what: str, condition: Callable[[], bool], seconds: float) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() < begun + seconds, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def argo(sandbox: StateDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Argo]:
    git = GitHost(tmp_path_factory.mktemp("git"))
    git.commit({f"{product}/{product}.yaml": deployment(product) for product in PRODUCTS})
    argo = Argo(sandbox, git)
    yield argo
    argo.call("DELETE", f"/clusters/{CLUSTER}")
    git.stop()


def test_nothing_runs_without_a_release(argo: Argo) -> None:
    assert argo.processes() == set()


def test_the_controllers_run_when_their_pods_are_ready(argo: Argo) -> None:
    argo.install("--wait", configs=PARAMETERS)
    eventually("all processes are listed", lambda: argo.processes() == CONTROLLERS, 10)


def test_a_private_repository_needs_its_secret(argo: Argo) -> None:
    argo.apply_application_set()

    def refused() -> bool:
        conditions = argo.application("storefront").get("conditions", [])
        return any(one["type"] == "ComparisonError" and "authentication" in one["message"] for one in conditions)

    eventually("the Application says why", refused, 30)


def test_an_application_set_becomes_applications_that_sync(argo: Argo) -> None:
    argo.apply_credentials()
    commit = argo.git.commit({"README.md": "products"})
    for product in PRODUCTS:
        argo.refresh(product)
    for product in PRODUCTS:
        eventually(f"{product} is Synced and Healthy", lambda name=product: argo.is_at(name, commit), 40)  # type: ignore[misc]
        made = argo.api.get(f"/apis/apps/v1/namespaces/{product}/deployments/{product}") or {}
        assert made["status"]["readyReplicas"] == 1


def test_a_commit_is_seen_at_once_when_asked_to_refresh(argo: Argo) -> None:
    commit = argo.git.commit({"storefront/storefront.yaml": deployment("storefront", replicas=3)})
    argo.refresh("storefront")
    assert eventually("the commit is Synced", lambda: argo.is_at("storefront", commit), 20) < 8
    made = argo.api.get("/apis/apps/v1/namespaces/storefront/deployments/storefront") or {}
    assert made["spec"]["replicas"] == 3


def test_what_the_release_configures_holds(argo: Argo) -> None:
    resources = argo.application("storefront")["resources"]
    assert {one["kind"]: one["health"]["status"] for one in resources} == {"Deployment": "Healthy"}
    argo.install(configs={"params": {"controller.resource.health.persist": False}})

    def forgotten() -> bool:
        argo.refresh("storefront")
        return all("health" not in one for one in argo.application("storefront")["resources"])

    eventually("the health of single resources is no longer kept", forgotten, 30)


def test_the_repo_server_ends_with_its_pods(argo: Argo) -> None:
    argo.scale("argocd-repo-server", 0)
    eventually("its process ends", lambda: argo.processes() == CONTROLLERS - {"argocd-repo-server"}, 15)
    commit = argo.git.commit({"payments/payments.yaml": deployment("payments", replicas=2)})
    argo.refresh("payments")
    time.sleep(2)
    assert not argo.is_at("payments", commit), "nothing can read git now"
    argo.scale("argocd-repo-server", 1)
    eventually("it runs again", lambda: argo.processes() == CONTROLLERS, 15)
    argo.refresh("payments")
    eventually("payments is Synced", lambda: argo.is_at("payments", commit), 40)


def test_a_release_whose_pods_crash_runs_nothing(argo: Argo) -> None:
    argo.install(controller=CRASH, configs=PARAMETERS)
    expected = CONTROLLERS - {"argocd-application-controller"}
    eventually("the controller's process ends", lambda: argo.processes() == expected, 20)
    argo.helm("uninstall", "argocd", "--wait")
    eventually("no process is left", lambda: argo.processes() == set(), 15)
