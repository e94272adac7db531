"""A plan says what a deploy would change, and changes nothing: not in AWS, not in the cluster, not in git."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.kubernetes.errors import kubernetes_call
from sandbox.git.server import REPOSITORY
from sandbox.paths import StateDirectory
from tests.conftest import Cli
from tests.e2e.conftest import Change
from tests.e2e.request_log import RequestLog
from tests.e2e.runs import stacks
from tests.helpers.plan_schema import faults

pytestmark = pytest.mark.sandbox
PLANTED = "hunter2-planted"
# Renewed by their controllers all the time.
RESTLESS = ("Lease", "Event")


def objects(context: Context) -> dict[tuple[str, ...], Any]:
    """Every object of every kind in the cluster without what its controllers note in it (a node's heartbeat, say)."""
    objects_by_key: dict[tuple[str, ...], Any] = {}
    with kubernetes_call("listing everything"):
        for kind in context.cluster.api.resources.search():
            if "list" not in (kind.verbs or ()) or kind.kind.endswith("List") or kind.kind in RESTLESS:
                continue
            for item in kind.get().to_dict()["items"]:
                meta = item.pop("metadata")
                item.pop("status", None)
                key = (kind.group_version, kind.kind, meta.get("namespace") or "", meta["name"])
                objects_by_key[key] = {**item, "labels": meta.get("labels"), "annotations": meta.get("annotations")}
    return objects_by_key


def at_rest(context: Context) -> dict[tuple[str, ...], Any]:
    """The objects, once two looks a second apart find the same: controllers may still follow the last deploy."""
    before, deadline = objects(context), time.monotonic() + 60
    while True:
        time.sleep(1)
        now = objects(context)
        if now == before or time.monotonic() > deadline:
            return now
        before = now


def branches(sandbox: StateDirectory) -> str:
    """Every reference of the git host's repository with its commit."""
    command = ["git", "for-each-ref", "--format=%(refname) %(objectname)"]
    return subprocess.run(command, cwd=sandbox.git / REPOSITORY, check=True, capture_output=True, text=True).stdout


@contextmanager
def nothing_changes(sandbox: StateDirectory, aws: Aws, context: Context | None = None) -> Iterator[RequestLog]:
    """Within it nothing may change in AWS, the cluster or git."""
    cluster = at_rest(context) if context else {}
    before = stacks(aws), branches(sandbox)
    log = RequestLog(sandbox)
    yield log
    writes = log.writes()
    made, deleted = (writes.pop(f"cloudformation:{verb}ChangeSet", 0) for verb in ("Create", "Delete"))
    assert (writes, made) == ({}, deleted)
    assert (stacks(aws), branches(sandbox)) == before
    now = objects(context) if context else {}
    assert {k: (cluster.get(k), now.get(k)) for k in cluster.keys() | now.keys() if cluster.get(k) != now.get(k)} == {}
    statuses = {s["StackStatus"] for s in aws.client("cloudformation").list_stacks()["StackSummaries"]}
    assert "REVIEW_IN_PROGRESS" not in statuses


@pytest.fixture
def fresh(environments: Path, eks_assets: Cli, account: Environment, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an environment of which nothing exists but what bootstrap makes."""
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    document = yaml.safe_load((environments / "sandbox.yaml").read_text())
    deployer = {"arn": f"arn:aws:iam::{account.account}:role/demo-fresh-deployer", "external_id": "demo-fresh"}
    document |= {"target_env": "fresh", "roles": {"deployer": deployer}}
    (environments / "fresh.yaml").write_text(yaml.safe_dump(document))
    done = eks_assets("bootstrap", "fresh", "--apply")
    assert done.returncode == 0, done.stderr
    return "fresh"


def test_plan_of_empty_account_creates_everything(
    fresh: str, eks_assets: Cli, sandbox: StateDirectory, admin: Aws
) -> None:
    """In an empty account the plan creates every unit, and nothing is written, not even a change set."""
    with nothing_changes(sandbox, admin) as log:
        done = eks_assets("plan", fresh, "--json", "--detailed-exitcode")
        text = eks_assets("plan", fresh)
    assert done.returncode == 4, done.stderr
    document = json.loads(done.stdout)
    assert faults(document) == []
    assert {change["action"] for change in document["changes"]} == {"create"}
    assert len(document["changes"]) > 30
    assert document["cluster_version"] is None
    assert document["minutes"] > 20
    changes = {change["unit"]: change for change in document["changes"]}
    after = {field["path"]: field["after"] for field in changes["security_groups"]["fields"]}
    assert after["parameters.VpcId"] == "⟦network.vpc_id⟧"
    assert changes["security_groups"]["known_after_apply"] == ["network.cidr_block", "network.vpc_id"]
    assert (changes["cluster"]["reversibility"], changes["efs"]["reversibility"]) == ("time-boxed", "forward-only")
    assert log.writes() == {}, "a stack that does not exist gets no change set"
    assert text.returncode == 0, text.stderr
    assert "+ parameters.VpcId: ${network.vpc_id} (known after apply)" in text.stdout
    assert f"Digest {document['digest']}" in text.stdout, "the same state has the same digest"


def test_plan_after_deploy_has_nothing_to_do(
    platform: Environment, eks_assets: Cli, sandbox: StateDirectory, admin: Aws, context: Context
) -> None:
    """After a deploy the plan is empty, exits with 0, and nothing is written."""
    with nothing_changes(sandbox, admin, context) as log:
        done = eks_assets("plan", "sandbox", "--detailed-exitcode")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("sandbox: nothing to do (")
    assert log.writes() == {}


def test_plan_shows_changed_values_and_nothing_else(
    platform: Environment, eks_assets: Cli, sandbox: StateDirectory, admin: Aws, context: Context, change: Change
) -> None:
    """Changed values are planned field by field, secrets masked; only change sets come and go."""
    values = {"interval": "2m", "webhookToken": PLANTED}
    change(email_subscriptions=["ops@example.com"], addons={"external_dns": {"values": values}})
    with nothing_changes(sandbox, admin, context) as log:
        done = eks_assets("plan", "sandbox", "--json", "--detailed-exitcode")
        markdown = eks_assets("plan", "sandbox", "--markdown")
    assert done.returncode == 4, done.stderr
    document = json.loads(done.stdout)
    assert faults(document) == []
    assert document["unknown"] == []
    fields = {c["unit"]: [(f["path"], f["before"], f["after"]) for f in c["fields"]] for c in document["changes"]}
    paths = [path.rpartition(".")[2] for path, _, _ in fields["notifications"][:-1]]
    assert paths == ["Endpoint", "Protocol", "Ref", "Type"], "one subscription"
    assert fields["notifications"][0][1:] == (None, "ops@example.com")
    assert fields["notifications"][-1][1:] == (None, "Add AWS::SNS::Subscription")
    args = "Deployment/external-dns/external-dns: spec.template.spec.containers[0].args[2]"
    assert fields["external_dns"] == [
        ("values.interval", None, "2m"),
        ("values.webhookToken", None, "(sensitive)"),
        (args, "--interval=1m", "--interval=2m"),
    ]
    assert set(fields) == {"notifications", "external_dns"}
    disrupts = {c["unit"]: c["disrupts"] for c in document["changes"]}
    assert disrupts == {"notifications": [], "external_dns": ["pods of Deployment external-dns/external-dns restart"]}
    assert log.writes() == {"cloudformation:CreateChangeSet": 2, "cloudformation:DeleteChangeSet": 2}
    assert markdown.returncode == 0, markdown.stderr
    assert "| infrastructure | notifications | update | 5 | reversible | 1 |" in markdown.stdout
    assert document["digest"] in markdown.stdout
    assert PLANTED not in done.stdout + done.stderr + markdown.stdout + markdown.stderr
