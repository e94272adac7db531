"""Fields of a ClusterConfig that change nothing here: the file stays valid, and a warning says what is so instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from eks_assets.units import load_registry
from resources.config.loader import check_environment_file, load_environment
from resources.config.problems import Problem

UNITS = load_registry().by_name
HEAD = """\
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: {name: '${CLUSTER_NAME}', region: us-west-2}
"""
EFS = "{name: aws-efs-csi-driver, useDefaultPodIdentityAssociations: true}"
EBS = "{name: aws-ebs-csi-driver, useDefaultPodIdentityAssociations: true}"


def problems_of(folder: Path, group: str = "", ebs: str = EBS, more: str = "") -> list[Problem]:
    """What is said of a ClusterConfig whose node group has further fields, and of the driver of its volumes."""
    (folder / "clusters/sandbox.yaml").write_text(
        f"{HEAD}addons: [{EFS}, {ebs}]\n{more}\n"
        f"managedNodeGroups: [{{name: system, instanceType: m7i.large, {group}}}]\n"
    )
    return check_environment_file(folder / "sandbox.yaml", UNITS)


@pytest.mark.parametrize(
    ("group", "path", "words"),
    [
        ("iam: {withAddonPolicies: {xRay: true}}", "iam.withAddonPolicies.xRay", "AWSXRayDaemonWriteAccess"),
        ("iam: {withAddonPolicies: {xray: true}}", "iam.withAddonPolicies.xray", "iam.podIdentityAssociations"),
        ("iam: {withAddonPolicies: {imageBuilder: true}}", "iam.withAddonPolicies.imageBuilder", "PowerUser"),
        ("iam: {withAddonPolicies: {appMesh: true}}", "iam.withAddonPolicies.appMesh", "AWS ended App Mesh"),
        ("ssh: {allow: true}", "ssh", "for SSH write publicKeyName"),
        ("ssh: {allow: true, enableSsm: true}", "ssh", "opens nothing here"),
        ("propagateASGTags: true", "propagateASGTags", "asks EKS for the labels and taints"),
    ],
)
def test_a_group_keeps_what_changes_nothing(folder: Path, group: str, path: str, words: str) -> None:
    """One warning, at the field; nobody gets a right or an open port by it."""
    (problem,) = problems_of(folder, group)
    assert problem.warning
    assert problem.path == f"managedNodeGroups[0].{path}"
    assert words in problem.message
    assert load_environment(folder / "sandbox.yaml").cluster.managed_node_groups[0].ssh.allow is False


@pytest.mark.parametrize(
    ("group", "path"),
    [
        ("iam: {withAddonPolicies: {xRay: 1}}", "iam.withAddonPolicies.xRay"),
        ("iam: {withAddonPolicies: {autoscaler: true}}", "iam.withAddonPolicies.autoscaler"),
        ("ssh: {allow: true, publicKeyPath: ~/.ssh/id_rsa.pub}", "ssh.publicKeyPath"),
        ("propagateASGTags: 'true'", "propagateASGTags"),
    ],
)
def test_what_would_be_missed_is_refused(folder: Path, group: str, path: str) -> None:
    """A right that somebody needs in other capitals, a key that somebody counts on, a value of the wrong kind."""
    faults = [problem for problem in problems_of(folder, group) if not problem.warning]
    assert [problem.path for problem in faults] == [f"managedNodeGroups[0].{path}"]


def test_an_addon_keeps_the_namespace_of_its_role(folder: Path) -> None:
    """EKS knows it; the role is as without it."""
    account = "serviceAccountName: ebs-csi-controller-sa, wellKnownPolicies: {ebsCSIController: true}"
    ebs = f"{{name: aws-ebs-csi-driver, podIdentityAssociations: [{{namespace: kube-system, {account}}}]}}"
    (problem,) = problems_of(folder, ebs=ebs)
    assert problem.warning
    assert problem.path == "addons[1].podIdentityAssociations[0].namespace"
    addon = load_environment(folder / "sandbox.yaml").cluster.addons[1]
    assert [role.service_account_name for role in addon.associations] == ["ebs-csi-controller-sa"]


def test_a_mapping_of_nobody_lets_nobody_in(folder: Path) -> None:
    """What a template leaves behind is no reason to stop; beside one that is somebody, it is a fault of that list."""
    (problem,) = problems_of(folder, more="iamIdentityMappings: [{arn: }]")
    assert problem.warning
    assert problem.path == "iamIdentityMappings"
    assert load_environment(folder / "sandbox.yaml").cluster.iam_identity_mappings == ()
    role = "{arn: arn:aws:iam::000000000000:role/developers, groups: [developers]}"
    faults = problems_of(folder, more=f"iamIdentityMappings: [{role}, {{arn: }}]")
    assert [(fault.path, fault.warning) for fault in faults] == [("iamIdentityMappings[1].arn", False)]


def test_taints_as_unmanaged_groups_have_them(folder: Path) -> None:
    """A value may be empty, and hold what a value holds."""
    assert problems_of(folder, "taints: {dedicated: 'worker:PreferNoSchedule', free: ':PreferNoSchedule'}") == []
    (group,) = load_environment(folder / "sandbox.yaml").cluster.managed_node_groups
    assert [(taint.key, taint.value, taint.effect) for taint in group.taints] == [
        ("dedicated", "worker", "PreferNoSchedule"),
        ("free", "", "PreferNoSchedule"),
    ]
