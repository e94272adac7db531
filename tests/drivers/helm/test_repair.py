"""Releases that people's helm left half-done: killed in a rollback or an uninstall, or with nothing good to go back to.
The next apply ends with what is wanted; nobody has to mend helm's history by hand."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.helm.charts import package_of
from resources.drivers.helm.driver import HelmReleaseDriver
from resources.drivers.programs import find_program
from resources.kubernetes.objects import list_objects
from resources.model.specs import HelmRelease
from tests.helpers.releases import DEPLOYMENT, GOOD, NAMESPACE, deployment, revisions, statuses

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("release_namespace")]
DRIVER = HelmReleaseDriver()
WANTED = HelmRelease(
    name=NAMESPACE,
    namespace=NAMESPACE,
    repository="https://charts.test",
    chart="external-dns",
    version="1.21.1",
    values={**GOOD, "logLevel": "debug"},
)
SLOW = ("--set", "podAnnotations.sandbox/ready-delay=120s")


class Person:
    """Somebody with helm and kubectl on the environment's cluster."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.env = {**os.environ, "KUBECONFIG": str(context.cluster.kubeconfig)}

    def runs(self, tool: str, *argv: str) -> subprocess.Popen[str]:
        command = [find_program(tool, self.context.env), *argv, "--namespace", NAMESPACE]
        return subprocess.Popen(command, env=self.env, stderr=subprocess.PIPE, text=True)

    def does(self, tool: str, *argv: str) -> str:
        """Run it to its end; returns what it complains of where it fails. A watch that helm ends may say so."""
        with self.runs(tool, *argv) as process:
            complaint = process.communicate(timeout=60)[1]
            return complaint if process.returncode else ""

    def is_killed_at(self, status: str, *argv: str) -> None:
        """Run helm, and kill it once the release's newest revision has that status."""
        with self.runs("helm", *argv) as process:
            deadline = time.monotonic() + 30
            while statuses(self.context)[-1:] != [status]:
                assert time.monotonic() < deadline, f"{statuses(self.context)}, not {status}, after 30 s"
                time.sleep(0.1)
            process.kill()

    def upgrades(self, *flags: str) -> tuple[str, ...]:
        package = str(package_of(WANTED, self.context).path)
        return ("upgrade", NAMESPACE, package, "--install", "--create-namespace", "--set", "policy=upsert-only", *flags)


@pytest.fixture
def person(context: Context) -> Person:
    return Person(context)


def apply(env: Environment) -> list[str]:
    """Apply what is wanted, as a run of its own; returns what it said."""
    said: list[str] = []
    DRIVER.apply(WANTED, Context.of(env, said.append))
    return said


def assert_all_is_well(env: Environment, context: Context) -> None:
    history = revisions(context)
    assert history[-1].status == "deployed"
    assert history[-1].values == WANTED.values
    assert [r.status for r in history].count("deployed") == 1
    assert len({r.revision for r in history}) == len(history)
    assert DRIVER.plan(WANTED, DRIVER.observe(WANTED, Context.of(env))).action == "none"


def test_killed_rollback_is_repaired(account: Environment, context: Context, person: Person) -> None:
    """A release left in pending-rollback is rolled back and upgraded."""
    person.does("helm", *person.upgrades(*SLOW))
    apply(account)
    person.is_killed_at("pending-rollback", "rollback", NAMESPACE, "1", "--wait")
    assert statuses(context) == ["superseded", "deployed", "pending-rollback"]

    assert f"release {NAMESPACE} is pending-rollback (helm was killed): helm rollback" in apply(account)
    assert_all_is_well(account, context)
    assert revisions(context)[-1].revision == 5  # the rollback's own, and one upgrade


def test_release_of_helm_3_changed_by_hand_is_upgraded(account: Environment, context: Context, person: Person) -> None:
    """Client-side apply and a change by hand do not block the upgrade."""
    assert not person.does("helm", *person.upgrades("--server-side=false", "--wait"))
    person.does("kubectl", "scale", "deployment", DEPLOYMENT, "--replicas=3")
    apply(account)
    assert deployment(context)["spec"]["replicas"] == 1
    assert_all_is_well(account, context)


def test_killed_uninstall_is_finished_and_release_recreated(
    account: Environment, context: Context, person: Person
) -> None:
    """The uninstall is finished, slow finalizers are waited for, and the release is installed."""
    apply(account)
    hold = '{"metadata": {"finalizers": ["test.example/hold"]}}'
    person.does("kubectl", "patch", "service", DEPLOYMENT, "--patch", hold)
    person.is_killed_at("uninstalling", "uninstall", NAMESPACE, "--wait")
    assert statuses(context) == ["uninstalling"]

    letting_go = ("kubectl", "patch", "service", DEPLOYMENT, "--patch", '{"metadata": {"finalizers": null}}')
    later = threading.Timer(5, person.does, letting_go)
    later.start()
    try:
        said = apply(account)
    finally:
        later.join()
    assert f"release {NAMESPACE} is uninstalling (helm was killed): helm uninstall" in said
    assert statuses(context) == ["deployed"]
    assert_all_is_well(account, context)
    services: list[dict[str, Any]] = list_objects(context.cluster, "v1", "Service", namespace=NAMESPACE)
    assert [(s["metadata"]["name"], s["metadata"].get("deletionTimestamp")) for s in services] == [(DEPLOYMENT, None)]


def test_killed_upgrade_after_refused_one_is_repaired(account: Environment, context: Context, person: Person) -> None:
    """A failed and a killed upgrade in a row are repaired."""
    apply(account)
    assert "a b" in person.does("helm", *person.upgrades("--set", "podLabels.team=a b"))
    person.is_killed_at("pending-upgrade", *person.upgrades(*SLOW, "--wait"))
    assert statuses(context) == ["deployed", "failed", "pending-upgrade"]

    apply(account)
    assert_all_is_well(account, context)


def test_uninstalled_release_with_history_is_reinstalled(
    account: Environment, context: Context, person: Person
) -> None:
    """A release that was uninstalled with --keep-history is installed again."""
    apply(account)
    person.does("helm", "uninstall", NAMESPACE, "--keep-history", "--wait")
    assert statuses(context) == ["uninstalled"]
    apply(account)
    assert_all_is_well(account, context)
