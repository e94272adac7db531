"""The Kubernetes objects that configure the cluster."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from eks_assets.units.configuration.namespaces import namespaces
from eks_assets.units.configuration.node_pools import node_pools
from eks_assets.units.configuration.secret_store import secret_store
from eks_assets.units.configuration.service_accounts import service_accounts
from eks_assets.units.configuration.storage_classes import storage_classes
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.model.specs import Manifests
from sandbox.paths import PROJECT
from tests.helpers.published import CLUSTER, EFS, KARPENTER, VPC, configured, joined

POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def with_accounts(env: Environment, *accounts: dict[str, Any]) -> Environment:
    return configured(env, iam={"withOIDC": True, "serviceAccounts": list(accounts)})


def node_class(env: Environment) -> dict[str, Any]:
    manifest, _ = node_pools(env, CLUSTER, VPC, KARPENTER).objects
    spec: dict[str, Any] = manifest["spec"]
    return spec


def test_namespaces_have_injection_and_audit(sandbox_env: Environment) -> None:
    """The environment's namespaces have sidecar injection and an audit of pod security."""
    env = sandbox_env.model_copy(update={"namespaces": ("shop", "billing")})
    objects = namespaces(env).objects
    assert [o["metadata"]["name"] for o in objects] == ["shop", "billing"]
    assert objects[0]["metadata"]["labels"] == {
        "istio-injection": "enabled",
        "pod-security.kubernetes.io/audit": "baseline",
    }


def test_node_pools_start_nodes_that_reach_the_control_plane(sandbox_env: Environment) -> None:
    """Karpenter's nodes get the security groups, subnets and role that let them join."""
    spec = node_class(sandbox_env)
    tags = {"tags": {"karpenter.sh/discovery": "demo-sandbox-cluster"}}
    assert spec["securityGroupSelectorTerms"] == [{"id": "sg-cluster"}, tags]
    assert spec["subnetSelectorTerms"] == [tags]
    assert spec["role"] == "KarpenterNodeRole-demo"
    assert spec["metadataOptions"] == {"httpTokens": "required", "httpPutResponseHopLimit": 1}


def test_node_pools_name_subnets_of_a_vpc_that_exists(sandbox_env: Environment) -> None:
    """In a VPC that exists, subnets are selected by id instead of by our tags."""
    assert node_class(joined(sandbox_env))["subnetSelectorTerms"] == [{"id": "subnet-a"}, {"id": "subnet-b"}]
    named = {"private": {"us-west-2a": {"id": "subnet-1"}, "us-west-2b": {"id": "subnet-2"}}}
    chosen = configured(joined(sandbox_env), vpc={"subnets": named})
    assert node_class(chosen)["subnetSelectorTerms"] == [{"id": "subnet-1"}, {"id": "subnet-2"}]


def test_node_pools_have_a_limit_and_end_idle_nodes(sandbox_env: Environment) -> None:
    """The pool has a CPU limit and consolidates nodes that are idle."""
    _, pool = node_pools(sandbox_env, CLUSTER, VPC, KARPENTER).objects
    assert pool["spec"]["limits"] == {"cpu": "1000"}
    assert pool["spec"]["disruption"]["consolidationPolicy"] == "WhenEmptyOrUnderutilized"
    assert pool["spec"]["template"]["spec"]["nodeClassRef"]["name"] == "default"


def test_secret_store_reads_the_environments_region(sandbox_env: Environment) -> None:
    """The store reads Secrets Manager in the environment's region, with the operator's own role."""
    (store,) = secret_store(sandbox_env).objects
    assert store["spec"]["provider"]["aws"] == {"service": "SecretsManager", "region": "us-west-2"}


