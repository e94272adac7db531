"""The versions that EKS offers, and where a control plane is, on an embedded AWS of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from eks_assets.units.cluster.control_plane_lookup import ControlPlaneOutputs
from eks_assets.units.cluster.version_lookup import VersionOutputs
from resources.config.environment import Environment
from resources.drivers.read_only import LookupDriver
from resources.model.errors import ConfigError, NotFound, OperationFailed
from resources.model.specs import Lookup
from tests.drivers.stack.embedded_stacks import Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import cluster, node_group, prepare, resource

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


@pytest.fixture(scope="module")
def values(stacks: Stacks) -> dict[str, Any]:
    return prepare(stacks.server)


def version_of_cluster(stacks: Stacks) -> str:
    """Empty where no test has made it yet."""
    eks = stacks.context.aws.client("eks")
    return eks.describe_cluster(name="demo")["cluster"]["version"] if eks.list_clusters()["clusters"] else ""


def offered(stacks: Stacks, kubernetes: str, addons: str, images: str = "") -> VersionOutputs:
    query = {"kubernetes": kubernetes, "addons": addons, "images": images}
    observed = LookupDriver().observe(Lookup[VersionOutputs](kind="eks_versions", query=query), stacks.context)
    assert observed is not None
    assert isinstance(observed.outputs, VersionOutputs)
    return observed.outputs


def test_default_and_newest_version_are_those_of_the_kubernetes_version(stacks: Stacks) -> None:
    before = offered(stacks, "1.34", "coredns=default,vpc-cni=latest", "AL2023_x86_64_STANDARD")
    after = offered(stacks, "1.35", "coredns=default,vpc-cni=latest", "AL2023_x86_64_STANDARD")
    assert before.of_addon("coredns") == "v1.12.4-eksbuild.1"
    assert after.of_addon("coredns") == "v1.13.1-eksbuild.1"
    assert before.of_addon("vpc-cni") == after.of_addon("vpc-cni") == "v1.21.1-eksbuild.1"
    assert before.of_nodes("AL2023_x86_64_STANDARD").startswith("1.34.")
    assert after.of_nodes("AL2023_x86_64_STANDARD").startswith("1.35.")


def test_pinned_version_is_taken_with_and_without_its_v(stacks: Stacks) -> None:
    assert offered(stacks, "1.34", "vpc-cni=1.20.4-eksbuild.2").of_addon("vpc-cni") == "v1.20.4-eksbuild.2"


def test_what_aws_does_not_offer_is_refused_with_what_it_offers(stacks: Stacks) -> None:
    with pytest.raises(ConfigError, match=r"no version v9\.9\.9-eksbuild\.1 of the add-on vpc-cni.*v1\.21\.1-eksbuild"):
        offered(stacks, "1.34", "vpc-cni=v9.9.9-eksbuild.1")
    with pytest.raises(NotFound, match=r"newest image AL2023_x86_64_STANDARD of Kubernetes 1\.20"):
        offered(stacks, "1.20", "", "AL2023_x86_64_STANDARD")


def test_add_on_and_nodes_follow_the_cluster_to_its_next_version(stacks: Stacks, values: dict[str, Any]) -> None:
    """The stacks of before kept them at their first version: their templates were the same for 1.34 and 1.35."""

    def deploy(kubernetes: str) -> None:
        versions = offered(stacks, kubernetes, "coredns=default", "AL2023_x86_64_STANDARD")
        stacks.deploy(stacks.spec({"Cluster": cluster("demo", values, Version=kubernetes)}))
        addon = resource(
            "EKS::Addon", ClusterName="demo", AddonName="coredns", AddonVersion=versions.of_addon("coredns")
        )
        of_types = {"ReleaseVersion": versions.of_nodes("AL2023_x86_64_STANDARD"), "Version": kubernetes}
        rest = stacks.spec({"Coredns": addon, "Group": node_group(values, **of_types)})
        stacks.deploy(rest.model_copy(update={"name": "demo-sandbox-irsa-roles"}))

    for kubernetes in ("1.34", "1.35"):
        deploy(kubernetes)
    eks = stacks.context.aws.client("eks")
    live = eks.describe_addon(clusterName="demo", addonName="coredns")["addon"]
    group = eks.describe_nodegroup(clusterName="demo", nodegroupName="workers")["nodegroup"]
    assert live["addonVersion"] == "v1.13.1-eksbuild.1"
    assert group["releaseVersion"].startswith("1.35.")


def test_control_plane_keeps_the_zones_of_its_creation(stacks: Stacks, values: dict[str, Any]) -> None:
    """EKS refuses others, after the network has changed; what is looked up keeps the cluster where it is."""
    query = Lookup[ControlPlaneOutputs](kind="control_plane", query={"cluster": "demo"})

    def live() -> ControlPlaneOutputs:
        observed = LookupDriver().observe(query, stacks.context)
        assert observed is not None
        assert isinstance(observed.outputs, ControlPlaneOutputs)
        return observed.outputs

    kubernetes = version_of_cluster(stacks) or "1.34"
    stacks.deploy(stacks.spec({"Cluster": cluster("demo", values, Version=kubernetes)}))
    assert set(live().subnet_ids) == {values["A"], values["B"]}
    vpc = stacks.context.aws.client("ec2").describe_subnets(SubnetIds=[values["A"]])["Subnets"][0]["VpcId"]
    new = stacks.context.aws.client("ec2").create_subnet(
        VpcId=vpc, CidrBlock="10.0.250.0/24", AvailabilityZone=f"{stacks.env.region}d"
    )
    network = {"SubnetIds": [values["A"], values["B"], new["Subnet"]["SubnetId"]]}
    with pytest.raises(OperationFailed, match="exact set of AZs"):
        stacks.deploy(stacks.spec({"Cluster": cluster("demo", values, Version=kubernetes, ResourcesVpcConfig=network)}))
