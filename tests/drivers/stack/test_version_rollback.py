"""A cluster's Kubernetes version goes back one minor, and the stack with it, without EKS changing twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.drivers.stack import version_rollback
from resources.model.errors import OperationFailed, PipelineError, Refused
from resources.model.specs import Stack
from tests.drivers.stack.embedded_stacks import Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import cluster, prepare

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("version-rollback")) as made:
        yield made


@pytest.fixture(scope="module")
def values(stacks: Stacks) -> dict[str, Any]:
    """A network and roles."""
    return prepare(stacks.server)


@pytest.fixture(autouse=True)
def no_stack(stacks: Stacks) -> None:
    stacks.remove()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_rollback, "_INTERVAL", 0.1)


def spec_of(stacks: Stacks, values: dict[str, Any], version: str, **changes: Any) -> Stack[Any]:
    spec = stacks.spec({"Cluster": cluster("back", values, Version=version, **changes)})
    return spec.model_copy(update={"lowers_version": True})


@pytest.fixture
def upgraded(stacks: Stacks, values: dict[str, Any]) -> Stacks:
    """A cluster that has just gone from 1.34 to 1.35."""
    for version in ("1.34", "1.35"):
        stacks.deploy(spec_of(stacks, values, version))
    return stacks


def version_of(stacks: Stacks) -> str:
    return str(stacks.context.aws.client("eks").describe_cluster(name="back")["cluster"]["version"])


def updates_of(stacks: Stacks) -> int:
    return len(stacks.context.aws.client("eks").list_updates(name="back")["updateIds"])


def test_version_goes_back_and_the_stack_says_so(upgraded: Stacks, values: dict[str, Any]) -> None:
    before = updates_of(upgraded)
    upgraded.deploy(spec_of(upgraded, values, "1.34"))
    assert version_of(upgraded) == "1.34"
    assert updates_of(upgraded) == before + 1, "EKS was changed once"
    assert upgraded.plan(spec_of(upgraded, values, "1.34")).action == "none"


def test_killed_before_the_stack_was_told_it_continues(upgraded: Stacks, values: dict[str, Any]) -> None:
    upgraded.context.aws.client("eks").update_cluster_version(name="back", version="1.34")
    before = updates_of(upgraded)
    upgraded.deploy(spec_of(upgraded, values, "1.34"))
    assert (version_of(upgraded), updates_of(upgraded)) == ("1.34", before)
    assert upgraded.plan(spec_of(upgraded, values, "1.34")).action == "none"


def test_other_changes_of_the_cluster_stop_it(upgraded: Stacks, values: dict[str, Any]) -> None:
    """The change set would change EKS: it says so, and is not executed."""
    events = upgraded.events()
    logging = {"ClusterLogging": {"EnabledTypes": [{"Type": "api"}]}}
    with pytest.raises(OperationFailed, match="would change more of it: Logging"):
        upgraded.deploy(spec_of(upgraded, values, "1.34", Logging=logging))
    assert upgraded.events() == events


def test_two_versions_or_a_deploy_do_not_go_back(upgraded: Stacks, values: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"1.33 is lower"):
        upgraded.plan(spec_of(upgraded, values, "1.33"))
    plain = spec_of(upgraded, values, "1.34").model_copy(update={"lowers_version": False})
    with pytest.raises(Refused, match=r"1.34 is lower"):
        upgraded.plan(plain)


def test_what_eks_refuses_is_said_with_its_words(stacks: Stacks, values: dict[str, Any]) -> None:
    """A cluster that was made with its version was never upgraded."""
    stacks.deploy(spec_of(stacks, values, "1.35"))
    with pytest.raises(PipelineError, match="a cluster can only return to the version it was upgraded from"):
        stacks.deploy(spec_of(stacks, values, "1.34"))
    assert version_of(stacks) == "1.35"
