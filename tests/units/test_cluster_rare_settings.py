"""cfn-lint on what no published environment writes into its ClusterConfig."""

from __future__ import annotations

from typing import Any

import pytest

from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.model.specs import Stack
from tests.conftest import Lint
from tests.helpers.published import IDENTITY, configured, joined

ROLE = "arn:aws:iam::000000000000:role/mine"
POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
RESOURCES = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
RESERVED = "arn:aws:resource-groups:us-west-2:000000000000:group/reserved"
METADATA = {"name": "demo-sandbox-cluster", "region": "us-west-2", "rollbackConfig": {"timeoutMinutes": 240}}
LOGGING = {"clusterLogging": {"enableTypes": ["all"], "logRetentionInDays": 30}}
ACCOUNT = {"metadata": {"name": "reader"}, "wellKnownPolicies": {"certManager": True}, "tags": {"a": "b"}}
ASSOCIATION = {"serviceAccountName": "reader", "permissionPolicyARNs": [POLICY], "tags": {"a": "b"}}
FARGATE = {"name": "batch", "selectors": [{"namespace": "batch", "labels": {"a": "b"}}], "tags": {"a": "b"}}
SUBNETS = {"us-west-2a": {"id": "subnet-0a1b2c3d"}, "us-west-2b": {"id": "subnet-0b1c2d3e"}}
GROUP = {
    "name": "rare_group",
    "spot": True,
    "subnets": ["subnet-0a1b2c3d", "subnet-0b1c2d3e"],
    "volumeIOPS": 4000,
    "volumeThroughput": 250,
    "tags": {"a": "b"},
    "taints": [{"key": "a", "effect": "NoExecute"}],
    "releaseVersion": "1.34.1-20260101",
    "iam": {"attachPolicyARNs": [POLICY]},
    "capacityReservation": {"capacityReservationTarget": {"capacityReservationResourceGroupARN": RESERVED}},
}
ENTRY = {
    "principalARN": ROLE,
    "kubernetesGroups": ["dev"],
    "kubernetesUsername": "dev",
    "accessPolicies": [
        {
            "policyARN": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
            "accessScope": {"type": "namespace", "namespaces": ["shop"]},
        }
    ],
}
TARGET = {"namespace": "shop", "targetRoleARN": "arn:aws:iam::111122223333:role/other", "disableSessionTags": True}
NEWER_GROUP = {
    "name": "newer",
    "instanceName": "worker",
    "ebsOptimized": True,
    "maxPodsPerNode": 50,
    "placement": {"groupName": "close"},
    "additionalVolumes": [{"volumeName": "/dev/xvdb", "volumeSize": 10, "snapshotID": "snap-0a1b2c3d"}],
    "enableDetailedMonitoring": True,
    "securityGroups": {"attachIDs": ["sg-0a1b2c3d"]},
    "iam": {"withAddonPolicies": {"autoScaler": True, "certManager": True, "cloudWatch": True, "fsx": True}},
    "nodeRepairConfig": {
        "enabled": True,
        "maxUnhealthyNodeThresholdPercentage": 20,
        "maxParallelNodesRepairedCount": 1,
        "nodeRepairConfigOverrides": [
            {
                "nodeMonitoringCondition": "NetworkNotReady",
                "nodeUnhealthyReason": "InterfaceNotUp",
                "minRepairWaitTimeMins": 15,
                "repairAction": "Reboot",
            }
        ],
    },
}
BOTTLEROCKET = {
    "name": "bottle",
    "amiFamily": "Bottlerocket",
    "releaseVersion": "1.50.0-0a1b2c3d",
    "maxPodsPerNode": 50,
    "bottlerocket": {"enableAdminContainer": True, "settings": {"motd": "hello"}},
    "ssh": {"allow": True, "publicKeyName": "mine"},
}
PROVIDER = {
    "name": "people",
    "type": "oidc",
    "issuerURL": "https://people.example.com/pool",
    "clientID": "cluster",
    "usernameClaim": "email",
    "groupsPrefix": "oidc:",
    "requiredClaims": {"aud": "cluster"},
    "tags": {"a": "b"},
}
CAPABILITY = {
    "name": "ack",
    "type": "ACK",
    "attachPolicyARNs": [POLICY],
    "accessPolicies": [{"policyARN": RESOURCES, "accessScope": {"type": "cluster"}}],
    "tags": {"a": "b"},
}
CONFIGS: dict[str, dict[str, Any]] = {
    "much": {
        "metadata": METADATA,
        "cloudWatch": LOGGING,
        "vpc": {"subnets": {"private": SUBNETS}},
        "kubernetesNetworkConfig": {"serviceIPv4CIDR": "172.20.0.0/16"},
        "secretsEncryption": {"keyARN": "arn:aws:kms:us-west-2:000000000000:key/1"},
        "iam": {
            "withOIDC": True,
            "serviceAccounts": [ACCOUNT],
            "podIdentityAssociations": [ASSOCIATION | {"namespace": "reports"}],
        },
        "accessConfig": {"accessEntries": [ENTRY]},
        "managedNodeGroups": [GROUP, {"name": "other"}],
        "fargateProfiles": [FARGATE, FARGATE | {"name": "jobs"}],
        "addons": [
            {"name": "vpc-cni", "useDefaultPodIdentityAssociations": True, "tags": {"a": "b"}},
            {"name": "aws-mountpoint-s3-csi-driver", "podIdentityAssociations": [ASSOCIATION]},
            {"name": "kubecost_kubecost", "configurationValues": "a: b"},
        ],
    },
    "newer": {
        "identityProviders": [PROVIDER],
        "remoteNetworkConfig": {
            "remoteNodeNetworks": [{"cidrs": ["10.80.146.0/24"]}],
            "remotePodNetworks": [{"cidrs": ["10.81.0.0/16"]}],
        },
        "capabilities": [CAPABILITY, CAPABILITY | {"name": "kro", "type": "KRO"}],
        "controlPlaneScalingConfig": {"tier": "tier-xl"},
        "kubeAPIServerConfig": {"eventTTL": "1h", "serviceNodePortRange": {"minPort": 30000, "maxPort": 31000}},
        "kubeSchedulerConfig": {
            "nodeResourcesFit": {
                "scoringStrategy": {"type": "MostAllocated", "resources": [{"name": "cpu", "weight": 2}]}
            }
        },
        "kubeControllerManagerConfig": {
            "horizontalPodAutoscalerControllerConfig": {"horizontalPodAutoscalerSyncPeriod": "15s"}
        },
        "vpc": {
            "controlPlaneOnPrivateSubnets": True,
            "controlPlaneSecurityGroupIDs": ["sg-0a1b2c3d"],
            "controlPlaneEgressMode": "CUSTOMER_ROUTED",
        },
        "iam": {"podIdentityAssociations": [{**ASSOCIATION, **TARGET}]},
        "managedNodeGroups": [NEWER_GROUP, {**BOTTLEROCKET, "instanceType": "m7g.large"}],
        "addons": [
            {"name": "aws-ebs-csi-driver", "wellKnownPolicies": {"ebsCSIController": True}},
            {"name": "aws-fsx-csi-driver", "attachPolicyARNs": [POLICY]},
        ],
    },
    "auto mode": {"autoModeConfig": {"enabled": True}, "managedNodeGroups": []},
}


@pytest.mark.parametrize("which", CONFIGS)
def test_templates_of_rare_settings_pass_cfn_lint(which: str, sandbox_env: Environment, lint: Lint) -> None:
    """cfn-lint accepts the templates of settings that no published environment uses."""
    env = configured(joined(sandbox_env), **CONFIGS[which])
    linted = []
    for unit in load_registry().units:
        if unit.wave == "cluster" and unit.is_enabled(env):
            spec = render_spec(load_registry(), env, unit, {"identity": IDENTITY})
            if isinstance(spec, Stack):
                # Not every region has Fargate; the environment's has.
                faults = [f for f in lint(spec.template) if not f.startswith("E3006") or f"'{env.region}'" in f]
                assert faults == [], unit.name
                linted.append(unit.name)
    assert {"cluster", "identity", "access_entries", "pod_addons"} <= set(linted)
    if which == "much":
        assert {"irsa_roles", "node_groups", "fargate_profiles", "daemon_addons"} <= set(linted)
