"""`sandbox-gated` the whole way: it waits, two people approve, it goes on; and a second time it waits again."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from eks_assets.orchestration.run_tags import OUTCOME_TAG, WAITING
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.config.sandbox_state import sandbox_state
from resources.context import Context
from resources.drivers.git.applicationsets import API_VERSION
from resources.drivers.git.manifests import refresh_applications
from resources.support.polling import Poll, wait_until
from sandbox.credentials import credentials
from sandbox.mail import messages
from tests.conftest import Cli
from tests.e2e.materialized import materialize

pytestmark = pytest.mark.sandbox
GATED = "sandbox-gated"


@pytest.fixture(scope="module")
def waiting(eks_assets: Cli) -> dict[str, Any]:
    """What `deploy` says at the gate of a platform that is there up to it."""
    done = eks_assets("bootstrap", GATED, "--apply")
    assert done.returncode == 0, done.stderr
    done = eks_assets("deploy", GATED, "--json", timeout=900, **as_person("initiator"))
    assert done.returncode == 3, done.stdout + done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def as_person(name: str) -> dict[str, str]:
    return credentials(name).variables()


def test_gated_deploy_waits_with_units_and_command(waiting: dict[str, Any], eks_assets: Cli) -> None:
    """At the gate a deploy ends with the units that wait, the missing approvals and the command to approve."""
    assert waiting["outcome"] == "waiting for approval"
    assert waiting["failed"] == {}
    approval = waiting["approval"]
    assert {"argo_cd", "application_config", "prometheus", "loki"} <= set(approval["units"])
    assert approval["missing"] == 2
    assert f"eks-assets approve {GATED}" in approval["commands"][0]
    status = eks_assets("status", GATED, "--json")
    assert status.returncode == 3, status.stdout
    assert {u["state"] for u in json.loads(status.stdout)["units"]} <= {"in_sync", "waiting", "disabled"}


def test_approval_mail_has_digest_units_and_command(waiting: dict[str, Any]) -> None:
    """The mail has the digest, the actions and the AWS CLI's command."""
    (mail,) = [m for m in messages() if "approval needed" in m["subject"] and GATED in m["subject"]]
    assert mail["to"] == "platform@gated.test"
    assert waiting["approval"]["digest"] in mail["message"]
    assert "create argo_cd (applications)" in mail["message"]
    assert "aws ssm put-parameter" in mail["message"]


def test_second_gated_deploy_waits_for_same_request(waiting: dict[str, Any], eks_assets: Cli) -> None:
    """A second deploy waits for the same request."""
    again = eks_assets("deploy", GATED, "--json", timeout=600)
    assert again.returncode == 3, again.stderr
    assert json.loads(again.stdout)["approval"]["release"] == waiting["approval"]["release"]


