"""A unit made in a test, run as Dagster runs it: `dg.materialize` on the sandbox."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from eks_assets.orchestration.assets import asset_for
from eks_assets.orchestration.environments import Platform
from resources.approval import record, store
from resources.aws.session import Aws
from resources.config.environment import Approval, Environment
from resources.context import Context
from resources.drivers.helm.storage import newest_release
from resources.drivers.programs import program, run
from resources.kubernetes.objects import read
from sandbox.paths import StateDirectory

from .gate import PEOPLE, Gate
from .git_repository import Deployer, Repository, serving
from .releases import NAMESPACE

Materialize = Callable[[AnyUnit], dg.ExecuteInProcessResult]


@pytest.fixture
def materialize() -> Materialize:
    """Materializes one unit for the environment `sandbox`; failures come back as the result, not as exceptions."""

    def run(unit: AnyUnit) -> dg.ExecuteInProcessResult:
        with dg.instance_for_test() as instance:
            instance.add_dynamic_partitions("environments", ["sandbox"])
            return dg.materialize(
                [asset_for(unit, Registry.of([unit]))],
                partition_key="sandbox",
                resources={"platform": Platform()},
                instance=instance,
                raise_on_error=False,
            )

    return run


@pytest.fixture
def admin(account: Environment) -> Aws:
    """The account's administrator, who did things by hand before the pipeline came."""
    return Aws(account, as_deployer=False)


@pytest.fixture
def release_namespace(platform: Environment, context: Context) -> Iterator[str]:
    """A namespace of the deployed cluster that holds no release before and after a test."""
    yield NAMESPACE
    if newest_release(context, NAMESPACE, NAMESPACE) is not None:
        extra = {"KUBECONFIG": str(context.cluster.kubeconfig)}
        argv = [program("helm", context.env), "uninstall", NAMESPACE, "--namespace", NAMESPACE, "--wait"]
        run(argv, extra_env=extra, cwd=context.aws.folder, timeout=60)


@pytest.fixture
def kubectl(context: Context) -> Any:
    """Runs kubectl on the environment's cluster, as a person does."""

    def call(*arguments: str) -> str:
        extra = {"KUBECONFIG": str(context.cluster.kubeconfig)}
        return run([program("kubectl", context.env), *arguments], extra_env=extra, cwd=context.aws.folder, timeout=60)

    return call


def expire(table: Any) -> None:
    """Let time pass, as if the holder had died and not renewed."""
    table.update_item(
        Key={"environment": "sandbox"},
        UpdateExpression="SET #until = :past",
        ExpressionAttributeNames={"#until": "until"},
        ExpressionAttributeValues={":past": "2020-01-01T00:00:00.000+00:00"},
    )


def remove(context: Context, obj: Mapping[str, Any]) -> None:
    """Delete an object and wait until it is gone; one that does not exist is gone."""
    kinds = context.cluster.api.resources.get(api_version=obj["apiVersion"], kind=obj["kind"])
    name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace")
    if read(context.cluster, obj) is not None:
        kinds.delete(name=name, namespace=namespace)
    deadline = time.monotonic() + 30
    while read(context.cluster, obj) is not None:
        assert time.monotonic() < deadline, f"{name} is still there"
        time.sleep(0.1)


def shown(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    """The metadata of the materialization of an asset, as plain values."""
    events = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(name)]
    assert events, failure(result)
    return {key: value.value for key, value in events[0].materialization.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """The words of the step that failed."""
    data = result.get_step_failure_events()[0].step_failure_data
    assert data.user_failure_data is not None, data.error
    return str(data.user_failure_data.description)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str | None]]:
    """Whether each check passed, and what it saw."""
    return {e.check_name: (e.passed, e.description) for e in result.get_asset_check_evaluations()}


@pytest.fixture
def repository(tmp_path: Path, sandbox: StateDirectory) -> Iterator[Repository]:
    """An application repository of the test's own, for the user whose token is in the embedded Secrets Manager."""
    with serving(tmp_path / "host", sandbox.git / "credentials.json") as served:
        yield served


@pytest.fixture
def deploy(account: Environment, repository: Repository) -> Deployer:
    """Runs the GitTree driver on that repository."""
    return Deployer(account, repository)


@pytest.fixture
def gate(account: Environment, request: pytest.FixtureRequest) -> Iterator[Gate]:
    """A gate of the test's own: what other tests asked for or granted in the account does not count in it."""
    approval = Approval(before="applications", approvers=2, allow=PEOPLE)
    name = request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")[:60]
    found = Gate(account.model_copy(update={"approval": approval}), name)
    yield found
    for asked in store.list_requests(found.context(), 48):
        store.record_use(found.context(), asked, record.ALL_UNITS, "done")
