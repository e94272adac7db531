"""What EKS takes in two steps only, on the embedded EKS, which refuses it in one as EKS does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from resources.config.environment import Environment
from resources.model.errors import OperationFailed, Refused
from tests.drivers.stack.embedded_stacks import STACK, Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import cluster, node_group, prepare

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import ClusterTypeDef

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


@pytest.fixture(scope="module")
def values(stacks: Stacks) -> dict[str, Any]:
    return prepare(stacks.server)


@pytest.fixture(autouse=True)
def no_stack(stacks: Stacks) -> None:
    eks = stacks.context.aws.client("eks")
    if eks.list_clusters()["clusters"] and live_cluster(stacks)["deletionProtection"]:
        eks.update_cluster_config(name="demo", deletionProtection=False)
    stacks.remove()


def live_cluster(stacks: Stacks) -> ClusterTypeDef:
    return stacks.context.aws.client("eks").describe_cluster(name="demo")["cluster"]


def updates(stacks: Stacks) -> int:
    return stacks.events().count(f"{STACK} UPDATE_COMPLETE")


def test_version_changes_after_everything_else(stacks: Stacks, values: dict[str, Any]) -> None:
    """Settings and tags change first, the version in a second update."""
    stacks.deploy(stacks.spec({"Cluster": cluster("demo", values)}))
    changed = cluster("demo", values, Version="1.35", UpgradePolicy={"SupportType": "EXTENDED"})
    spec = stacks.spec({"Cluster": changed}, tags={"team": "a"})
    assert stacks.preview(spec).disrupts == ("control plane is upgraded from 1.34 to 1.35",)
    stacks.deploy(spec)
    assert (live_cluster(stacks)["version"], live_cluster(stacks)["upgradePolicy"]) == (
        "1.35",
        {"supportType": "EXTENDED"},
    )
    assert updates(stacks) == 2
    assert stacks.plan(spec).action == "none"


def test_version_alone_is_one_update(stacks: Stacks, values: dict[str, Any]) -> None:
    """Without other changes there is one update."""
    stacks.deploy(stacks.spec({"Cluster": cluster("demo", values)}))
    stacks.deploy(stacks.spec({"Cluster": cluster("demo", values, Version="1.35")}))
    assert updates(stacks) == 1


@pytest.mark.parametrize(("version", "words"), [("1.33", "1.33 is lower"), ("1.36", "one minor at a time")])
def test_downgrade_and_skipped_minor_are_refused(
    stacks: Stacks, values: dict[str, Any], version: str, words: str
) -> None:
    """A plan refuses what EKS would refuse."""
    stacks.deploy(stacks.spec({"Cluster": cluster("demo", values)}))
    with pytest.raises(Refused, match=words):
        stacks.plan(
            stacks.spec({"Cluster": cluster("demo", values, Version=version, Tags=[{"Key": "a", "Value": "b"}])})
        )


def test_node_group_gets_its_version_after_its_labels(stacks: Stacks, values: dict[str, Any]) -> None:
    """Labels change first, the version in a second update."""
    group = {**node_group(values, Version="1.34"), "DependsOn": "Cluster"}
    stacks.deploy(stacks.spec({"Cluster": cluster("demo", values), "Group": group}))
    both = cluster("demo", values, Version="1.35")
    stacks.deploy(stacks.spec({"Cluster": both, "Group": group}))
    moved = {**node_group(values, Version="1.35", Labels={"team": "b"}), "DependsOn": "Cluster"}
    spec = stacks.spec({"Cluster": both, "Group": moved})
    assert "nodes of node group workers are replaced" in stacks.preview(spec).disrupts
    stacks.deploy(spec)
    live_group = stacks.context.aws.client("eks").describe_nodegroup(clusterName="demo", nodegroupName="workers")[
        "nodegroup"
    ]
    assert (live_group["version"], live_group["labels"]) == ("1.35", {"team": "b"})


def test_failed_upgrade_is_kept_and_next_deploy_continues(stacks: Stacks, values: dict[str, Any]) -> None:
    """A failed upgrade is not rolled back; the next deploys finish it."""
    old = {**node_group(values, Version="1.32"), "DependsOn": "Cluster"}
    stacks.deploy(stacks.spec({"Cluster": cluster("demo", values, Version="1.35"), "Group": old}))
    upgraded = cluster("demo", values, Version="1.36")
    with pytest.raises(OperationFailed, match=r"UPDATE_FAILED.*must be updated before the cluster"):
        stacks.deploy(stacks.spec({"Cluster": upgraded, "Group": old}))
    newer = {**node_group(values, Version="1.35"), "DependsOn": "Cluster"}
    stacks.deploy(stacks.spec({"Cluster": cluster("demo", values, Version="1.35"), "Group": newer}))
    stacks.deploy(stacks.spec({"Cluster": upgraded, "Group": newer}))
    assert live_cluster(stacks)["version"] == "1.36"


def test_cluster_is_protected_after_creation(stacks: Stacks, values: dict[str, Any]) -> None:
    """Deletion protection is switched on after the cluster exists."""
    spec = stacks.spec({"Cluster": cluster("demo", values, DeletionProtection=True)})
    stacks.deploy(spec)
    assert live_cluster(stacks)["deletionProtection"] is True
    created = stacks.events().index(f"{STACK} CREATE_COMPLETE")
    assert "Cluster UPDATE_COMPLETE" in stacks.events()[created:]
    assert stacks.plan(spec).action == "none"