def test_gated_materialize_waits_and_starts_only_gated_units(
    waiting: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Materialize All waits as well; only the units behind the gate get a process, and none is applied."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    run = materialize(GATED)
    assert run.run.status == dg.DagsterRunStatus.SUCCESS
    assert run.run.tags[OUTCOME_TAG] == WAITING
    units = run.steps("STEP_WORKER_STARTED") & set(load_registry().by_name)
    assert {load_registry()[name].wave for name in units} == {"applications", "observability"}
    assert {name for name in run.results() if name in units} == set()
    checks = run.checks()
    assert checks["release_plan:approved"] is False
    assert checks["argo_cd:workloads_ready"] is False
    assert checks["cluster:cluster_active"] is True


def test_gated_deploy_finishes_after_two_approvals(waiting: dict[str, Any], eks_assets: Cli) -> None:
    """After two approvals, one of them by the AWS CLI alone, the deploy finishes."""
    digest, release = waiting["approval"]["digest"], waiting["approval"]["release"]
    refused = eks_assets("approve", GATED, "--digest", digest, "--reason", "me too", **as_person("outsider"))
    assert refused.returncode == 1, refused.stdout
    assert "AccessDenied" in refused.stderr
    first = eks_assets("approve", GATED, "--digest", digest[:19], "--reason", "looks right", **as_person("alice"))
    assert first.returncode == 3, first.stdout + first.stderr
    assert "1 of 2 (alice)" in first.stdout
    # bob has no eks-assets: what the AWS CLI's one command sends is enough.
    value = {"decision": "approve", "digest": digest, "release": release, "reason": "by hand"}
    name = f"/demo/gated/approvals/{release}"
    credentials("bob").client("ssm").put_parameter(Name=name, Value=json.dumps(value), Type="String", Overwrite=True)
    done = eks_assets("deploy", GATED, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is approved by alice, bob" in done.stdout
    assert "nothing to do" in eks_assets("deploy", GATED).stdout
    assert eks_assets("status", GATED).returncode == 0


def push(folder: Path, old: str, new: str, subject: str) -> str:
    """Somebody with the credential that may write replaces a text in storefront's values on the branch; the commit."""
    env = load_environment(GATED)
    assert env.git is not None
    assert env.git.credentials is not None
    secrets = credentials("root").client("secretsmanager")
    login = json.loads(secrets.get_secret_value(SecretId=env.git.credentials.secret)["SecretString"])
    address = sandbox_state().variables["SANDBOX_GIT"]
    host = address.replace("://", f"://{login['username']}:{login['password']}@", 1)

    def git(*arguments: str) -> str:
        pat = ("-c", "user.name=Pat", "-c", "user.email=pat@gated.test")
        done = subprocess.run(["git", *pat, *arguments], cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("clone", "--quiet", "--branch", env.git_branch, host, subject)
    values = folder / subject / "storefront/chart/values.yaml"
    text = values.read_text()
    assert text.count(old) == 1
    values.write_text(text.replace(old, new))
    git("-C", subject, "commit", "--quiet", "--all", "--message", subject)
    git("-C", subject, "push", "--quiet")
    return git("-C", subject, "rev-parse", "HEAD")


def refreshed_storefront(context: Context) -> tuple[str, int]:
    """Commit and replicas of storefront, after Argo CD has read the repository again."""
    applications = context.cluster.kind(API_VERSION, "Application")

    def read() -> dict[str, Any]:
        application: dict[str, Any] = applications.get(name="storefront", namespace="argocd").to_dict()
        return application

    before = read()["status"]["reconciledAt"]
    time.sleep(1)  # the time of a reconciliation is told in seconds
    refresh_applications(context)

    def poll() -> Poll[dict[str, Any]]:
        application = read()
        return Poll(application if application["status"]["reconciledAt"] != before else None, before)

    application = wait_until(poll, what="a refresh of storefront", deadline=60, interval=0.5)
    deployment = context.cluster.kind("apps/v1", "Deployment").get(name="storefront", namespace="storefront")
    return application["status"]["sync"]["revision"], deployment.to_dict()["spec"]["replicas"]


def test_push_to_branch_changes_nothing_and_waits_for_approval(
    waiting: dict[str, Any], tmp_path: Path, eks_assets: Cli
) -> None:
    """Whoever can push to the branch had the cluster: storefront had another image two seconds later."""
    context = Context.of(load_environment(GATED))
    before = refreshed_storefront(context)
    pushed = push(tmp_path, "replicas: 2", "replicas: 3", "three")
    try:
        assert refreshed_storefront(context) == before
        status = eks_assets("status", GATED, "--json")
        assert status.returncode == 3, status.stdout + status.stderr
        units = {unit["unit"]: unit for unit in json.loads(status.stdout)["units"]}
        assert units["application_config"]["state"] == "waiting"
        by = f"{pushed[:12]} by Pat <pat@gated.test> (three)"
        assert by in units["application_config"]["checks"][0]["detail"]
        plan = eks_assets("plan", GATED, "--json")
        assert plan.returncode == 0, plan.stdout + plan.stderr
        change = next(c for c in json.loads(plan.stdout)["changes"] if c["unit"] == "application_config")
        assert by in change["reason"]
        assert [field["path"] for field in change["fields"]] == ["storefront/chart/values.yaml"]
        deploy = eks_assets("deploy", GATED, "--json", timeout=600)
        assert deploy.returncode == 3, deploy.stdout + deploy.stderr
        assert "application_config" in json.loads(deploy.stdout)["approval"]["units"]
        assert refreshed_storefront(context) == before
    finally:
        push(tmp_path, "replicas: 3", "replicas: 2", "two")
    assert eks_assets("status", GATED).returncode == 0
    assert "nothing to do" in eks_assets("deploy", GATED).stdout


def test_later_change_needs_new_approval_and_can_be_rejected(environments: Path, eks_assets: Cli) -> None:
    """A later change waits for approval again, and a rejection is shown with its reason."""
    file = environments / f"{GATED}.yaml"
    document = yaml.safe_load(file.read_text())
    document["addons"] = {"prometheus": {"values": {"grafana": {"replicas": 2}}}}
    file.write_text(yaml.safe_dump(document))
    folder = {"EKS_ASSETS_ENVIRONMENTS": str(environments)}
    done = eks_assets("deploy", GATED, "--json", timeout=600, **folder)
    assert done.returncode == 3, done.stdout + done.stderr
    approval = json.loads(done.stdout)["approval"]
    assert approval["units"] == ["prometheus"]
    # The account's root proves no person.
    assert (approval["missing"], approval["nobody_proved"]) == (3, "it is no user and no role")
    rejected = eks_assets(
        "reject", GATED, "--digest", approval["digest"], "--reason", "not on a Friday", **folder, **as_person("bob")
    )
    assert rejected.returncode == 0, rejected.stdout + rejected.stderr
    shown = eks_assets("approvals", GATED, **folder)
    assert "was rejected by bob: not on a Friday" in shown.stdout


def with_cluster_admin(environments: Path) -> dict[str, str]:
    """The environment's files with one more access entry, and a setting behind the gate changed beside it."""
    file = environments / "clusters/sandbox.yaml"
    document = yaml.safe_load(file.read_text())
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    entry = {
        "principalARN": "arn:aws:iam::000000000000:user/outsider",
        "accessPolicies": [{"policyARN": policy, "accessScope": {"type": "cluster"}}],
    }
    document.setdefault("accessConfig", {}).setdefault("accessEntries", []).append(entry)
    file.write_text(yaml.safe_dump(document))
    gated = environments / f"{GATED}.yaml"
    settings = yaml.safe_load(gated.read_text())
    settings["addons"] = {"prometheus": {"values": {"grafana": {"replicas": 2}}}}
    gated.write_text(yaml.safe_dump(settings))
    return {"EKS_ASSETS_ENVIRONMENTS": str(environments)}


def test_later_access_entry_waits_before_the_gate(
    environments: Path, eks_assets: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An access entry lies waves before the gate, and waits all the same, in one request with what is behind the gate:
    a run of the UI asks before its first step, `deploy` finds its request, and the grant carries both out."""
    folder = with_cluster_admin(environments)
    planned = eks_assets("plan", GATED, **folder)
    assert "access_entries is behind the gate, since it changes identity or reach" in planned.stdout, planned.stdout
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    run = materialize(GATED)
    assert run.run.tags[OUTCOME_TAG] == WAITING
    assert {"access_entries", "release_plan"} & set(run.results()) == set()
    asked = json.loads(eks_assets("approvals", GATED, "--json", **folder).stdout)["releases"][-1]
    assert asked["status"] == "waiting"
    done = eks_assets("deploy", GATED, "--json", timeout=600, **folder)
    assert done.returncode == 3, done.stdout + done.stderr
    approval = json.loads(done.stdout)["approval"]
    assert approval["units"] == ["access_entries", "prometheus"]
    assert approval["digest"] == asked["digest"]
    # Nobody proved who asked, so one more has to approve.
    for person in ("alice", "bob", "carol"):
        decision = ("--digest", approval["digest"], "--reason", "granted")
        eks_assets("approve", GATED, *decision, **folder, **as_person(person))
    finished = eks_assets("deploy", GATED, timeout=900, **folder)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "nothing to do" in eks_assets("deploy", GATED, **folder).stdout
