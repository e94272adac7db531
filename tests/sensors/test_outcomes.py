"""How runs end is told once each, and what could not be told is told later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest

from eks_assets.orchestration.environments import ENVIRONMENTS, step_failure
from eks_assets.orchestration.run_tags import DESTROYED, OUTCOME_OF, OUTCOME_TAG, WAITING, record_outcome
from resources.model.errors import OperationFailed
from resources.notifications.messages import Notification
from sensors import outcomes
from sensors.outcomes import outcomes_sensor
from tests.sensors.conftest import Daemon, Files


@dg.asset(partitions_def=ENVIRONMENTS)
def network() -> dg.MaterializeResult[Any]:
    """A unit that changed something."""
    return dg.MaterializeResult(metadata={"result": "created in 12.3 s"})


@dg.asset(partitions_def=ENVIRONMENTS, deps=[network])
def efs() -> dg.MaterializeResult[Any]:
    """A unit that had nothing to do."""
    return dg.MaterializeResult(metadata={"result": "nothing to do, in 0.3 s"})


@dg.asset(partitions_def=ENVIRONMENTS)
def certificate() -> None:
    """A unit that fails as the factory lets units fail."""
    raise step_failure(OperationFailed("stack acme-dev-certificate: no validation", next_step="add the record"))


@dg.asset(partitions_def=ENVIRONMENTS)
def secrets() -> None:
    """A unit with a fault in its code."""
    raise KeyError("password=hunter2")


@dg.asset(
    partitions_def=ENVIRONMENTS,
    check_specs=[dg.AssetCheckSpec("healthy", asset="loki", blocking=True, partitions_def=ENVIRONMENTS)],
)
def loki() -> Iterator[dg.MaterializeResult[Any]]:
    """A unit that is not healthy."""
    check = dg.AssetCheckResult(check_name="healthy", passed=False, description="2 of 3 pods are not ready")
    yield dg.MaterializeResult(check_results=[check])


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, files: Files, daemon: Daemon) -> list[Notification]:
    """What was handed to SNS; the sensor has looked once before."""
    files.keep("acme-dev")
    daemon.instance.add_dynamic_partitions("environments", ["acme-dev"])
    published: list[Notification] = []

    def publish(context: Any, notification: Notification) -> bool:
        is_new = notification.event_id not in [one.event_id for one in published]
        published.extend([notification] if is_new else [])
        return is_new

    monkeypatch.setattr(outcomes, "send_notification", publish)
    daemon.tick(outcomes_sensor)
    return published


Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def run(daemon: Daemon) -> Run:
    """Runs assets as the job of that name, in this process, as the command line does."""

    def execute(*assets: dg.AssetsDefinition, job: str = "deploy", **tags: str) -> dg.ExecuteInProcessResult:
        definitions = dg.Definitions(assets=assets, jobs=[dg.define_asset_job(job, selection="*")])
        with dg.DagsterInstance.from_ref(daemon.instance.get_ref()) as instance:
            return definitions.resolve_job_def(job).execute_in_process(
                partition_key="acme-dev", instance=instance, raise_on_error=False, tags=tags
            )

    return execute


def test_success_is_notified_once_with_changes(daemon: Daemon, sent: list[Notification], run: Run) -> None:
    """A deploy that succeeded is notified once, with what it changed."""
    done = run(network, efs)
    daemon.tick(outcomes_sensor)
    (notification,) = sent
    assert notification.kind == "succeeded"
    assert notification.event_id == f"succeeded/{done.run_id}"
    assert "  network: created in 12.3 s" in notification.lines
    assert "efs" not in "".join(notification.lines)
    daemon.tick(outcomes_sensor)
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("unit", "reason", "next_step"),
    [
        (certificate, "  stack acme-dev-certificate: no validation", "  add the record"),
        (secrets, "  unexpected KeyError; the run's log has all of it", None),
        (loki, "  check healthy: 2 of 3 pods are not ready", None),
    ],
)
def test_failure_is_notified_with_unit_reason_and_next_step(
    daemon: Daemon, sent: list[Notification], run: Run, unit: dg.AssetsDefinition, reason: str, next_step: str | None
) -> None:
    """Expected errors are quoted; unexpected ones are named without their text."""
    run(unit)
    daemon.tick(outcomes_sensor)
    (notification,) = sent
    assert notification.kind == "run_failed"
    assert notification.subject == f"[acme-dev] deploy failed: {unit.key.to_user_string()}"
    assert reason in notification.lines
    assert next_step is None or next_step in notification.lines
    assert "hunter2" not in notification.sendable_message()


def test_failing_drift_runs_are_notified_once_a_day(daemon: Daemon, sent: list[Notification], run: Run) -> None:
    """One that fails every hour for the same reason sends one mail a day, of its own kind; one that ends well, none."""
    run(network, job="drift")
    run(certificate, job="drift")
    daemon.tick(outcomes_sensor)
    run(certificate, job="drift")
    daemon.tick(outcomes_sensor)
    (notification,) = sent
    assert (notification.kind, notification.subject) == ("drift_failed", "[acme-dev] drift could not be looked for")
    assert "  stack acme-dev-certificate: no validation" in notification.lines


def test_run_that_never_started_is_notified(daemon: Daemon, sent: list[Notification]) -> None:
    """A run that failed before its first step is notified."""
    lost = daemon.add("acme-dev")
    daemon.set(lost, dg.DagsterRunStatus.FAILURE)
    daemon.tick(outcomes_sensor)
    assert [one.subject for one in sent] == ["[acme-dev] deploy failed: the run"]


def test_waiting_and_planning_runs_are_no_success(daemon: Daemon, sent: list[Notification], run: Run) -> None:
    """Runs that wait for approval or only plan are not notified."""
    record_outcome(daemon.instance, run(network).dagster_run, WAITING)
    run(network, job="plan")
    run(certificate, job="approve")
    daemon.tick(outcomes_sensor)
    assert sent == []


def test_retried_run_is_a_success_unless_it_waits_itself(daemon: Daemon, sent: list[Notification]) -> None:
    """The tag of the first run that it waited says nothing about a retry."""
    first = daemon.add("acme-dev")
    record_outcome(daemon.instance, first, WAITING)
    fields = {"root_run_id": first.run_id, "parent_run_id": first.run_id, "tags": {OUTCOME_TAG: WAITING}}
    again, waits = (daemon.add("acme-dev", **fields) for _ in range(2))
    record_outcome(daemon.instance, waits, WAITING)
    for run in (first, again, waits):
        daemon.set(run, dg.DagsterRunStatus.SUCCESS)
    daemon.tick(outcomes_sensor)
    assert [one.event_id for one in sent] == [f"succeeded/{again.run_id}"]


@pytest.mark.parametrize("outcome", [WAITING, DESTROYED, "anything"])
def test_made_up_outcome_hides_no_success(daemon: Daemon, sent: list[Notification], run: Run, outcome: str) -> None:
    """Whoever launches a run can give it any tag; only an outcome that the pipeline recorded counts."""
    done = run(network, **{OUTCOME_TAG: outcome})
    daemon.instance.add_run_tags(done.run_id, {OUTCOME_OF: done.run_id})
    daemon.tick(outcomes_sensor)
    assert [one.event_id for one in sent] == [f"succeeded/{done.run_id}"]


def test_runs_before_the_first_tick_are_not_notified(daemon: Daemon, sent: list[Notification], run: Run) -> None:
    """The first tick remembers where the history ends."""
    run(network)
    daemon.cursors.clear()
    daemon.tick(outcomes_sensor)
    daemon.tick(outcomes_sensor)
    assert sent == []


def test_failed_notification_is_sent_again(
    daemon: Daemon, sent: list[Notification], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notification that could not be sent is sent by a later tick."""
    run(network)

    def fails(context: Any, notification: Notification) -> bool:
        context.progress("not notified: SNS is away")
        return False

    with monkeypatch.context() as patch:
        patch.setattr(outcomes, "send_notification", fails)
        daemon.tick(outcomes_sensor)
    assert "not notified: SNS is away" in daemon.said
    daemon.tick(outcomes_sensor)
    assert [one.kind for one in sent] == ["succeeded"]