@pytest.mark.parametrize("name", ["sandbox", "sandbox-gated", "acme-dev", "acme-prod"])
def test_secret_store_serves_the_namespaces_of_our_external_secrets_alone(name: str) -> None:
    """Any namespace could read git's credentials through it, a product's as well."""
    env, registry = load_environment(name, PROJECT / "environments"), load_registry()
    (store,) = secret_store(env).objects
    (condition,) = store["spec"]["conditions"]
    specs = [render_spec(registry, env, u, {}) for u in registry.units if u.is_enabled(env)]
    objects = [obj for spec in specs if isinstance(spec, Manifests) for obj in spec.objects]
    reading = {obj["metadata"]["namespace"] for obj in objects if obj["kind"] == "ExternalSecret"}
    assert condition == {"namespaces": sorted(reading)}


def test_storage_classes_are_encrypted_gp3_by_default_and_efs(sandbox_env: Environment) -> None:
    """gp3 is the default, encrypted, and bound in the pod's zone; Auto Mode has a provisioner of its own."""
    gp3, efs = storage_classes(sandbox_env, EFS).objects
    assert gp3["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert gp3["provisioner"] == "ebs.csi.aws.com"
    assert gp3["parameters"] == {"type": "gp3", "encrypted": "true"}
    assert gp3["volumeBindingMode"] == "WaitForFirstConsumer", "a volume lies in the zone of its pod"
    assert efs["parameters"]["fileSystemId"] == "fs-1"
    auto = configured(sandbox_env, autoModeConfig={"enabled": True})
    assert storage_classes(auto, EFS).objects[0]["provisioner"] == "ebs.csi.eks.amazonaws.com"


def test_service_accounts_carry_role_labels_and_annotations(sandbox_env: Environment) -> None:
    """Namespace and account are created with the role and the config's labels and annotations."""
    metadata = {"name": "reader", "namespace": "reports", "labels": {"team": "x"}, "annotations": {"note": "y"}}
    env = with_accounts(sandbox_env, {"metadata": metadata, "attachPolicyARNs": [POLICY]})
    namespace, account = service_accounts(env).objects
    assert (namespace["kind"], namespace["metadata"]) == ("Namespace", {"name": "reports"})
    assert account["metadata"] == {
        "name": "reader",
        "namespace": "reports",
        "labels": {"team": "x"},
        "annotations": {
            "note": "y",
            "eks.amazonaws.com/role-arn": "arn:aws:iam::000000000000:role/demo-sandbox-cluster-reports-reader",
        },
    }


def test_service_accounts_skip_what_others_create(sandbox_env: Environment) -> None:
    """Accounts of charts and namespaces of the environment are not created here."""
    chart = {"metadata": {"name": "chart"}, "attachPolicyARNs": [POLICY], "roleOnly": True}
    assert not service_accounts.is_enabled(with_accounts(sandbox_env, chart))
    existing = "arn:aws:iam::000000000000:role/mine"
    ours = {"metadata": {"name": "ours", "namespace": "argocd"}, "attachRoleARN": existing}
    env = with_accounts(sandbox_env, chart, ours)
    (account,) = service_accounts(env).objects
    assert account["metadata"]["name"] == "ours", "argocd is one of the environment's namespaces"
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": existing}


def test_service_accounts_of_associations_are_made_if_asked(sandbox_env: Environment) -> None:
    """Without an annotation: the pod identity agent knows their role. Others are their applications'."""
    role = "arn:aws:iam::000000000000:role/mine"
    fields = {"namespace": "argocd", "roleARN": role}
    made = {**fields, "serviceAccountName": "reader", "createServiceAccount": True}
    env = configured(
        sandbox_env, iam={"podIdentityAssociations": [made, {**fields, "serviceAccountName": "of-a-chart"}]}
    )
    assert service_accounts.is_enabled(env)
    (account,) = service_accounts(env).objects
    assert account["metadata"] == {"name": "reader", "namespace": "argocd"}
    del made["namespace"]
    addon = {"name": "aws-ebs-csi-driver", "podIdentityAssociations": [made]}
    with pytest.raises(ValidationError, match="the add-on brings the service account"):
        configured(sandbox_env, addons=[addon])
