"""The job `drift` on an embedded AWS: a check a unit, the record in the ledger, and each mail once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from eks_assets.engine.drift import detection as drift
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from eks_assets.orchestration.assets import asset_for
from eks_assets.orchestration.code_location import CodeLocation
from eks_assets.orchestration.drift_checks import build_drift, build_drift_checks
from eks_assets.orchestration.environments import Platform
from eks_assets.orchestration.run_tags import REPAIR_TAG
from resources.aws.session import Aws
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Environment
from resources.config.names import topic_name
from resources.context import Context
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter
from resources.records.clock import server_time
from resources.records.drift_runs import DriftRun, last_drift_run
from tests.helpers.embedded_gate import gate_account
from tests.helpers.materialization import failure, shown


@unit(wave="network")
def first(env: Environment) -> Parameter[NoOutputs]:
    """A parameter that somebody changes."""
    return Parameter[NoOutputs](name=env.parameter_path("efs/file-system-id"), value="fs-1")


@unit(wave="network")
def second(env: Environment) -> Parameter[NoOutputs]:
    """A parameter that stays."""
    return Parameter[NoOutputs](name=env.parameter_path("acm/certificate-arn"), value="arn")


REGISTRY = Registry.of([first, second])


@dataclass
class World:
    """The environment `sandbox` with its topic and both parameters, and a queue that gets the mails."""

    env: Environment
    instance: dg.DagsterInstance
    queue: str = ""

    def admin(self) -> Aws:
        return Aws(self.env, as_deployer=False)

    def put(self, name: str, value: str) -> None:
        path = self.env.parameter_path(name)
        self.admin().client("ssm").put_parameter(Name=path, Value=value, Type="String", Overwrite=True)

    def run(self) -> dg.ExecuteInProcessResult:
        """One run of the job, as a process of its own would make it: it knows nothing of the one before."""
        result = dg.materialize(
            [build_drift(REGISTRY, CodeLocation())],
            partition_key="sandbox",
            resources={"platform": Platform()},
            instance=self.instance,
            raise_on_error=False,
        )
        assert result.success, failure(result)
        return result

    def deploy(self, **tags: str) -> dg.ExecuteInProcessResult:
        """A run that deploys the first parameter."""
        return dg.materialize(
            [asset_for(first, REGISTRY, CodeLocation())],
            partition_key="sandbox",
            resources={"platform": Platform()},
            instance=self.instance,
            raise_on_error=False,
            tags=tags,
        )

    def record(self) -> DriftRun:
        return self.newest()[1]

    def newest(self) -> tuple[str, DriftRun]:
        last = last_drift_run(Context.of(self.env))
        assert last is not None
        return last

    def mails(self) -> list[str]:
        """The subjects that came since the last look."""
        sqs = self.admin().client("sqs")
        subjects: list[str] = []
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                subjects.append(json.loads(message["Body"])["Subject"])
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return subjects


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sandbox_env: Environment) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("embedded-aws")
    with (
        gate_account(sandbox_env.region, folder),
        dg.instance_for_test() as instance,
        pytest.MonkeyPatch.context() as p,
    ):
        p.setattr(drift, "UNDECLARED", {})  # there is no cluster in which anything could be
        apply_bootstrap(sandbox_env)
        world = World(sandbox_env, instance)
        world.instance.add_dynamic_partitions("environments", ["sandbox"])
        sqs = world.admin().client("sqs")
        world.queue = sqs.create_queue(QueueName="reader")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=world.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        who = {"Service": "sns.amazonaws.com"}
        allowed = {"Effect": "Allow", "Principal": who, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        sqs.set_queue_attributes(QueueUrl=world.queue, Attributes={"Policy": policy})
        sns = world.admin().client("sns")
        topic = sns.create_topic(Name=topic_name(sandbox_env))["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        world.put("efs/file-system-id", "fs-1")
        world.put("acm/certificate-arn", "arn")
        world.mails()
        yield world


def results(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str, str]]:
    """Of each unit's check whether it passed, its severity and its first words."""
    evaluations = result.get_asset_check_evaluations()
    assert {(e.check_name, e.partition) for e in evaluations} == {("drift", "sandbox")}
    return {
        e.asset_key.to_user_string(): (e.passed, e.severity.value, str(e.description).partition(":")[0])
        for e in evaluations
    }


