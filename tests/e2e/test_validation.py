"""The validation catches a lie: what users see is looked at, not what was asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from resources.config.environment import Environment
from resources.config.sandbox_state import SandboxState, sandbox_state
from resources.context import Context
from resources.drivers.git.manifests import refresh_applications
from resources.kubernetes.errors import kubernetes_call
from resources.model.checks import ApplicationEndpoint
from resources.model.specs import Probes
from resources.probes.result import CheckResult
from resources.probes.runner import run_probe
from resources.support.polling import Poll, wait_until

pytestmark = pytest.mark.sandbox


def scale_gateway(context: Context, replicas: int) -> None:
    with kubernetes_call("scaling the gateway"):
        context.cluster.kind("apps/v1", "Deployment").patch(
            name="istio-gateway",
            namespace="istio-system",
            body={"spec": {"replicas": replicas}},
            content_type="application/merge-patch+json",
        )


def probe_endpoint(context: Context) -> CheckResult:
    return run_probe(ApplicationEndpoint(), Probes(), context)


def wait_for_answer(context: Context, passed: bool) -> str:
    def poll() -> Poll[str]:
        result = probe_endpoint(context)
        return Poll(result.detail if result.passed is passed else None, result.detail)

    return wait_until(poll, what="the edge", deadline=30, interval=1)


def test_endpoint_check_fails_while_gateway_is_scaled_to_zero(platform: Environment, context: Context) -> None:
    """With the gateway scaled to zero the endpoint fails, and passes once it is back."""
    assert probe_endpoint(context) == CheckResult(True, "https://demo-sandbox.sandbox.test/health answers 200")
    scale_gateway(context, 0)
    try:
        refresh_applications(context)
        assert "answers 503" in wait_for_answer(context, passed=False)
    finally:
        scale_gateway(context, 2)
    wait_for_answer(context, passed=True)


def test_endpoint_check_refuses_certificate_of_other_authority(
    platform: Environment, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of another authority fails the endpoint."""
    real = sandbox_state()
    stranger = Path(real.variables["SANDBOX_CA"]).parents[1] / "clusters" / platform.cluster_name / "webhook-ca.crt"
    changed = real.model_copy(update={"variables": {**real.variables, "SANDBOX_CA": str(stranger)}})

    def state() -> SandboxState:
        return changed

    monkeypatch.setattr("resources.probes.applications.sandbox_state", state)
    result = probe_endpoint(context)
    assert not result.passed
    assert re.search(r"does not answer: .*certificate verify failed", result.detail)


def test_endpoint_check_refuses_certificate_for_other_name(platform: Environment, context: Context) -> None:
    """A certificate for another name fails the endpoint."""
    zone = platform.hosted_zone.model_copy(update={"name": "elsewhere.test"})
    other = Context(platform.model_copy(update={"tenant": "nobody", "hosted_zone": zone}), context.aws)
    result = probe_endpoint(other)
    assert not result.passed
    assert "does not answer" in result.detail
