"""The EKS add-ons, and the roles that the ClusterConfig gives them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from eks_assets.units.cluster.daemon_addons import daemon_addons
from eks_assets.units.cluster.pod_addons import pod_addons
from resources.config.environment import Environment
from tests.helpers.published import ADDON_VERSION, CLUSTER, ROLES, configured, properties_of, resources_of, versions_of

POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def with_addon(env: Environment, **fields: Any) -> Environment:
    """The environment with this add-on alone, beside the pod identity agent that it always has."""
    return configured(env, addons=[fields], addonsConfig={"disableDefaultAddons": True})


def addon_of(env: Environment, **fields: Any) -> dict[str, Any]:
    env = with_addon(env, **fields)
    (addon,) = properties_of(pod_addons(env, CLUSTER, versions_of(env), ROLES), "EKS::Addon")
    return addon


def test_daemon_addons_come_before_nodes_and_others_after(sandbox_env: Environment) -> None:
    """Add-ons that nodes need come before them, those that run as pods after them."""

    def names(spec: Any) -> set[str]:
        return {p["AddonName"] for p in properties_of(spec, "EKS::Addon")}

    before = daemon_addons(sandbox_env, CLUSTER, versions_of(sandbox_env))
    assert names(before) == {"vpc-cni", "kube-proxy", "eks-pod-identity-agent"}
    after = pod_addons(sandbox_env, CLUSTER, versions_of(sandbox_env), ROLES)
    assert names(after) == {"coredns", "metrics-server", "aws-ebs-csi-driver", "aws-efs-csi-driver"}
    assert before.parameters == {"ClusterName": "demo-sandbox-cluster"}
    assert set(after.may_replace) == set(resources_of(after, "EKS::Addon"))


def test_daemon_addons_always_hold_the_pod_identity_agent(sandbox_env: Environment) -> None:
    """The agent that our own roles need is installed whatever the config disables, except in Auto Mode."""
    bare = configured(sandbox_env, addons=[], addonsConfig={"disableDefaultAddons": True})
    (agent,) = properties_of(daemon_addons(bare, CLUSTER, versions_of(bare)), "EKS::Addon")
    assert agent["AddonName"] == "eks-pod-identity-agent"
    auto = configured(sandbox_env, autoModeConfig={"enabled": True})
    assert not daemon_addons.is_enabled(auto), "Auto Mode has the agent built in"


def test_daemon_addons_make_role_of_vpc_cni_if_asked(sandbox_env: Environment) -> None:
    """vpc-cni with default associations gets a role with AWS's CNI policy."""
    env = with_addon(sandbox_env, name="vpc-cni", useDefaultPodIdentityAssociations=True)
    spec = daemon_addons(env, CLUSTER, versions_of(env))
    cni = next(p for p in properties_of(spec, "EKS::Addon") if p["AddonName"] == "vpc-cni")
    assert cni["PodIdentityAssociations"] == [
        {"ServiceAccount": "aws-node", "RoleArn": {"Fn::GetAtt": ["VpcCniRole", "Arn"]}}
    ]
    role = resources_of(spec)["VpcCniRole"]["Properties"]
    assert role["ManagedPolicyArns"] == ["arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"]
    assert spec.may_replace == ("VpcCni", "EksPodIdentityAgent")


def test_pod_addons_get_roles_of_csi_drivers_if_asked(sandbox_env: Environment) -> None:
    """CSI drivers that ask for their default roles get those of the post-deploy wave."""
    spec = pod_addons(sandbox_env, CLUSTER, versions_of(sandbox_env), ROLES)
    addons = {p["AddonName"]: p for p in properties_of(spec, "EKS::Addon")}
    assert addons["aws-ebs-csi-driver"]["PodIdentityAssociations"] == [
        {"ServiceAccount": "ebs-csi-controller-sa", "RoleArn": {"Ref": "AwsEbsCsiDriverRoleArn"}}
    ]
    assert spec.parameters["AwsEfsCsiDriverRoleArn"] == ROLES.efs_csi_role_arn
    assert "PodIdentityAssociations" not in addons["coredns"]