def test_new_findings_are_shown_kept_and_told_once(world: World) -> None:
    """In sync; then somebody changes a value, which the check shows and a mail tells once; then it is put back."""
    for name in ("first", "second"):
        world.instance.report_runless_asset_event(dg.AssetMaterialization(name, partition="sandbox"))
    clean = world.run()
    keys = [dg.AssetCheckKey(dg.AssetKey(name), "drift") for name in ("first", "second")]
    checked = world.instance.event_log_storage.get_asset_check_partition_info(keys)
    assert [(info.partition_key, info.is_current) for info in checked] == [("sandbox", True)] * 2
    assert results(clean) == {unit: (True, "WARN", "in sync in sandbox") for unit in ("first", "second")}
    assert (world.record().findings, world.mails()) == ((), [])

    world.put("efs/file-system-id", "fs-2")
    drifted = world.run()
    assert results(drifted)["first"] == (False, "ERROR", "1 finding")
    assert results(drifted)["second"][0] is True
    (evaluation,) = [e for e in drifted.get_asset_check_evaluations() if not e.passed]
    assert "fs-2" in str(evaluation.metadata["findings"].value)
    assert shown(drifted, "drift")["result"].startswith("1 findings, 0 cannot be compared")
    (finding,) = world.record().findings
    assert (finding.unit, finding.layer, world.record().run) == ("first", "parameter", drifted.run_id)
    assert world.mails() == ["[sandbox] drift: 1 difference in 1 unit"]

    assert shown(world.run(), "drift")["notification"] == "nothing new"
    assert world.mails() == []

    world.put("efs/file-system-id", "fs-1")
    world.run()
    assert world.mails() == ["[sandbox] drift resolved"]
    world.run()
    assert world.mails() == []


def test_run_with_the_tag_of_a_drift_run_repairs_what_that_found(
    world: World, environments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the rights of the deployer, and only once it has settled and the environment's file asks for it."""
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    world.put("efs/file-system-id", "fs-0")
    assert shown(world.deploy(), "first")["result"].startswith("updated in ")
    world.put("efs/file-system-id", "fs-2")
    world.run()
    key, _ = world.newest()
    assert "first in sandbox is not repaired: auto_repair is off" in failure(world.deploy(**{REPAIR_TAG: key}))
    file = environments / "sandbox.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "drift": {"auto_repair": True}}))
    assert "it changed less than 10m ago, and settles at" in failure(world.deploy(**{REPAIR_TAG: key}))
    later = dt.timedelta(minutes=11)
    monkeypatch.setattr("eks_assets.engine.drift.repair.server_time", lambda context: server_time(context) + later)
    result = world.deploy(**{REPAIR_TAG: key})
    assert shown(result, "first")["result"].startswith("updated in ")
    world.run()
    assert world.record().open == ()
    assert world.mails() == ["[sandbox] drift: 1 difference in 1 unit", "[sandbox] drift resolved"]


def test_what_cannot_be_checked_is_no_success(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A denied read makes a warning of the unit's check, and no mail; the run does not fail."""
    deny = {"Effect": "Deny", "Action": "ssm:GetParameter", "Resource": f"*{world.env.parameter_path('acm/*')}"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam, role = world.admin().client("iam"), str(world.env.roles.planner).rpartition("/")[2]
    iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=document)
    blind = world.run()
    iam.delete_role_policy(RoleName=role, PolicyName="deny")
    assert results(blind)["second"] == (False, "WARN", "1 cannot be compared")
    assert results(blind)["first"][0] is True
    assert (world.record().unknown, world.mails()) == (1, [])


def test_environment_without_a_ledger_is_looked_at_all_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be written the run says so, with the command, and does not fail."""
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    assert world.env.roles.deployer is not None
    iam, role = world.admin().client("iam"), world.env.roles.deployer.arn.rpartition("/")[2]
    iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=document)
    result = world.run()
    iam.delete_role_policy(RoleName=role, PolicyName="deny")
    said = shown(result, "drift")["not done"]
    assert said.startswith("not kept in the ledger: ")
    assert said.endswith("eks-assets bootstrap sandbox --apply")


def test_check_by_itself_looks_at_its_unit_and_keeps_nothing(world: World) -> None:
    """As after a materialization from the UI: one unit's check, and no news for people."""
    before = world.record()

    @dg.asset(name="first")
    def made() -> None: ...

    @dg.asset(name="second")
    def other() -> None: ...

    checks = build_drift_checks(REGISTRY)
    definitions = dg.Definitions([made, other], asset_checks=[checks], resources={"platform": Platform()})
    selection: Any = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("first"), "drift"))
    job = dg.define_asset_job("one", selection=selection)
    resolved = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job])).resolve_job_def("one")
    result = resolved.execute_in_process(instance=world.instance, tags={"dagster/partition": "sandbox"})
    assert list(results(result)) == ["first"]
    assert world.record() == before

    # The Checks tab launches it without a partition.
    nowhere = resolved.execute_in_process(instance=world.instance, raise_on_error=False)
    assert failure(nowhere).startswith("drift: no environment was chosen\nNext: launch a job (drift, ")
