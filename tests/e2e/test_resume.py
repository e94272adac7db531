"""A deploy that is killed, interrupted or fails: what it leaves, and that the next one goes on from there."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.records.lease import hold_lease
from sandbox.lifecycle import Options, start_sandbox, stop_sandbox
from sandbox.paths import PROJECT, StateDirectory
from tests.conftest import Cli
from tests.e2e.request_log import RequestLog
from tests.e2e.runs import Deploy, footprint, frozen, revisions, stack_status, stacks

pytestmark = pytest.mark.sandbox
SLOW = {"podAnnotations": {"sandbox/ready-delay": "90s"}}
NO_IMAGE = {"image": {"repository": "registry.test/does-not-exist"}}


@pytest.fixture
def empty_account(eks_assets: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """A second sandbox with nothing but the bootstrap, where the VPC and the cluster take some seconds."""
    monkeypatch.setenv("EKS_ASSETS_SANDBOX_DIR", str(tmp_path / "sandbox"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    state = StateDirectory.default()
    start_sandbox(Options(pod_seconds=0, delays={"AWS::EC2::VPC": 2, "AWS::EKS::Cluster": 2}, state=state))
    done = eks_assets("bootstrap", "sandbox", "--apply")
    assert done.returncode == 0, done.stderr
    yield load_environment("sandbox", PROJECT / "environments")
    stop_sandbox(state)


def test_deploy_killed_three_times_makes_nothing_twice(
    empty_account: Environment, eks_assets: Cli, tmp_path: Path
) -> None:
    """A deploy that is killed three times, then finished, leaves each resource once and the runs canceled."""
    aws = Aws(empty_account, as_deployer=False)

    first = Deploy(tmp_path / "first.log")
    first.until(lambda: stack_status(aws, "demo-sandbox-network") == "CREATE_IN_PROGRESS")
    first.kill()
    second = Deploy(tmp_path / "second.log")
    second.until(lambda: stack_status(aws, "demo-sandbox-cluster") == "CREATE_IN_PROGRESS")
    second.kill()
    third = Deploy(tmp_path / "third.log")
    third.until(third.runs_helm)
    third.kill()
    assert third.left_behind() == {}

    done = eks_assets("deploy", "sandbox")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(stacks(aws).values()) == {1}
    clusters = aws.client("eks").list_clusters()["clusters"]
    assert clusters == [empty_account.cluster_name]
    vpcs = aws.client("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [empty_account.vpc_name]}])["Vpcs"]
    assert len(vpcs) == 1
    # A release whose installation was killed is removed and installed again; the others stay as they are.
    assert set(revisions(Context.of(empty_account)).values()) == {1}
    with dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
        ends = [run.status for run in instance.get_runs()]
    canceled = dg.DagsterRunStatus.CANCELED
    assert ends == [dg.DagsterRunStatus.SUCCESS, canceled, canceled, canceled], "killed runs seem to go on for ever"
    status = eks_assets("status", "sandbox")
    assert status.returncode == 0, status.stdout
    again = eks_assets("deploy", "sandbox")
    assert "sandbox: nothing to do" in again.stdout


@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_interrupted_deploy_ends_soon_and_next_one_finishes(
    platform: Environment, eks_assets: Cli, change: Any, tmp_path: Path, number: signal.Signals, group: bool
) -> None:
    """An interrupted deploy ends within ten seconds, says what it left, and the next one finishes."""
    change(addons={"external_dns": {"values": SLOW}})
    deploy = Deploy(tmp_path / "deploy.log")
    deploy.until(deploy.runs_helm)
    seconds = deploy.end(number, group=group)
    assert seconds < 10, deploy.said
    assert deploy.process.returncode == 130, deploy.said
    assert deploy.left_behind() == {}
    assert "external_dns" in deploy.said
    assert "interrupted" in deploy.said
    assert "eks-assets deploy sandbox" in deploy.said

    change()
    done = eks_assets("deploy", "sandbox")
    assert done.returncode == 0, done.stdout + done.stderr
    assert eks_assets("status", "sandbox").returncode == 0


def test_deploy_of_held_environment_names_holder(platform: Environment, eks_assets: Cli, change: Any) -> None:
    """A deploy while another run holds the environment is refused with its holder and the next step."""
    change(addons={"external_dns": {"values": {"interval": "2m"}}})
    with hold_lease(Context.of(platform, run_id="other-run"), who="somebody else", keep=False):
        refused = eks_assets("deploy", "sandbox", "--wait", "0")
    assert refused.returncode == 1, refused.stdout
    assert "environment sandbox is held by run other-run (somebody else) since" in refused.stderr
    assert "Next: wait for that run to end" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_deploy_interrupted_while_planning_writes_nothing(
    platform: Environment, sandbox: StateDirectory, tmp_path: Path, number: signal.Signals
) -> None:
    """A deploy interrupted while it plans ends within ten seconds and has written nothing."""
    log = RequestLog(sandbox)
    deploy = Deploy(tmp_path / "deploy.log")
    deploy.until(lambda: log.calls()["sts:AssumeRole"] > 0)
    assert deploy.end(number, group=False) < 10, deploy.said
    assert deploy.process.returncode == 130, deploy.said
    assert "interrupted" in deploy.said
    assert "Traceback" not in deploy.said
    assert log.writes() == {}


def test_deploy_interrupted_while_cluster_is_silent_ends_soon(
    platform: Environment, sandbox: StateDirectory, tmp_path: Path
) -> None:
    """A deploy interrupted while the API server does not answer ends within ten seconds."""
    log = RequestLog(sandbox)
    with frozen("kube-apiserver", sandbox.clusters / platform.cluster_name):
        deploy = Deploy(tmp_path / "deploy.log")
        deploy.until(lambda: log.calls()["eks:DescribeCluster"] > 0)
        time.sleep(3)
        assert deploy.process.poll() is None, deploy.said
        assert deploy.end(signal.SIGINT, group=True) < 10, deploy.said
    assert deploy.process.returncode == 130, deploy.said


def test_broken_addon_fails_alone_and_fix_finishes_it(
    platform: Environment, eks_assets: Cli, change: Any, context: Context
) -> None:
    """A broken add-on fails alone, with its pod's reason; after the fix only it is upgraded."""
    sibling = {"values": {"podLabels": {"sibling": "done"}}}
    change(addons={"external_dns": {"values": NO_IMAGE}, "karpenter": sibling})
    before = revisions(context)
    broken = eks_assets("deploy", "sandbox")
    assert broken.returncode == 1
    assert "failed external_dns: release external-dns in external-dns: pod external-dns/" in broken.stdout
    assert 'ImagePullBackOff: Back-off pulling image "registry.test/does-not-exist' in broken.stdout
    assert "eks-assets deploy sandbox" in broken.stdout
    assert revisions(context)["karpenter"] == before["karpenter"] + 1
    status = json.loads(eks_assets("status", "sandbox", "--json").stdout)
    states = {u["unit"]: u["state"] for u in status["units"]}
    assert states["external_dns"] == "failed"
    assert states["karpenter"] == "in_sync"

    change(addons={"karpenter": sibling})
    fixed = eks_assets("deploy", "sandbox")
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert revisions(context)["external-dns"] == before["external-dns"] + 2
    assert revisions(context)["karpenter"] == before["karpenter"] + 1

    change()
    assert eks_assets("deploy", "sandbox").returncode == 0


def test_second_deploy_changes_nothing(platform: Environment, eks_assets: Cli, admin: Aws, context: Context) -> None:
    """A deploy with nothing to do changes nothing in AWS or the cluster."""
    before = footprint(admin, context)
    done = eks_assets("deploy", "sandbox")
    assert done.returncode == 0
    assert "sandbox: nothing to do" in done.stdout
    assert footprint(admin, context) == before
