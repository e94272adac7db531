"""Which versions are asked for, and where the answers stand in templates."""

from __future__ import annotations

from eks_assets.units.cluster.daemon_addons import daemon_addons
from eks_assets.units.cluster.node_groups import node_groups
from eks_assets.units.cluster.version_lookup import VersionOutputs, version_lookup
from resources.config.environment import Environment
from resources.model.outputs import Pending, pending_outputs
from tests.helpers.published import CLUSTER, GROUPS, NO_CLUSTER, VPC, configured, properties_of, versions_of


def test_versions_that_the_file_leaves_open_are_asked_for(sandbox_env: Environment) -> None:
    """By add-on and image; a pinned version too, so that one that AWS does not offer is refused in the plan."""
    addons = [{"name": "coredns", "version": "v1.12.4-eksbuild.1"}, {"name": "vpc-cni", "version": "latest"}]
    groups = [{"name": "arm", "instanceType": "m7g.large"}, {"name": "pinned", "releaseVersion": "1.34.1-20260101"}]
    env = configured(sandbox_env, addons=addons, managedNodeGroups=groups, addonsConfig={"disableDefaultAddons": True})
    assert version_lookup(env).query == {
        "kubernetes": "1.34",
        "addons": "coredns=v1.12.4-eksbuild.1,eks-pod-identity-agent=default,vpc-cni=latest",
        "images": "AL2023_ARM_64_STANDARD",
    }


def test_versions_that_aws_moves_change_the_templates(sandbox_env: Environment) -> None:
    """Without a version in it a template never differs, and what it made stays at its first version for ever."""
    old = versions_of(sandbox_env)
    new = VersionOutputs(
        addon_versions=tuple(pair.replace("v1.9.0", "v1.9.1") for pair in old.addon_versions),
        node_releases=tuple(pair.replace("20261108", "20261122") for pair in old.node_releases),
    )
    addons = [properties_of(daemon_addons(sandbox_env, CLUSTER, versions), "EKS::Addon") for versions in (old, new)]
    assert [{a["AddonVersion"] for a in each} for each in addons] == [{"v1.9.0-eksbuild.1"}, {"v1.9.1-eksbuild.1"}]
    groups = [node_groups(sandbox_env, CLUSTER, NO_CLUSTER, versions, VPC, GROUPS) for versions in (old, new)]
    releases = [{g["ReleaseVersion"] for g in properties_of(spec, "EKS::Nodegroup")} for spec in groups]
    assert releases == [{"1.34.2-20261108"}, {"1.34.2-20261122"}]


def test_versions_may_be_pending() -> None:
    """Where nobody has asked AWS, a version is known after apply, as any output."""
    unknown = pending_outputs(VersionOutputs, "version_lookup")
    assert unknown.of_addon("coredns") == Pending("version_lookup", "addon_versions")
