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


def test_aws_load_balancer_controller_is_told_its_vpc(sandbox_env: Environment) -> None:
    """VPC, region and cluster are values, since pods cannot ask the node's metadata service."""
    values = aws_load_balancer_controller(sandbox_env, VPC).values
    assert (values["clusterName"], values["region"], values["vpcId"]) == ("demo-sandbox-cluster", "us-west-2", "vpc-1")
    assert values["serviceAccount"]["name"] == "aws-load-balancer-controller", "the account that has the role"
    assert values["enableServiceMutatorWebhook"] is False


def test_aws_load_balancer_controller_takes_overrides(prod_env: Environment) -> None:
    """The environment's values are merged into the unit's, and its timeout is used."""
    name = "aws_load_balancer_controller"
    spec = render_spec(load_registry(), prod_env, load_registry()[name], {})
    assert isinstance(spec, HelmRelease)
    assert (spec.values["replicaCount"], spec.timeout) == (3, 600)
    assert spec.values["clusterName"] == "acme-prod-cluster", "values are merged, not replaced"


def test_external_dns_writes_own_zone_and_removes_nothing(sandbox_env: Environment) -> None:
    """ExternalDNS writes the environment's zone, under its own owner id, and deletes no record."""
    spec = external_dns(sandbox_env)
    assert spec.values["domainFilters"] == ["sandbox.test"]
    assert spec.values["policy"] == "upsert-only"
    assert spec.values["txtOwnerId"] == "demo-sandbox-cluster"
    assert spec.values["sources"] == ["service", "ingress"]
    assert spec.values["extraArgs"] == ["--aws-zone-match-parent", "--aws-zone-type=public"]
    assert (spec.namespace, spec.values["serviceAccount"]["name"]) == ("external-dns", "external-dns")


def test_external_dns_assumes_role_of_the_zones_account(prod_env: Environment) -> None:
    """A zone in another account is written through a role of that account."""
    arguments = external_dns(prod_env).values["extraArgs"]
    assert arguments[-1] == "--aws-assume-role=arn:aws:iam::999900001111:role/acme-dns-writer"


def test_external_dns_finds_the_zone_that_the_file_names(prod_env: Environment) -> None:
    """Also a parent of the domain, which the domain filter alone hides, and no private namesake."""
    arguments = external_dns(prod_env).values["extraArgs"]
    zone = f"--zone-id-filter={prod_env.hosted_zone.id}"
    assert arguments[:3] == ["--aws-zone-match-parent", "--aws-zone-type=public", zone]


def test_external_secrets_installs_crds_and_uses_its_role(sandbox_env: Environment) -> None:
    """The release installs its CRDs, checks them, and runs as the account that has the role."""
    spec = external_secrets()
    assert spec.values["installCRDs"] is True
    assert (spec.namespace, spec.values["serviceAccount"]["name"]) == ("external-secrets", "external-secrets")
    assert "crds_established" in [check.name for check in external_secrets.checks]


def test_karpenter_watches_its_queue_and_skips_crds(sandbox_env: Environment) -> None:
    """Karpenter reads its interruption queue; its CRDs are a release of their own."""
    spec = karpenter(sandbox_env, KARPENTER)
    assert spec.values["settings"] == {
        "clusterName": "demo-sandbox-cluster",
        "interruptionQueue": "demo-sandbox-cluster",
    }
    assert spec.skip_crds is True
    assert (spec.namespace, spec.values["serviceAccount"]["name"]) == ("kube-system", "karpenter")


def test_karpenter_crds_are_of_the_same_version_and_come_first(sandbox_env: Environment) -> None:
    """CRDs, controller and node pools follow in that order, CRDs and controller in one version."""
    assert karpenter_crds(sandbox_env).version == karpenter(sandbox_env, KARPENTER).version == "1.14.1"
    order = [u.name for u in load_registry().units]
    assert order.index("karpenter_crds") < order.index("karpenter") < order.index("node_pools")


def test_nvidia_device_plugin_is_on_with_gpus_or_if_asked(prod_env: Environment, sandbox_env: Environment) -> None:
    """The plugin is on with GPUs or where the environment asks for it, and off in Auto Mode."""
    assert nvidia_device_plugin().chart == "nvidia-device-plugin"
    assert nvidia_device_plugin.is_enabled(prod_env)
    assert not nvidia_device_plugin.is_enabled(sandbox_env)
    assert nvidia_device_plugin.is_enabled(with_addon(sandbox_env, "nvidia_device_plugin"))
    assert not nvidia_device_plugin.is_enabled(with_addon(prod_env, "nvidia_device_plugin", enabled=False))
    assert not nvidia_device_plugin.is_enabled(configured(prod_env, autoModeConfig={"enabled": True}))


@pytest.mark.parametrize("name", ["external_dns", "external_secrets", "karpenter", "aws_load_balancer_controller"])
def test_add_ons_wait_for_dns_and_for_their_roles(name: str) -> None:
    """Releases come after access, CoreDNS and the roles of their pods."""
    assert {"access_entries", "pod_addons", "identity"} <= set(load_registry().needs[name])
