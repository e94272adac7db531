"""What is installed into the cluster by Helm."""

from __future__ import annotations

from typing import Any

import pytest

from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from eks_assets.units.configuration.aws_load_balancer_controller import aws_load_balancer_controller
from eks_assets.units.configuration.external_dns import external_dns
from eks_assets.units.configuration.external_secrets import external_secrets
from eks_assets.units.configuration.karpenter import karpenter
from eks_assets.units.configuration.karpenter_crds import karpenter_crds
from eks_assets.units.configuration.nvidia_device_plugin import nvidia_device_plugin
from resources.config.environment import Addon, Environment
from resources.model.specs import HelmRelease
from tests.helpers.published import KARPENTER, VPC, configured


def with_addon(env: Environment, name: str, **fields: Any) -> Environment:
    return env.model_copy(update={"addons": {**env.addons, name: Addon.model_validate(fields)}})


def test_aws_load_balancer_controller_knows_its_vpc_without_asking_the_node(sandbox_env: Environment) -> None:
    values = aws_load_balancer_controller(sandbox_env, VPC).values
    assert (values["clusterName"], values["region"], values["vpcId"]) == ("demo-sandbox-cluster", "us-west-2", "vpc-1")
    assert values["serviceAccount"]["name"] == "aws-load-balancer-controller", "the account that has the role"
    assert values["enableServiceMutatorWebhook"] is False


def test_aws_load_balancer_controller_takes_the_environments_values_and_time(prod_env: Environment) -> None:
    name = "aws_load_balancer_controller"
    spec = render_spec(load_registry(), prod_env, load_registry()[name], {})
    assert isinstance(spec, HelmRelease)
    assert (spec.values["replicaCount"], spec.timeout) == (3, 600)
    assert spec.values["clusterName"] == "acme-prod-cluster", "values are merged, not replaced"


def test_external_dns_writes_the_environments_zone_and_removes_nothing(sandbox_env: Environment) -> None:
    spec = external_dns(sandbox_env)
    assert spec.values["domainFilters"] == ["sandbox.test"]
    assert spec.values["policy"] == "upsert-only"
    assert spec.values["txtOwnerId"] == "demo-sandbox-cluster"
    assert spec.values["sources"] == ["service", "ingress"]
    assert "extraArgs" not in spec.values
    assert (spec.namespace, spec.values["serviceAccount"]["name"]) == ("external-dns", "external-dns")


def test_external_dns_becomes_the_role_of_the_zones_own_account(prod_env: Environment) -> None:
    arguments = external_dns(prod_env).values["extraArgs"]
    assert arguments == ["--aws-assume-role=arn:aws:iam::999900001111:role/acme-dns-writer"]


def test_external_secrets_brings_its_kinds_and_the_account_that_has_the_role(sandbox_env: Environment) -> None:
    spec = external_secrets()
    assert spec.values["installCRDs"] is True
    assert (spec.namespace, spec.values["serviceAccount"]["name"]) == ("external-secrets", "external-secrets")
    assert "crds_established" in [check.name for check in external_secrets.checks]


def test_karpenter_watches_its_queue_and_leaves_its_kinds_to_their_own_release(sandbox_env: Environment) -> None:
    spec = karpenter(sandbox_env, KARPENTER)
    assert spec.values["settings"] == {
        "clusterName": "demo-sandbox-cluster",
        "interruptionQueue": "demo-sandbox-cluster",
    }
    assert spec.skip_crds is True
    assert (spec.namespace, spec.values["serviceAccount"]["name"]) == ("kube-system", "karpenter")


def test_karpenter_crds_are_of_the_same_version_and_come_first(sandbox_env: Environment) -> None:
    assert karpenter_crds(sandbox_env).version == karpenter(sandbox_env, KARPENTER).version == "1.14.1"
    order = [u.name for u in load_registry().units]
    assert order.index("karpenter_crds") < order.index("karpenter") < order.index("node_pools")


def test_nvidia_device_plugin_is_on_where_there_are_gpus_or_somebody_asks(
    prod_env: Environment, sandbox_env: Environment
) -> None:
    assert nvidia_device_plugin().chart == "nvidia-device-plugin"
    assert nvidia_device_plugin.is_enabled(prod_env)
    assert not nvidia_device_plugin.is_enabled(sandbox_env)
    assert nvidia_device_plugin.is_enabled(with_addon(sandbox_env, "nvidia_device_plugin"))
    assert not nvidia_device_plugin.is_enabled(with_addon(prod_env, "nvidia_device_plugin", enabled=False))
    assert not nvidia_device_plugin.is_enabled(configured(prod_env, autoModeConfig={"enabled": True}))


@pytest.mark.parametrize("name", ["external_dns", "external_secrets", "karpenter", "aws_load_balancer_controller"])
def test_add_ons_wait_for_dns_and_for_their_roles(name: str) -> None:
    assert {"access_entries", "pod_addons", "identity"} <= set(load_registry().needs[name])
