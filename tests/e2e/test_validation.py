"""The validation catches a lie: what users see is looked at, not what was asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from resources.config.environment import Environment
from resources.config.sandbox_state import SandboxState, sandbox_state
from resources.context import Context
from resources.drivers.git.manifests import refresh
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


def test_a_gateway_scaled_to_zero_turns_the_endpoint_red_and_back(platform: Environment, context: Context) -> None:
    assert probe_endpoint(context) == CheckResult(True, "https://demo-sandbox.sandbox.test/health answers 200")
    scale_gateway(context, 0)
    try:
        refresh(context)
        assert "answers 503" in wait_for_answer(context, passed=False)
    finally:
        scale_gateway(context, 2)
    wait_for_answer(context, passed=True)


def test_a_certificate_of_another_authority_is_refused(
    platform: Environment, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sandbox_state()
    stranger = Path(real.variables["SANDBOX_CA"]).parents[1] / "clusters" / platform.cluster_name / "webhook-ca.crt"
    changed = real.model_copy(update={"variables": {**real.variables, "SANDBOX_CA": str(stranger)}})

    def state() -> SandboxState:
        return changed

    monkeypatch.setattr("resources.probes.applications.sandbox_state", state)
    result = probe_endpoint(context)
    assert not result.passed
    assert re.search(r"does not answer: .*certificate verify failed", result.detail)


def test_a_certificate_for_another_name_is_refused(platform: Environment, context: Context) -> None:
    zone = platform.hosted_zone.model_copy(update={"name": "elsewhere.test"})
    other = Context(platform.model_copy(update={"tenant": "nobody", "hosted_zone": zone}), context.aws)
    result = probe_endpoint(other)
    assert not result.passed
    assert "does not answer" in result.detail