def test_pod_addons_without_request_get_no_role_unless_all_do(sandbox_env: Environment) -> None:
    """An add-on that asks for no role gets one only where the config asks for all."""
    assert "PodIdentityAssociations" not in addon_of(sandbox_env, name="aws-ebs-csi-driver")
    config = {"disableDefaultAddons": True, "autoApplyPodIdentityAssociations": True}
    env = configured(sandbox_env, addons=[{"name": "aws-ebs-csi-driver"}], addonsConfig=config)
    (ebs,) = properties_of(pod_addons(env, CLUSTER, versions_of(env), ROLES), "EKS::Addon")
    assert ebs["PodIdentityAssociations"][0]["ServiceAccount"] == "ebs-csi-controller-sa"


def test_pod_addons_take_a_role_that_exists(sandbox_env: Environment) -> None:
    """A role that exists is used as the service account's role or in the association."""
    arn = "arn:aws:iam::000000000000:role/mine"
    assert addon_of(sandbox_env, name="aws-efs-csi-driver", serviceAccountRoleARN=arn)["ServiceAccountRoleArn"] == arn
    association = {"serviceAccountName": "efs-csi-controller-sa", "roleARN": arn}
    addon = addon_of(sandbox_env, name="aws-efs-csi-driver", podIdentityAssociations=[association])
    assert addon["PodIdentityAssociations"] == [{"ServiceAccount": "efs-csi-controller-sa", "RoleArn": arn}]


def test_pod_addons_make_role_that_association_describes(sandbox_env: Environment) -> None:
    """An association that lists permissions gets a new role with those, and the tags."""
    association = {
        "serviceAccountName": "s3-csi-driver-sa",
        "permissionPolicyARNs": [POLICY],
        "wellKnownPolicies": {"certManager": True},
        "tags": {"team": "data"},
    }
    env = with_addon(sandbox_env, name="aws-mountpoint-s3-csi-driver", podIdentityAssociations=[association])
    spec = pod_addons(env, CLUSTER, versions_of(env), ROLES)
    ((title, role),) = resources_of(spec, "IAM::Role").items()
    (addon,) = properties_of(spec, "EKS::Addon")
    assert addon["PodIdentityAssociations"][0]["RoleArn"] == {"Fn::GetAtt": [title, "Arn"]}
    assert role["Properties"]["ManagedPolicyArns"] == [POLICY]
    assert "route53" in json.dumps(role["Properties"]["Policies"])
    assert role["Properties"]["Tags"] == [{"Key": "team", "Value": "data"}]


def test_pod_addons_carry_version_settings_conflicts_and_tags(sandbox_env: Environment) -> None:
    """Version, settings, conflict resolution and tags are passed on; what the config leaves open is AWS's."""
    addon = addon_of(
        sandbox_env,
        name="coredns",
        version="v1.12.4-eksbuild.1",
        configurationValues="replicaCount: 3",
        resolveConflicts="preserve",
        tags={"team": "dns"},
    )
    assert addon == {
        "ClusterName": {"Ref": "ClusterName"},
        "AddonName": "coredns",
        "AddonVersion": "v1.12.4-eksbuild.1",
        "ConfigurationValues": '{"replicaCount": 3}',
        "ResolveConflicts": "PRESERVE",
        "Tags": [{"Key": "team", "Value": "dns"}],
    }
    assert addon_of(sandbox_env, name="coredns", version="latest")["AddonVersion"] == ADDON_VERSION
    assert addon_of(sandbox_env, name="coredns")["AddonVersion"] == ADDON_VERSION


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "coredns", "useDefaultPodIdentityAssociations": True}, "coredns has no default permissions"),
        (
            {
                "name": "aws-ebs-csi-driver",
                "useDefaultPodIdentityAssociations": True,
                "serviceAccountRoleARN": "arn:aws:iam::000000000000:role/mine",
            },
            "one way to get permissions",
        ),
    ],
)
def test_addons_refuse_permissions_that_cannot_be_given(
    sandbox_env: Environment, fields: dict[str, Any], message: str
) -> None:
    """Default permissions that do not exist, and two ways to get permissions, are refused."""
    with pytest.raises(ValidationError, match=message):
        with_addon(sandbox_env, **fields)