def test_runs_of_other_projects_are_ignored(daemon: Daemon, sent: list[Notification]) -> None:
    """Runs without a partition of ours are not notified."""
    for name in ("", "somebody-elses"):
        daemon.set(daemon.add(name), dg.DagsterRunStatus.FAILURE)
    daemon.tick(outcomes_sensor)
    daemon.tick(outcomes_sensor)
    assert sent == []
    assert "no run has ended" in daemon.said


REPAIR = {"eks-assets/repair": "drift/x.json", "eks-assets/why": "network: changed Subnet: Tags"}


def test_each_repair_is_notified_with_its_findings(daemon: Daemon, sent: list[Notification], run: Run) -> None:
    """What was put back, and by which run; of a run that found nothing left to repair, nobody is told."""
    done = run(network, efs, **REPAIR)
    run(efs, **REPAIR)
    daemon.tick(outcomes_sensor)
    (notification,) = sent
    assert notification.kind == "drift_repaired"
    assert notification.subject == "[acme-dev] drift repaired: 1 unit"
    assert notification.event_id == f"drift_repaired/{done.run_id}"
    assert "Findings:    network: changed Subnet: Tags" in notification.lines
    assert "  network: created in 12.3 s" in notification.lines


def test_repair_that_fails_is_notified_with_what_to_do(daemon: Daemon, sent: list[Notification], run: Run) -> None:
    """As a failed deploy, with what was repaired before that."""
    run(network, certificate, **REPAIR)
    daemon.tick(outcomes_sensor)
    (notification,) = sent
    assert notification.kind == "repair_failed"
    assert notification.subject == "[acme-dev] drift was not repaired: certificate"
    text = "\n".join(notification.lines)
    assert "It is not tried again until the findings change." in text
    assert {"  add the record", "  network: created in 12.3 s"} <= set(notification.lines)


def test_repair_that_waits_for_approval_is_notified(daemon: Daemon, sent: list[Notification], run: Run) -> None:
    """Nobody else says so: a repair submits nothing."""
    waiting = run(efs, **REPAIR)
    record_outcome(daemon.instance, waiting.dagster_run, WAITING)
    daemon.tick(outcomes_sensor)
    (notification,) = sent
    assert notification.subject == "[acme-dev] drift not repaired: it waits for approval"
    assert "  eks-assets deploy acme-dev" in notification.lines
