"""ExternalDNS."""

from typing import Any

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.identity import identity
from eks_assets.units.cluster.pod_addons import pod_addons
from resources.config.environment import Environment
from resources.model.specs import HelmRelease


@unit(wave="configuration", minutes=1, after=[pod_addons, identity])
def external_dns(env: Environment) -> HelmRelease:
    """Publishes the hosts of Services and Ingresses in Route 53; never removes a record by itself."""
    values: dict[str, Any] = {
        "provider": {"name": "aws"},
        # Not Istio's kinds: they do not exist yet when this starts, and it would fail without them.
        "sources": ["service", "ingress"],
        "policy": "upsert-only",
        "txtOwnerId": env.cluster_name,
        "domainFilters": [env.hosted_zone.name],
        "serviceAccount": {"create": True, "name": "external-dns"},
        "env": [{"name": "AWS_DEFAULT_REGION", "value": env.region}],
    }
    # A zone may be a parent of the domain, and have a private namesake, where no record belongs.
    values["extraArgs"] = ["--aws-zone-match-parent", "--aws-zone-type=public"]
    if env.hosted_zone.id:
        values["extraArgs"].append(f"--zone-id-filter={env.hosted_zone.id}")
    if env.hosted_zone.role:
        values["extraArgs"].append(f"--aws-assume-role={env.hosted_zone.role}")
    return HelmRelease(
        name="external-dns",
        namespace="external-dns",
        repository="https://kubernetes-sigs.github.io/external-dns",
        chart="external-dns",
        version="1.21.1",
        values=values,
    )
