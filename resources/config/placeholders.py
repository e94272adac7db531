"""Placeholders in a ClusterConfig, as the specification's envsubst had them; an unknown one is an error.
`$${NAME}` is the text `${NAME}`, for whoever has variables of its own.

They are replaced in the parsed document, not in the text: a value cannot change the document's structure, `version:
${KUBERNETES_VERSION}` stays text without quotes, and lines stay where they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from resources.config.aws_catalog import partition_of, word_set
from resources.config.eksctl.unsupported import is_refused
from resources.config.names import cluster_name, resource_prefix
from resources.config.problems import Location, suggest_choices

# ${aws:username} in a policy is IAM's own and no placeholder.
_PLACEHOLDER = re.compile(r"\$?(?:\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Z_][A-Z0-9_]*)\b)")
# Known only once the VPC has been looked up; the cluster's stack takes the looked-up one.
KEPT = frozenset({"VPC_ID"})
KARPENTER_NAMESPACE = "kube-system"
# The specification's names, and those of Karpenter's getting-started guide.
CLUSTER_VARIABLES = word_set(
    """
    AWS_ACCOUNT_ID AWS_DEFAULT_REGION AWS_PARTITION AWS_REGION CLUSTER_NAME K8S_VERSION KARPENTER_NAMESPACE
    KARPENTER_VERSION KUBERNETES_VERSION RESOURCE_PREFIX
    """
)


def cluster_variables(environment: Mapping[str, Any]) -> dict[str, str]:
    """The values of CLUSTER_VARIABLES, from the environment's fields as read from its file; what the file has no
    usable text for is left out."""

    def text(key: str) -> str | None:
        value = environment.get(key)
        return value if isinstance(value, str) else None

    tenant, target, region = text("tenant"), text("target_env"), text("region")
    prefix = resource_prefix(tenant, target) if tenant and target else None
    values = {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCOUNT_ID": text("account"),
        "AWS_PARTITION": partition_of(region) if region else None,
        "CLUSTER_NAME": cluster_name(prefix) if prefix else None,
        "KARPENTER_NAMESPACE": KARPENTER_NAMESPACE,
        "KARPENTER_VERSION": text("karpenter_version"),
        "KUBERNETES_VERSION": text("kubernetes_version"),
        "K8S_VERSION": text("kubernetes_version"),
        "RESOURCE_PREFIX": prefix,
    }
    return {name: value for name, value in values.items() if value is not None}


def substitute_placeholders(data: Any, variables: Mapping[str, str]) -> tuple[Any, list[tuple[Location, str]]]:
    """The document with its placeholders replaced, and (location, fault) of each one that nobody knows.
    One that is known and has no value (its own field is at fault) stays as it is and is not reported again, nor is one
    in a field that is refused whatever it holds."""
    faults: list[tuple[Location, str]] = []
    allowed = CLUSTER_VARIABLES | KEPT

    def replace(value: Any, location: Location) -> Any:
        if isinstance(value, dict):
            return {replace(k, (*location, k)): replace(v, (*location, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [replace(item, (*location, index)) for index, item in enumerate(value)]
        return _PLACEHOLDER.sub(lambda m: one(m, location), value) if isinstance(value, str) else value

    def one(match: re.Match[str], location: Location) -> str:
        name = match[1] or match[2]
        if match[0].startswith("$$"):
            return match[0][1:]
        if name not in allowed and not is_refused(location):
            escape = f"or ${match[0]} for the text {match[0]}"
            faults.append((location, f"{match[0]} is not a variable; {suggest_choices(name, allowed)}, {escape}"))
        return variables.get(name, match[0])

    return replace(data, ()), faults


def placeholders_in(text: str) -> tuple[str, ...]:
    """The names of the placeholders in a text."""
    matches = _PLACEHOLDER.finditer(text)
    return tuple(match[1] or match[2] for match in matches if not match[0].startswith("$$"))
