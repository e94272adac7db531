"""What the copy's environment has otherwise than the one it was copied from: the list is complete. Pure."""

from __future__ import annotations

from typing import Any

from resources.config.aws_catalog import SANDBOX_KUBERNETES_VERSIONS
from resources.config.environment import Environment
from resources.config.recorded_environment import environment_document
from resources.model.errors import ConfigError


def map_environment(env: Environment) -> tuple[dict[str, Any], dict[str, str]]:
    """The environment's document for the copy, and each field that differs, with the reason. Account, region and names
    stay."""
    document, mapped = environment_document(env), {}
    if env.approval is not None:
        document["approval"] = None
        mapped["approval"] = "nobody approves in the copy"
        if document.get("git"):
            # What the gate had made of it, which is rendered into objects.
            document["git"]["follow"] = "commit" if env.pins_commit else "branch"
    if env.email_subscriptions:
        mapped["e-mails"] = "they end in the copy's own folder"
    if env.git is not None:
        mapped["git.repository"] = "the git host of the copy's sandbox, with its own template"
    mapped["charts.mirror"] = "the chart registry of the copy's sandbox"
    mapped["AWS and Kubernetes addresses"] = "the copy's, on this machine"
    return document, mapped


def check_copyable(env: Environment) -> None:
    """Raises ConfigError for an environment that no sandbox can be a copy of, before AWS is asked anything."""
    if not env.sandbox:
        raise ConfigError(
            f"{env.name} is not in a sandbox, and only environments of a sandbox can be copied so far",
            next_step="rehearse the same file with `sandbox: true`",
        )


def check_version(env: Environment, version: str | None) -> None:
    """Raises ConfigError where the sandbox cannot be a cluster of the live version, before anything else is read."""
    name = env.name
    known = SANDBOX_KUBERNETES_VERSIONS
    if version is None:
        raise ConfigError(f"{name} has no cluster to copy", next_step=f"eks-assets deploy {name} makes one")
    if version not in known:
        raise ConfigError(
            f"{name} runs Kubernetes {version}, and the sandbox can be {', '.join(known)}",
            next_step="upgrade it to one of them first" if version < known[0] else "update this program",
        )
    if env.kubernetes_version != version:
        raise ConfigError(
            f"the file of {name} asks for Kubernetes {env.kubernetes_version}, the cluster runs {version}: upgrades "
            "are not rehearsed so far",
            next_step=f"rehearse with {version} in the file; eks-assets upgrade {name} --to {env.kubernetes_version} "
            "--plan has the verdict on the upgrade",
        )
