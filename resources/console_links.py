"""Addresses of pages in the AWS console."""

from __future__ import annotations

from typing import Any

from resources.environment import Environment
from resources.specs import HelmRelease, Manifests, Parameter, Spec, Stack


def console_link(env: Environment, spec: Spec[Any]) -> str | None:
    """Where the console shows what the spec made; None in a sandbox, and for what has no page."""
    if env.sandbox:
        return None
    base = f"https://{env.region}.console.aws.amazon.com"
    if isinstance(spec, Stack):
        return f"{base}/cloudformation/home?region={env.region}#/stacks?filteringText={spec.name}"
    if isinstance(spec, HelmRelease | Manifests):
        return f"{base}/eks/clusters/{env.cluster_name}?region={env.region}"
    if isinstance(spec, Parameter):
        return f"{base}/systems-manager/parameters{spec.name}/description?region={env.region}"
    return None
