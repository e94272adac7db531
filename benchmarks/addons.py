"""Five add-ons whose pods need ten seconds each, installed in parallel, round after round."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.stage import command, fresh_sandbox
from eks_assets.engine.known_outputs import known_outputs
from eks_assets.graph.rendering import render_spec
from eks_assets.token_command import install_token_command
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.context import Context
from resources.drivers.helm.storage import RELEASE_SECRETS
from resources.drivers.programs import find_program
from resources.drivers.registry import driver_of
from resources.model.errors import PipelineError
from resources.model.specs import HelmRelease

ADDONS = ("aws_load_balancer_controller", "external_dns", "external_secrets", "karpenter", "nvidia_device_plugin")
ROUNDS, POD_SECONDS = 20, 10.0


def run() -> dict[str, float | int]:
    """Seconds of the slowest round and of the median one; rounds in which an install failed."""
    install_token_command()
    rounds, failures = [], 0
    with fresh_sandbox():
        command("deploy", "sandbox")
        command("sandbox", "up", "--pod-seconds", str(POD_SECONDS))
        env = load_environment("sandbox")
        for _ in range(ROUNDS):
            seconds, failed = one_round(Context.of(env))
            rounds.append(seconds)
            failures += failed
    rounds.sort()
    return {
        "rounds": ROUNDS,
        "rounds_with_a_failure": failures,
        "pod_seconds": POD_SECONDS,
        "median_seconds": rounds[ROUNDS // 2],
        "slowest_seconds": rounds[-1],
    }


def one_round(context: Context) -> tuple[float, int]:
    """Uninstall the five and install them again at once: seconds, and whether one failed."""
    units = load_registry()
    specs = [
        render_spec(units, context.env, units[name], known_outputs(units, units[name], context)) for name in ADDONS
    ]
    helm = find_program("helm", context.env)
    for spec in specs:
        if isinstance(spec, HelmRelease):
            keep = ["--kubeconfig", str(context.cluster.kubeconfig), "--ignore-not-found", "--wait"]
            subprocess.run([helm, "uninstall", spec.name, "-n", spec.namespace, *keep], check=True, capture_output=True)
    context.cache.invalidate(RELEASE_SECRETS)
    began = time.monotonic()
    with ThreadPoolExecutor(len(specs)) as pool:
        installs = [pool.submit(driver_of(spec).apply, spec, context) for spec in specs]
        errors = [install.exception() for install in installs]
    seconds = time.monotonic() - began
    for error in errors:
        if error is not None and not isinstance(error, PipelineError):
            raise error
        if error is not None:
            print(f"  {error}", flush=True)
    return seconds, int(any(errors))
