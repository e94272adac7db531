"""A rollback and a destroy that are killed around each change of a stack and a parameter. On an embedded AWS."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from eks_assets.engine.rollback import find_target, plan_rollback
from eks_assets.engine.rollback_run import run_rollback
from eks_assets.engine.runner import run_unit
from eks_assets.engine.teardown.removal import destroy_environment
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Environment, Roles
from resources.context import Context
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter, Stack
from resources.records.change_entry import list_entries
from resources.records.launch import leave_parents_launch
from resources.records.validations import record_validation
from tests.helpers.embedded_aws_server import resource
from tests.helpers.embedded_gate import gate_account
from tests.helpers.kills import Points, install

pytestmark = pytest.mark.sandbox
NUMBERS = itertools.count()
UNITS = {"queue", "parameter"}


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")):
        yield


def registry_of(value: int) -> Registry:
    """A stack with a protected queue, and a parameter after it."""

    @unit(wave="network")
    def queue(env: Environment) -> Stack[NoOutputs]:
        """A queue."""
        made = resource("SQS::Queue", QueueName=f"{env.target_env}-q", VisibilityTimeout=value)
        return Stack[NoOutputs](template={"Resources": {"Queue": made}}, protected=True)

    @unit(wave="cluster", after=[queue])
    def parameter(env: Environment) -> Parameter[NoOutputs]:
        """A parameter."""
        return Parameter[NoOutputs](name=env.parameter_path("one"), value=str(value))

    return Registry.of([queue, parameter])


def deploy(env: Environment, value: int, run: str) -> None:
    registry = registry_of(value)
    for each in registry.units:
        run_unit(registry, each, Context.of(env, run_id=run))
    record_validation(Context.of(env), run, () if value == 1 else ("bad",))


def roll_back(context: Context) -> None:
    registry = registry_of(2)
    plan = plan_rollback(registry, context, find_target(context, None), None)
    assert all(end.is_good for end in run_rollback(registry, context, plan, "arn:aws:iam::000000000000:user/pat"))


def destroy(context: Context) -> None:
    assert destroy_environment(registry_of(2), context, delete_data=True).is_complete


def deploy_again(context: Context) -> None:
    deploy(context.env, 2, "second")


VERBS = {"rollback": roll_back, "destroy": destroy, "deploy": deploy_again}


def act(verb: str, env: Environment, points: Path, units: str, phases: str, state: str) -> None:
    """In a process of its own, alone in its process group."""
    os.environ["EKS_ASSETS_SANDBOX_DIR"] = state
    os.setpgrp()
    leave_parents_launch()
    install(Points(points, units, phases))
    VERBS[verb](Context.of(env, run_id=verb))


def run_killed(verb: str, env: Environment, points: Path, units: str, phases: str) -> int:
    """Its exit code."""
    points.touch()
    # Forked from a process that has imported everything: a kill takes a second less.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    process = processes.Process(
        target=act, args=(verb, env, points, units, phases, os.environ["EKS_ASSETS_SANDBOX_DIR"])
    )
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def kill_and_repeat(verb: str, env: Environment, points: Path, phases: str) -> list[str]:
    """The points at which it was killed, until it ended well."""
    while (code := run_killed(verb, env, points, "all", phases)) == -signal.SIGKILL:
        pass
    assert code == 0
    return points.read_text().splitlines()


def live(env: Environment) -> tuple[list[str], list[str]]:
    """The stacks and the parameters of the environment, but for bootstrap's, with what is in them."""
    aws = Context.of(env).aws
    stacks = [stack["StackName"] for stack in aws.client("cloudformation").describe_stacks()["Stacks"]]
    sqs = aws.client("sqs")
    queues = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"]
        for url in sqs.list_queues(QueueNamePrefix=f"{env.target_env}-q").get("QueueUrls", [])
    ]
    path = env.parameter_path("one")
    parameters = aws.client("ssm").get_parameters(Names=[path])["Parameters"]
    own = [name for name in stacks if name.startswith(f"{env.resource_prefix}-") and "bootstrap" not in name]
    return own, [*queues, *(each["Value"] for each in parameters)]


@pytest.mark.parametrize(
    "phases", ["alternate", *(pytest.param(f"before,{phase}", marks=pytest.mark.long) for phase in ("middle", "after"))]
)
@pytest.mark.parametrize("verb", ["rollback", "destroy"])
def test_killed_run_ends_where_a_whole_one_would(
    sandbox_env: Environment, account: None, tmp_path: Path, verb: str, phases: str
) -> None:
    env = sandbox_env.model_copy(update={"target_env": f"k{next(NUMBERS)}", "roles": Roles()})
    apply_bootstrap(env)
    deploy(env, 1, "first")
    deploy(env, 2, "second")
    points = kill_and_repeat(verb, env, tmp_path / "points", phases)
    assert {point.split()[0] for point in points} >= UNITS, points
    assert live(env) == ((["demo-" + env.target_env + "-queue"], ["1", "1"]) if verb == "rollback" else ([], []))
    before = len(list_entries(Context.of(env)))
    VERBS[verb](Context.of(env, run_id="again"))
    assert len(list_entries(Context.of(env))) == before, "something was left to do"


@pytest.mark.parametrize("is_continued", [False, True])
def test_what_a_killed_deploy_did_not_record_is_rolled_back(
    sandbox_env: Environment, account: None, tmp_path: Path, is_continued: bool
) -> None:
    """Killed between a change and its entry, whether or not another deploy has found nothing to do since."""
    env = sandbox_env.model_copy(update={"target_env": f"k{next(NUMBERS)}", "roles": Roles()})
    apply_bootstrap(env)
    deploy(env, 1, "first")
    run_killed("deploy", env, tmp_path / "points", "parameter", "after")
    assert live(env)[1] == ["2", "2"]
    if is_continued:
        deploy(env, 2, "second")
    roll_back(Context.of(env, run_id="back"))
    assert live(env)[1] == ["1", "1"]
