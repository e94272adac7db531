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


def test_argo_cd(sandbox_env: Environment) -> None:
    release = argo_cd(sandbox_env)
    assert (release.name, release.namespace, release.chart) == ("argocd", "argocd", "argo-cd")
    assert release.values["global"] == {"domain": "argocd.demo-sandbox.sandbox.test"}


def test_application_config(sandbox_env: Environment) -> None:
    tree = application_config(sandbox_env, CERTIFICATE)
    assert tree.branch == "develop/demo-sandbox"
    assert tree.variables["CERTIFICATE_ARN"] == CERTIFICATE.certificate_arn
    assert tree.variables["APP_DOMAIN"] == "demo-sandbox.sandbox.test"
    assert tree.products == sandbox_env.products_purchased


def test_argocd_repository_takes_its_credentials_from_the_store(sandbox_env: Environment) -> None:
    (secret,) = argocd_repository(sandbox_env, CONFIG).objects
    assert secret["kind"] == "ExternalSecret"
    assert secret["spec"]["dataFrom"] == [{"extract": {"key": "/demo/sandbox/git/credentials"}}]
    template = secret["spec"]["target"]["template"]
    assert template["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repository"}
    assert template["data"] == {"type": "git", "url": "http://host/config.git"}
    assert template["mergePolicy"] == "Merge"


def test_keycloak_credentials(sandbox_env: Environment) -> None:
    (secret,) = keycloak_credentials(sandbox_env).objects
    assert secret["metadata"] == {"name": "keycloak-admin", "namespace": "keycloak"}
    assert secret["spec"]["dataFrom"] == [{"extract": {"key": "/demo/sandbox/keycloak/admin-credentials"}}]


def test_argo_projects(sandbox_env: Environment) -> None:
    spec = argo_projects(sandbox_env, CONFIG, CERTIFICATE)
    assert (spec.paths, spec.commit, spec.prune) == (("projects/*.yaml",), "c0ffee", False)


def test_istio_application(sandbox_env: Environment) -> None:
    spec = istio_application(sandbox_env, CONFIG, CERTIFICATE)
    assert spec.paths == ("istio/istio-app/applicationset.yaml",)
    assert {c.name for c in istio_application.checks} == {"in_sync", "applications_healthy", "gateway_ready"}


def test_product_applications_are_those_that_were_purchased(sandbox_env: Environment) -> None:
    bought = sandbox_env.model_copy(update={"products_purchased": ("payments",), "prune_products": True})
    spec = product_applications(bought, CONFIG, CERTIFICATE)
    assert spec.paths == ("payments/payments-app/applicationset.yaml",)
    assert spec.prune


def test_without_products_the_unit_still_knows_of_those_that_were(sandbox_env: Environment) -> None:
    none_left = sandbox_env.model_copy(update={"products_purchased": (), "prune_products": True})
    assert product_applications.is_enabled(none_left)
    spec = product_applications(none_left, CONFIG, CERTIFICATE)
    assert spec.paths == ()
    assert spec.prune


def test_the_gate_is_closed_before_applications() -> None:
    gated = load_environment("sandbox-gated", PROJECT / "environments")
    behind = {u.name for u in load_registry().units if u.is_gated(gated)}
    assert "argo_cd" in behind
    assert "karpenter" not in behind
    assert set(load_registry().gated(gated)) == {
        one.name for one in load_registry().units if one.wave in ("applications", "observability")
    }


def test_no_gate_without_approval_settings(sandbox_env: Environment) -> None:
    assert not any(unit.is_gated(sandbox_env) for unit in load_registry().units)
