"""What reaches the cluster through Argo CD."""

from __future__ import annotations

from eks_assets.units import load_registry
from eks_assets.units.applications.application_config import ApplicationConfigOutputs, application_config
from eks_assets.units.applications.argo_cd import argo_cd
from eks_assets.units.applications.argo_projects import argo_projects
from eks_assets.units.applications.argocd_repository import argocd_repository
from eks_assets.units.applications.istio_application import istio_application
from eks_assets.units.applications.keycloak_credentials import keycloak_credentials
from eks_assets.units.applications.product_applications import product_applications
from eks_assets.units.infrastructure.certificate import CertificateOutputs
from resources.config.environment import Environment
from resources.config.loader import load_environment
from sandbox.paths import PROJECT

CERTIFICATE = CertificateOutputs(certificate_arn="arn:aws:acm:us-west-2:000000000000:certificate/1")
CONFIG = ApplicationConfigOutputs(commit="c0ffee", repository="http://host/config.git")


def test_argo_cd_is_installed_for_the_environments_domain(sandbox_env: Environment) -> None:
    """Argo CD is a release of its own, under a host of the application domain."""
    release = argo_cd(sandbox_env)
    assert (release.name, release.namespace, release.chart) == ("argocd", "argocd", "argo-cd")
    assert release.values["global"] == {"domain": "argocd.demo-sandbox.sandbox.test"}


def test_application_config_passes_certificate_domain_products(sandbox_env: Environment) -> None:
    """The branch is rendered with the certificate, the domain and the purchased products."""
    tree = application_config(sandbox_env, CERTIFICATE)
    assert tree.branch == "develop/demo-sandbox"
    assert tree.variables["CERTIFICATE_ARN"] == CERTIFICATE.certificate_arn
    assert tree.variables["APP_DOMAIN"] == "demo-sandbox.sandbox.test"
    assert tree.products == sandbox_env.products_purchased


def test_application_config_is_pinned_behind_a_gate(sandbox_env: Environment, prod_env: Environment) -> None:
    """Where plans are approved, what is applied names the commit; the planner's credentials only read."""
    assert (application_config(sandbox_env, CERTIFICATE).pinned, application_config(prod_env, CERTIFICATE).pinned) == (
        False,
        True,
    )
    tree = application_config(sandbox_env, CERTIFICATE)
    assert tree.read_only_credentials == "/demo/sandbox/git/read-only-credentials"
    assert product_applications(prod_env, CONFIG, CERTIFICATE).tree.pinned


def test_argocd_repository_takes_credentials_from_the_store(sandbox_env: Environment) -> None:
    """Argo CD's credentials come from the secret store and are merged with the repository's address."""
    (secret,) = argocd_repository(sandbox_env, CONFIG).objects
    assert secret["kind"] == "ExternalSecret"
    assert secret["spec"]["dataFrom"] == [{"extract": {"key": "/demo/sandbox/git/credentials"}}]
    template = secret["spec"]["target"]["template"]
    assert template["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repository"}
    assert template["data"] == {"type": "git", "url": "http://host/config.git"}
    assert template["mergePolicy"] == "Merge"


def test_keycloak_credentials_come_from_the_store(sandbox_env: Environment) -> None:
    """Keycloak's administrator is copied from the generated secret."""
    (secret,) = keycloak_credentials(sandbox_env).objects
    assert secret["metadata"] == {"name": "keycloak-admin", "namespace": "keycloak"}
    assert secret["spec"]["dataFrom"] == [{"extract": {"key": "/demo/sandbox/keycloak/admin-credentials"}}]


def test_argo_projects_apply_the_branchs_projects(sandbox_env: Environment) -> None:
    """The projects are those of the branch's commit, and none is pruned."""
    spec = argo_projects(sandbox_env, CONFIG, CERTIFICATE)
    assert (spec.paths, spec.commit, spec.prune) == (("projects/*.yaml",), "c0ffee", False)


def test_istio_application_is_checked_up_to_its_gateway(sandbox_env: Environment) -> None:
    """Istio comes from one file of the branch; its checks end with the gateway."""
    spec = istio_application(sandbox_env, CONFIG, CERTIFICATE)
    assert spec.paths == ("istio/istio-app/applicationset.yaml",)
    assert {c.name for c in istio_application.checks} == {"in_sync", "applications_healthy", "gateway_ready"}


def test_product_applications_are_the_purchased_ones(sandbox_env: Environment) -> None:
    """Only purchased products are applied; pruning is the environment's choice."""
    bought = sandbox_env.model_copy(update={"products_purchased": ("payments",), "prune_products": True})
    spec = product_applications(bought, CONFIG, CERTIFICATE)
    assert spec.paths == ("payments/payments-app/applicationset.yaml",)
    assert spec.prune


def test_product_applications_without_products_prunes_old_ones(sandbox_env: Environment) -> None:
    """Without products the unit stays enabled, so that it can prune those that were purchased before."""
    none_left = sandbox_env.model_copy(update={"products_purchased": (), "prune_products": True})
    assert product_applications.is_enabled(none_left)
    spec = product_applications(none_left, CONFIG, CERTIFICATE)
    assert spec.paths == ()
    assert spec.prune


def test_gate_is_before_applications() -> None:
    """Behind the gate are the waves applications and observability, and nothing else."""
    gated = load_environment("sandbox-gated", PROJECT / "environments")
    behind = {u.name for u in load_registry().units if u.is_gated(gated)}
    assert "argo_cd" in behind
    assert "karpenter" not in behind
    assert set(load_registry().gated(gated)) == {
        one.name for one in load_registry().units if one.wave in ("applications", "observability")
    }


def test_gate_needs_approval_settings(sandbox_env: Environment) -> None:
    """An environment without `approval` has no gate."""
    assert not any(unit.is_gated(sandbox_env) for unit in load_registry().units)
