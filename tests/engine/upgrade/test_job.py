"""The job `upgrade` on an embedded AWS: units' results on their own pages, pauses and stops, and the mails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from eks_assets.cli.upgrading import give_order
from eks_assets.engine.upgrade import start
from eks_assets.orchestration import upgrade_job
from eks_assets.orchestration.environments import Platform
from eks_assets.orchestration.run_tags import outcome_of
from eks_assets.orchestration.upgrade_job import upgrade, upgrade_config
from eks_assets.orchestration.watching import watch_runs
from resources.aws.session import Aws
from resources.config.names import topic_name
from resources.context import Context
from tests.engine.upgrade.conftest import Upgraded

pytestmark = pytest.mark.sandbox


@dataclass
class Job:
    platform: Upgraded
    instance: dg.DagsterInstance
    queue: str

    def run(self, to: str = "") -> dg.ExecuteInProcessResult:
        return upgrade.execute_in_process(
            run_config=upgrade_config(to, wait=0.0),
            partition_key="sandbox",
            resources={"platform": Platform()},
            instance=self.instance,
            raise_on_error=False,
        )

    def outcome(self) -> str | None:
        (record, *_) = self.instance.get_run_records(limit=1)
        return outcome_of(self.instance, record.dagster_run)

    def kinds(self) -> list[str]:
        """The mails' kinds, in order."""
        client = Aws(self.platform.env, as_deployer=False).client("sqs")
        kinds: list[str] = []
        while messages := client.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                kinds.append(json.loads(message["Body"])["MessageAttributes"]["kind"]["Value"])
                client.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return kinds


@pytest.fixture
def job(platform: Upgraded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    def open_own(_: Platform, name: str, progress: Any, run: dg.DagsterRun, **__: Any) -> Context:
        return Context.of(platform.env, progress, run_id=run.run_id)

    monkeypatch.setattr(Platform, "open", open_own)
    monkeypatch.setattr(upgrade_job, "load_registry", platform.registry)
    monkeypatch.setattr(start, "_judge", lambda _: platform.judge)
    admin = Aws(platform.env, as_deployer=False)
    sns, sqs = admin.client("sns"), admin.client("sqs")
    topic = sns.create_topic(Name=topic_name(platform.env))["TopicArn"]
    queue = sqs.create_queue(QueueName=f"mails-{platform.env.target_env}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("environments", ["sandbox"])
        yield Job(platform, instance, queue)


def test_pages_pause_and_mails(job: Job) -> None:
    """A run that is paused ends well, and says so in its outcome; the next one goes on; each step is one mail."""
    job.platform.want("1.35")

    def pause_in_the_bake(line: str) -> None:
        if line == "1.35: bake":
            give_order(job.platform.context(), "paused")

    with watch_runs(pause_in_the_bake) as watch:
        assert job.run().success
    assert (watch.result, job.outcome()) == ("paused", "paused")
    assert job.platform.nodes == "1.34"
    give_order(job.platform.context(), "resumed")
    with watch_runs(lambda _: None) as watch:
        result = job.run("1.35")
    assert (result.success, watch.result, job.outcome()) == (True, "done", None)
    pages = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}
    assert pages == {"workers"}
    steps = ["upgrade_step_ended"] * 8
    assert job.kinds() == ["upgrade_started", *steps[:4], "upgrade_ended", *steps[4:], "upgrade_ended"]


def test_another_version_than_the_files_is_refused(job: Job) -> None:
    job.platform.want("1.35")
    result = job.run("1.36")
    assert not result.success
    assert job.platform.version == "1.34"
